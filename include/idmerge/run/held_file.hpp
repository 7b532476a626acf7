// SPDX-License-Identifier: MIT
//
// `held.ndjson`: every held link of a plan, in order, with what it clashes with. What stands
// against a link is known by its anonymous id, so it is gathered by id, a few links for each. Where
// that is more than memory holds, the held links are parted by their id into files, and the lines
// of the parts are merged.
#pragma once

#include <cstdint>
#include <string_view>

#include "idmerge/base/result.hpp"
#include "idmerge/disk/files.hpp"
#include "idmerge/disk/job.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/disk/spill.hpp"

namespace idmerge {

/// Write `held.ndjson`: first `rows`, the lines about rows that made no link, then those from the
/// plan.
///
/// Bounds: some 400 bytes and the ids of each held link, until these are more than half of
/// `memory_bytes` (0: without limit). Errors: Errc::outage when the disk fails; there is no new
/// file then.
Result<void> write_held(Files& files, const JobPaths& job, std::string_view rows,
                        const PlanReader& plan, SpillDir& dir, std::uint64_t memory_bytes);

}  // namespace idmerge
