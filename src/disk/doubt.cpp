// SPDX-License-Identifier: MIT
#include "idmerge/disk/doubt.hpp"

#include <algorithm>

namespace idmerge {
namespace {

bool is_open(const Ledger& ledger, std::uint64_t ordinal) {
  return !ledger.is_settled(ordinal) && !ledger.is_parked(ordinal);
}

/// The first `links_max` links from the watermark on that are sent, pending and not parked.
Result<void> first_pending(const Ledger& ledger, const PlanReader& plan, std::uint64_t links_max,
                           std::vector<std::uint64_t>& ordinals) {
  PlanBlock block;
  auto ordinal = ledger.watermark();
  while (links_max > 0 && ordinal < plan.links()) {
    if (auto read = plan.read_columns(plan.find_block(ordinal), block); !read) return read;
    const auto end = block.first + block.verdicts.size();
    for (; links_max > 0 && ordinal < end; ++ordinal) {
      const auto verdict = block.verdicts[static_cast<std::size_t>(ordinal - block.first)];
      if (verdict != Verdict::send || !is_open(ledger, ordinal)) continue;
      ordinals.push_back(ordinal);
      --links_max;
    }
  }
  return {};
}

/// The same of the spares of a round.
void first_pending(const Ledger& ledger, std::span<const std::uint64_t> spares,
                   std::uint64_t links_max, std::vector<std::uint64_t>& ordinals) {
  for (const auto ordinal : spares) {
    if (links_max == 0) return;
    if (!is_open(ledger, ordinal)) continue;
    ordinals.push_back(ordinal);
    --links_max;
  }
}

}  // namespace

std::uint64_t Doubt::links() const {
  std::uint64_t sum = 0;
  for (const auto& range : ranges)
    sum += range.count;
  return sum;
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

Result<Doubt> links_in_doubt(const RunState& state, const PlanReader& plan, std::string_view boot,
                             std::span<const std::uint64_t> spares) {
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
  if (checkpoint.round > 0) {
    first_pending(*ledger, spares, links_max, ordinals);
  } else if (auto found = first_pending(*ledger, plan, links_max, ordinals); !found) {
    return found.error();
  }
  doubt.ranges = ranges_of(std::move(ordinals));
  return doubt;
}

}  // namespace idmerge
