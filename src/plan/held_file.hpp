// SPDX-License-Identifier: MIT
//
// Writes `held.ndjson`: every held link of a plan, in order, with the links that it conflicts with.
// Conflicts are found by anonymous id, so they are collected by id, with a few links for each. If
// that exceeds the memory limit, the held links are partitioned by id into files, and the lines of
// the partitions are merged.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "input/row.hpp"
#include "io/files.hpp"
#include "io/spill.hpp"
#include "plan/job_paths.hpp"
#include "plan/plan_file.hpp"
#include "plan/resolver.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

/// Returns: the memory needed for the lines of `held` links. Units: bytes; `bytes_a_link` is the
/// size of a link in the plan.
std::uint64_t held_bytes(std::uint64_t held, std::uint64_t bytes_a_link);

/// The file under its temporary name; durable. It is complete if `links` is the number of all held
/// links.
struct HeldPart {
  io::PartFile file;
  std::uint64_t links = 0;
};

/// Writes `held.ndjson` for the links that claims alone hold, in parallel with the rest of
/// Resolver::decide_verdicts(). The file begins with `rows`, the lines about rows that made no
/// link.
///
/// Requires: PlanWriter::end_links() was called.
/// Bounds: held_bytes(). Errors: Errc::outage if the disk fails.
Result<HeldPart> write_claimed(io::Files& files, const JobPaths& job, std::string_view rows,
                               const PlanWriter& plan, const std::vector<PlanInput>& inputs,
                               const Resolver& resolver);

/// Writes `held.ndjson` for a complete plan; `rows` as in write_claimed().
///
/// Bounds: held_bytes(), up to half of `memory_bytes` (0: no limit); beyond that, files in `dir`.
/// Errors: Errc::input for a damaged plan, Errc::outage when the disk fails; no new file exists
/// then.
Result<void> write_held(io::Files& files, const JobPaths& job, std::string_view rows,
                        const PlanReader& plan, io::SpillDir& dir, std::uint64_t memory_bytes);

}  // namespace idmerge::plan
