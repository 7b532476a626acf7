// SPDX-License-Identifier: MIT
#include "send/in_doubt.hpp"

#include <algorithm>

#include "plan/verdict.hpp"

namespace idmerge::send {
namespace {

/// The bounds of the pending links that a run may have sent without a record.
struct Reach {
  std::uint64_t links_max = UINT64_MAX;  // at most this many, counted from the watermark
  std::uint64_t end = UINT64_MAX;        // all ordinals are less than this
};

bool has_died(const Checkpoint& checkpoint) {
  return checkpoint.in_flight_max > 0;
}

bool is_power_lost(const Checkpoint& checkpoint, std::string_view boot) {
  return has_died(checkpoint) && (boot.empty() || boot != checkpoint.boot);
}

/// Version 3 of the checkpoint bounds the number of links sent without a record, later versions
/// bound their ordinals.
Reach reach_of(const Checkpoint& checkpoint, bool power_lost) {
  if (!checkpoint.old_window) return {.end = checkpoint.ceiling};
  const auto ahead = power_lost ? checkpoint.old_window->ahead_max : 0;
  return {.links_max = checkpoint.in_flight_max + ahead};
}

bool is_open(const Ledger& ledger, std::uint64_t ordinal) {
  return !ledger.is_settled(ordinal) && !ledger.is_parked(ordinal);
}

/// Add the links within reach that are to be sent, pending and not parked.
Result<void> add_within(Reach reach, const Ledger& ledger, const plan::PlanReader& plan,
                        LinkSet& in_doubt) {
  plan::PlanBlock block;
  auto ordinal = ledger.watermark();
  const auto links_end = std::min(plan.links(), reach.end);
  while (reach.links_max > 0 && ordinal < links_end) {
    if (auto read = plan.read_columns(plan.find_block(ordinal), block); !read) return read;
    const auto end = std::min<std::uint64_t>(block.first + block.verdicts.size(), links_end);
    for (; reach.links_max > 0 && ordinal < end; ++ordinal) {
      const auto verdict = block.verdicts[static_cast<std::size_t>(ordinal - block.first)];
      if (verdict != plan::Verdict::send || !is_open(ledger, ordinal)) continue;
      in_doubt.add(ordinal);
      --reach.links_max;
    }
  }
  return {};
}

/// Likewise for the spares of a round.
void add_within(Reach reach, const Ledger& ledger, std::span<const std::uint64_t> spares,
                LinkSet& in_doubt) {
  for (const auto ordinal : spares) {
    if (reach.links_max == 0 || ordinal >= reach.end) return;
    if (!is_open(ledger, ordinal)) continue;
    in_doubt.add(ordinal);
    --reach.links_max;
  }
}

}  // namespace

bool is_only_bounded(const RunState& state, std::string_view boot) {
  const auto& checkpoint = state.checkpoint;
  return has_died(checkpoint) &&
         (checkpoint.old_window || state.journal_lost || is_power_lost(checkpoint, boot));
}

Result<InDoubt> links_in_doubt(const RunState& state, const plan::PlanReader& plan,
                               std::string_view boot, std::span<const std::uint64_t> spares) {
  const auto& checkpoint = state.checkpoint;
  const auto ledger = Ledger::restore(checkpoint.ledger);
  if (!ledger) return ledger.error();
  InDoubt in_doubt;
  in_doubt.died = has_died(checkpoint);
  in_doubt.power_lost = is_power_lost(checkpoint, boot);
  in_doubt.links = pending_of(checkpoint.in_doubt, *ledger);
  const bool only_bounded = is_only_bounded(state, boot);
  // Parked links are retried at the end of a run, so they may have been sent as well. Version 3 did
  // not record why a link was parked.
  if (only_bounded || checkpoint.old_window) {
    for (const auto& [ordinal, attempts] : ledger->parked())
      in_doubt.links.add(ordinal);
  }
  if (!only_bounded) return in_doubt;
  const auto reach = reach_of(checkpoint, in_doubt.power_lost);
  if (checkpoint.round > 0) {
    add_within(reach, *ledger, spares, in_doubt.links);
  } else if (auto found = add_within(reach, *ledger, plan, in_doubt.links); !found) {
    return found.error();
  }
  return in_doubt;
}

}  // namespace idmerge::send
