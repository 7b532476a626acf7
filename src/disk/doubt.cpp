// SPDX-License-Identifier: MIT
#include "idmerge/disk/doubt.hpp"

#include <algorithm>

namespace idmerge {
namespace {

/// The first `links_max` links from the watermark on with this verdict, pending and not parked.
Result<void> first_pending(const Ledger& ledger, const PlanReader& plan, Verdict verdict,
                           std::uint64_t links_max, std::vector<std::uint64_t>& ordinals) {
  PlanBlock block;
  auto ordinal = ledger.watermark();
  while (links_max > 0 && ordinal < plan.links()) {
    if (auto read = plan.read_columns(plan.find_block(ordinal), block); !read) return read;
    const auto end = block.first + block.verdicts.size();
    for (; links_max > 0 && ordinal < end; ++ordinal) {
      if (block.verdicts[static_cast<std::size_t>(ordinal - block.first)] != verdict ||
          ledger.is_settled(ordinal) || ledger.is_parked(ordinal)) {
        continue;
      }
      ordinals.push_back(ordinal);
      --links_max;
    }
  }
  return {};
}

}  // namespace

std::uint64_t Doubt::links() const {
  std::uint64_t sum = 0;
  for (const auto& range : ranges)
    sum += range.count;
  return std::min(sum, links_max);
}

bool Doubt::contains(std::uint64_t ordinal) const {
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), ordinal,
      [](std::uint64_t wanted, const LinkRange& range) { return wanted < range.first; });
  return after != ranges.begin() && ordinal - std::prev(after)->first < std::prev(after)->count;
}

bool Doubt::reaches(std::uint64_t first, std::uint64_t count) const {
  return std::any_of(ranges.begin(), ranges.end(), [&](const LinkRange& range) {
    return range.first < first + count && first < range.first + range.count;
  });
}

Result<Doubt> links_in_doubt(const RunState& state, const PlanReader& plan, std::string_view boot) {
  const auto& checkpoint = state.checkpoint;
  const auto ledger = Ledger::restore(checkpoint.ledger);
  if (!ledger) return ledger.error();
  Doubt doubt;
  doubt.died = checkpoint.in_flight_max > 0;
  doubt.power_lost = doubt.died && (boot.empty() || boot != checkpoint.boot);
  auto ordinals = pending_of(checkpoint.in_doubt, *ledger);
  for (const auto& [ordinal, attempts] : ledger->parked())
    ordinals.push_back(ordinal);
  const auto links_max = checkpoint.in_flight_max + (doubt.power_lost ? checkpoint.ahead_max : 0);
  const bool is_round = checkpoint.round > 0 && links_max > 0;
  if (is_round) doubt.links_max = ordinals.size() + links_max;
  const auto found = first_pending(*ledger, plan, is_round ? Verdict::spare : Verdict::send,
                                   is_round ? plan.links() : links_max, ordinals);
  if (!found) return found.error();
  doubt.ranges = ranges_of(std::move(ordinals));
  return doubt;
}

}  // namespace idmerge
