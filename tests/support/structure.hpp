// SPDX-License-Identifier: MIT
//
// The structural positions of JSON, found byte by byte: what input/ndjson has simdjson do.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace idmerge::testing {

inline std::vector<std::uint32_t> structure(std::string_view text) {
  std::vector<std::uint32_t> found;
  bool in_string = false;
  bool in_scalar = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      continue;
    }
    const bool bracket = std::string_view("{}[]:,").find(c) != std::string_view::npos;
    if (bracket || c == '"' || (!blank && !in_scalar)) {
      found.push_back(static_cast<std::uint32_t>(i));
    }
    in_string = c == '"';
    in_scalar = !blank && !bracket && c != '"';
  }
  const auto size = static_cast<std::uint32_t>(text.size());
  found.insert(found.end(), {size, size, size});
  return found;
}

}  // namespace idmerge::testing
