// SPDX-License-Identifier: MIT
//
// Which files the user means. Directories and globs are expanded here; what is left out, is left
// out for a reason that can be printed, because a file silently missed is rows silently lost.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"

namespace idmerge {

struct Inputs {
  std::vector<std::string> paths;        // "-" is standard input
  std::vector<std::string> passed_over;  // "dir/_SUCCESS: a marker file"
};

/// Expand files, directories and globs, in the order named; each one's files in natural order.
///
/// Errors: input for what does not exist or matches nothing; usage for a directory within a
/// directory and for standard input named twice.
Result<Inputs> list_inputs(const std::vector<std::string>& named);

/// Do the numbers in them tell which comes first ("part-2" before "part-10")?
bool natural_less(std::string_view a, std::string_view b);

}  // namespace idmerge
