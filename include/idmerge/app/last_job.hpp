// SPDX-License-Identifier: MIT
//
// The guard `--max-links`: a count, or with P% a share of what the last finished job had to send,
// for work that comes back every night. --last-job names that job. Nothing lifts the guard
// unnoticed: a directory that is absent, damaged, unfinished or of another kind of job is an error,
// and the first night has to be said, with `none`, and is warned of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "idmerge/app/option_table.hpp"
#include "idmerge/base/log.hpp"
#include "idmerge/base/result.hpp"
#include "idmerge/core/key_values.hpp"
#include "idmerge/disk/files.hpp"

namespace idmerge {

struct LastJob {
  std::string job;          // the directory
  std::uint64_t links = 0;  // of its plan, with the verdict `send`
};

/// Read what tonight's plan is measured by: nothing when --max-links is no share, or with `none`.
///
/// Shape: `planned` as plan_words(), of tonight's plan. Job, target and token of tonight are known;
/// the last job must have been sent there, unless nothing is to leave for a service.
/// Errors: usage when it is no job, tonight's own, or one of another operation, API, project mode,
/// target, project or token; input when it is damaged or not finished.
Result<std::optional<LastJob>> read_last_job(const Settings& settings, const KeyValues& planned,
                                             Files& files, Log& log);

/// Are so many links more than --max-links allows?
/// Shape: `last` as read_last_job(). Errors: guard, with the numbers and what to do.
Result<void> check_links(const Settings& settings, std::uint64_t links,
                         const std::optional<LastJob>& last);

}  // namespace idmerge
