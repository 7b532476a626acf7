// SPDX-License-Identifier: MIT
//
// A value as it is written in the configuration file: points as escapes, because a file with many
// of them is refused.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace idmerge::testing {

inline std::string quoted_for_config(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '.' || c == '"' || c == '\\') {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      text += escape;
    } else {
      text += c;
    }
  }
  return text + '"';
}

}  // namespace idmerge::testing
