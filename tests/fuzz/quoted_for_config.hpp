// SPDX-License-Identifier: MIT
//
// A value as it is written in the configuration file.
#pragma once

#include <string>
#include <string_view>

namespace idmerge {

inline std::string quoted_for_config(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text + '"';
}

}  // namespace idmerge
