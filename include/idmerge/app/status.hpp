// SPDX-License-Identifier: MIT
//
// `idmerge status`: where a job stands, read from checkpoint and journal without the lock, so that
// asking disturbs nobody and works as well when nobody is left to ask.
#pragma once

#include <string>

#include "idmerge/base/result.hpp"
#include "idmerge/disk/files.hpp"

namespace idmerge {

/// Shape: some lines for people, the last of them the command that goes on, if there is one.
/// Errors: as view_job().
Result<std::string> status_text(Files& files, const std::string& job);

}  // namespace idmerge
