// SPDX-License-Identifier: MIT
//
// What must hold when a file that a person wrote is refused: the message begins with the number of
// a line that exists, it was that line and none before it, and a terminal can show the message.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "util/check.hpp"
#include "util/key_values.hpp"
#include "util/log.hpp"
#include "util/result.hpp"

namespace idmerge::testing {

inline void check_words(const Error& error) {
  IDMERGE_CHECK(!error.what.empty() && util::printable(error.what) == error.what);
}

/// The beginning of `text` before a line.
inline std::string_view text_before(std::string_view text, std::uint64_t line) {
  std::size_t at = 0;
  for (std::uint64_t n = 1; n < line; ++n)
    at = text.find('\n', at) + 1;
  return text.substr(0, at);
}

/// `accepts` says whether a text is accepted.
template <class Accepts>
void check_refused_line(std::string_view text, const Error& error, Accepts accepts) {
  IDMERGE_CHECK(error.code == Errc::usage);
  check_words(error);
  std::string_view what = error.what;
  IDMERGE_CHECK(what.starts_with("line "));
  what.remove_prefix(5);
  std::uint64_t line = 0;
  IDMERGE_CHECK(util::parse_number(what.substr(0, what.find(':')), line));
  const auto line_ends = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  IDMERGE_CHECK(line >= 1 && line <= line_ends + 1);
  IDMERGE_CHECK(line == 1 || accepts(text_before(text, line)));
}

}  // namespace idmerge::testing
