// SPDX-License-Identifier: MIT
//
// `idmerge status`: reports the progress of a job from its checkpoint and journal. It takes no
// lock, so it neither disturbs a running process nor depends on one.
#pragma once

#include <string>

#include "io/files.hpp"
#include "util/result.hpp"

namespace idmerge::cli {

/// Returns some lines for people; the last one is the command that continues the job, if there is
/// one. Errors: as view_job().
Result<std::string> status_text(io::Files& files, const std::string& job);

}  // namespace idmerge::cli
