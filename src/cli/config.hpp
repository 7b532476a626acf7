// SPDX-License-Identifier: MIT
//
// The file of `--config`: TOML 1.0, read by toml++. A key is the name of an option; options have no
// tables and no dates, and these are refused, because a setting that is silently lost may send what
// should have been held.
//
//   rate = "500/s"                    # any string
//   min-rows = 1_000                  # a number
//   no-collapse = true                # a switch
//   allow = ["ragged", "lazy-quotes"] # several values
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.hpp"

namespace idmerge::cli {

struct ConfigLine {
  std::string key;  // anything, when it is quoted
  /// One, or the members of an array. Numbers are as the file has them, without `_` and a leading
  /// `+`; hexadecimal, octal and binary ones are decimal.
  std::vector<std::string> values;
  std::size_t line = 0;  // of the key
  /// The first number as the file has it, "1_000", when that is not its text in `values`: whoever
  /// wants a text cannot know which of the two was meant.
  std::string respelled = {};

  bool operator==(const ConfigLine&) const = default;
};

/// The settings of a configuration in their order.
/// Errors: usage, beginning with line and column: "3:8: rate: ..."; never with a value's text,
/// which may be a secret.
Result<std::vector<ConfigLine>> parse_config(std::string_view text);

}  // namespace idmerge::cli
