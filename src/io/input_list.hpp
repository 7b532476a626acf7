// SPDX-License-Identifier: MIT
//
// Expands the inputs on the command line (files, directories, globs) to a list of files. Every file
// that is left out is listed with a printable reason, because a file skipped silently means rows
// lost silently.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "util/result.hpp"

namespace idmerge::io {

struct InputList {
  std::vector<std::string> paths;        // "-" is standard input
  std::vector<std::string> passed_over;  // "dir/_SUCCESS: a marker file"
};

/// Expand files, directories and globs in the given order, the files of each in natural order.
///
/// Errors: input for a path that does not exist and a glob that matches nothing; usage for a
/// directory within a directory and for standard input given twice.
Result<InputList> list_inputs(const std::vector<std::string>& named);

/// Natural order: digit sequences are compared by value, so that "part-2" precedes "part-10".
bool natural_less(std::string_view a, std::string_view b);

}  // namespace idmerge::io
