// SPDX-License-Identifier: MIT
//
// What an id is made of, looked at by itself: its prefix, white space, bytes that no id may have.
#pragma once

#include <cstddef>
#include <string_view>

namespace idmerge::input {

/// The longest id that the service does not truncate. Units: bytes.
inline constexpr std::size_t id_bytes_max = 255;

inline constexpr std::string_view device_prefix = "$device:";

/// Checks the first character first, which avoids a function call for nearly all ids.
constexpr bool has_device_prefix(std::string_view id) {
  return !id.empty() && id.front() == device_prefix.front() && id.starts_with(device_prefix);
}

/// Returns an anonymous id as it is sent: in a simplified project without its prefix. Of a doubled
/// prefix one remains, for which the id is rejected.
constexpr std::string_view wire_anon(std::string_view anon, bool simplified) {
  if (simplified && has_device_prefix(anon)) anon.remove_prefix(device_prefix.size());
  return anon;
}

/// Bytes of the white-space character at the start of `text`, or 0.
std::size_t leading_space(std::string_view text);

/// May a white-space character begin with this byte, or end with it?
constexpr bool may_be_space(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= ' ' || byte >= 0x80;
}

/// Is there nothing but white-space characters?
bool is_all_space(std::string_view id);

/// Returns whether an id is empty or only white space (ASCII, no-break space, Unicode spaces).
inline bool is_blank(std::string_view id) {
  return id.empty() || (may_be_space(id.front()) && is_all_space(id));
}

/// Returns the text without white space, byte order marks, quotes and invisible characters around
/// it, however many of them, in ASCII and outside.
std::string_view undressed(std::string_view text);

/// Returns the offset of the first byte that is not UTF-8, or npos. Overlong forms, surrogates and
/// values above U+10FFFF are not UTF-8. Source: RFC 3629.
std::size_t find_bad_utf8(std::string_view text);

/// Returns the offset of the first control character, or npos: C0, DEL, C1, and the line and
/// paragraph separators. Requires: valid UTF-8 for the latter two.
std::size_t find_control(std::string_view text);

}  // namespace idmerge::input
