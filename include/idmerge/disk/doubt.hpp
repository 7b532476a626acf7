// SPDX-License-Identifier: MIT
//
// Which links may have been delivered without our knowing: a run that died had requests under way,
// and a machine that lost power forgot answers too. They are sent again (law 2), so a person wants
// to know how many and which. Links leave in the order of the plan, in a round of spares in that of
// its list; hence those in doubt after a death are the first pending ones, as many as the
// checkpoint promised not to exceed. After an end in order they are exactly those that were sent
// and not answered.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/ledger.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/disk/run_log.hpp"

namespace idmerge {

struct Doubt {
  bool died = false;              // the run before did not end in order
  bool power_lost = false;        // nor did its machine: what was not synced is gone
  std::vector<LinkRange> ranges;  // ascending, disjoint, not adjacent; pending links to be sent

  /// How many links, at most.
  std::uint64_t links() const;

  bool contains(std::uint64_t ordinal) const;

  /// Is any of these consecutive links in doubt?
  bool reaches(std::uint64_t first, std::uint64_t count) const;
};

/// Find the links in doubt after the run that left `state`, parked ones among them.
///
/// Shape: `boot` names the time since this machine started; another one than the checkpoint's, or
/// an empty one, counts as a power loss. `spares` are those of the round, ascending; of no meaning
/// in round 0 and unless the run died (run/rounds finds them).
/// Errors: Errc::input when the plan is damaged.
Result<Doubt> links_in_doubt(const RunState& state, const PlanReader& plan, std::string_view boot,
                             std::span<const std::uint64_t> spares = {});

}  // namespace idmerge
