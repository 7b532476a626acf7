// SPDX-License-Identifier: MIT
//
// The entry point of the program: arguments in, exit code out. All layers below return errors as
// values. The few exceptions that remain (no memory, a bug in a library) are caught here and become
// exit code 1; the job stays as it is on disk.
#pragma once

#include <string>
#include <vector>

namespace idmerge::cli {

/// Runs one command. Requires: `arguments` without the program's name. Returns: the exit code of
/// the process.
int run_app(const std::vector<std::string>& arguments);

}  // namespace idmerge::cli
