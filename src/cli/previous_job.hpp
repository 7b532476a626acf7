// SPDX-License-Identifier: MIT
//
// The guard `--max-links` for recurring jobs: a count, or with P% a percentage of the links that
// the previous finished job (--last-job) had to send. The guard is never disabled silently: a
// directory that is missing, damaged, unfinished or of another kind of job is an error, and the
// first run, which has no previous job, requires an explicit `none` and logs a warning.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/option_table.hpp"
#include "io/files.hpp"
#include "util/key_values.hpp"
#include "util/log.hpp"
#include "util/result.hpp"

namespace idmerge::cli {

struct PreviousJob {
  std::string job;          // its directory
  std::uint64_t links = 0;  // links of its plan with the verdict `send`
};

/// Reads the previous job that the current plan is compared with. Returns: nothing if --max-links
/// is not a percentage, or with `none`.
///
/// Requires: `planned` is plan_values() of the current plan, and the job, target and token of
/// `settings` are known. The previous job must have been sent to the same target, unless the
/// current call sends nothing to a service. Errors: usage if it is no job, the current job itself,
/// or one with another operation, API, project mode, target, project or token; input if it is
/// damaged or not finished.
Result<std::optional<PreviousJob>> read_previous_job(const Settings& settings,
                                                     const util::KeyValues& planned,
                                                     io::Files& files, util::Log& log);

/// Returns the error of a guard, with its option as the subject.
Error stopped_by(std::string_view guard, std::string_view what);

/// Checks `links` against --max-links. Requires: `last` from read_previous_job(). Errors: guard,
/// with the numbers and what to do.
Result<void> check_links(const Settings& settings, std::uint64_t links,
                         const std::optional<PreviousJob>& last);

}  // namespace idmerge::cli
