// SPDX-License-Identifier: MIT
//
// `held.ndjson`: every held link of a plan, in order, with what it clashes with. What stands
// against a link is known by its anonymous id, so it is gathered by id, a few links for each. Where
// that is more than memory holds, the held links are parted by their id into files, and the lines
// of the parts are merged.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/census.hpp"
#include "idmerge/core/pair.hpp"
#include "idmerge/disk/files.hpp"
#include "idmerge/disk/job.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/disk/spill.hpp"

namespace idmerge {

/// Memory for the lines about so many links of a plan. Units: bytes.
std::uint64_t held_bytes(std::uint64_t held, std::uint64_t bytes_a_link);

/// The file before it has its name; durable. Whole if `links` are all that are held.
struct HeldPart {
  PartFile file;
  std::uint64_t links = 0;
};

/// Write `held.ndjson` of what claims alone hold, from a plan whose links have ended, beside the
/// rest of Census::judge(): first `rows`, the lines about rows that made no link.
///
/// Bounds: held_bytes(). Errors: Errc::outage if the disk fails.
Result<HeldPart> write_claimed(Files& files, const JobPaths& job, std::string_view rows,
                               const PlanWriter& plan, const std::vector<PlanInput>& inputs,
                               const Census& census);

/// Write `held.ndjson` of a whole plan.
///
/// Bounds: held_bytes(), until these are more than half of `memory_bytes` (0: without limit).
/// Errors: Errc::outage when the disk fails; there is no new file then.
Result<void> write_held(Files& files, const JobPaths& job, std::string_view rows,
                        const PlanReader& plan, SpillDir& dir, std::uint64_t memory_bytes);

}  // namespace idmerge
