// SPDX-License-Identifier: MIT
//
// Finds the links in doubt: those that an earlier run may have delivered without a record of it,
// because it died with requests in flight, or because the machine lost power and with it answers
// that had been recorded. They are sent again (law 2, README.md), so the user is told how many and
// which; and only for them can the answer "already linked" mean that idmerge created the link.
//
// After an orderly end, and after a kill, they are exactly the links that were sent and have no
// conclusive answer, because the journal records links before their requests are sent. A power loss
// also loses the end of the journal; then they are all pending links below the checkpoint's
// ceiling.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "plan/plan_file.hpp"
#include "send/ledger.hpp"
#include "send/link_set.hpp"
#include "send/run_log.hpp"
#include "util/result.hpp"

namespace idmerge::send {

struct InDoubt {
  bool died = false;        // the previous run did not end in order
  bool power_lost = false;  // nor did its machine: data that was not synced is lost
  LinkSet links;            // pending links; all of them will be sent
};

/// Returns whether requests may have been sent that neither checkpoint nor journal records, so that
/// the links in doubt are known only by their bound, the ceiling.
bool is_only_bounded(const RunState& state, std::string_view boot);

/// Find the links in doubt after the run that left `state`, including parked ones.
///
/// Requires: `boot` identifies the current boot of this machine; if the previous run died, an empty
/// one or one other than the checkpoint's counts as a power loss. `spares` are the spares of the
/// round in ascending order (send/spare_rounds finds them); they are used only if is_only_bounded()
/// and the round is not 0. Errors: Errc::input when the plan is damaged.
Result<InDoubt> links_in_doubt(const RunState& state, const plan::PlanReader& plan,
                               std::string_view boot, std::span<const std::uint64_t> spares = {});

}  // namespace idmerge::send
