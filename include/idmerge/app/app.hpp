// SPDX-License-Identifier: MIT
//
// The program: arguments in, exit code out. Everything below returns errors as values; the few
// exceptions that remain (no memory, a bug in a library) end here, in exit code 1, with the job as
// it stands on disk.
#pragma once

#include <string>
#include <vector>

namespace idmerge {

/// Run one command.
/// Shape: the arguments without the program's name; the process exit code.
int run_app(const std::vector<std::string>& arguments);

}  // namespace idmerge
