// SPDX-License-Identifier: MIT
//
// Decodes and encodes UTF-8 one character at a time, for untrusted text. Whole texts are validated
// by simdjson.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace idmerge::util {

struct Utf8Character {
  char32_t code = 0;
  std::size_t bytes = 0;  // 0: the text does not begin with a valid character
};

/// Decodes the character at the start of `text`. Returns 0 bytes for an empty or invalid text.
///
/// Source: RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF.
Utf8Character read_utf8(std::string_view text);

/// Returns whether a character controls a display or a line reader instead of being shown: control
/// characters (C0, DEL, C1), line and paragraph separators, directional formatting characters, the
/// byte order mark, tags.
///
/// Source: Unicode 15, UAX #9 section 2 (directional formatting characters), chapter 23.
bool steers_display(char32_t code);

/// Appends `code` as a JSON escape, \u202e, or as a surrogate pair above U+FFFF.
///
/// Source: RFC 8259 section 7.
void append_json_escape(char32_t code, std::string& out);

/// Appends `code` to a string or a vector of char. Requires: `code` is at most U+10FFFF. A
/// surrogate is encoded like any other number below U+10000, which is not valid UTF-8.
template <typename Bytes>
void append_utf8(char32_t code, Bytes& out) {
  const auto add = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto add_rest = [&](unsigned shift) { add(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xc0 | code >> 6U);
    add_rest(0);
  } else if (code < 0x10000) {
    add(0xe0 | code >> 12U);
    add_rest(6);
    add_rest(0);
  } else {
    add(0xf0 | (code >> 18U & 7U));
    add_rest(12);
    add_rest(6);
    add_rest(0);
  }
}

}  // namespace idmerge::util
