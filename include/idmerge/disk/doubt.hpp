// SPDX-License-Identifier: MIT
//
// Which links may have been delivered without our knowing: a run that died had requests under way,
// and a machine that lost power forgot answers too. They are sent again (law 2), so a person wants
// to know how many and which; and only of them the answer "already linked" may mean that it was us.
// After an end in order, and after a kill, they are exactly those that were sent without an answer
// that says what it did: the journal names links before they leave. After a power loss, which takes
// the journal's last part along, they are all pending ones below the checkpoint's ceiling.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "idmerge/base/result.hpp"
#include "idmerge/core/ledger.hpp"
#include "idmerge/core/link_set.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/disk/run_log.hpp"

namespace idmerge {

struct Doubt {
  bool died = false;        // the run before did not end in order
  bool power_lost = false;  // nor did its machine: what was not synced is gone
  LinkSet links;            // pending, and to be sent
};

/// May requests have left that neither checkpoint nor journal name, so that only the ceiling says
/// which?
bool is_only_bounded(const RunState& state, std::string_view boot);

/// Find the links in doubt after the run that left `state`, parked ones among them.
///
/// Shape: `boot` names the time since this machine started; another one than the checkpoint's, or
/// an empty one, counts as a power loss. `spares` are those of the round, ascending; of no meaning
/// in round 0 and unless is_only_bounded() (run/rounds finds them).
/// Errors: Errc::input when the plan is damaged.
Result<Doubt> links_in_doubt(const RunState& state, const PlanReader& plan, std::string_view boot,
                             std::span<const std::uint64_t> spares = {});

}  // namespace idmerge
