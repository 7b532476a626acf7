// SPDX-License-Identifier: MIT
//
// The file of `--config`: TOML, of which options need only lines `key = value`. Written here
// instead of taken from the option parser, because that one reads over what it does not
// understand, and a setting that is silently lost may send what should have been held.
//
//   rate = "500/s"                    # a string, basic or literal
//   connections = 16                  # an integer
//   no-collapse = true                # a switch
//   allow = ["ragged", "lazy-quotes"] # several values, on one line
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"

namespace idmerge {

struct ConfigLine {
  std::string key;
  std::vector<std::string> values;  // one, or the members of an array
  std::size_t line = 0;

  bool operator==(const ConfigLine&) const = default;
};

/// Read a configuration.
/// Errors: usage, beginning with the number of the line: "line 3: ..."; also for a key that occurs
/// twice and for tables, which options do not have.
Result<std::vector<ConfigLine>> parse_config(std::string_view text);

}  // namespace idmerge
