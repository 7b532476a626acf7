// SPDX-License-Identifier: MIT
#include "util/encoding.hpp"

#include <cstdint>
#include <cstring>

namespace idmerge::util {
namespace {

bool is_plain(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
}

/// Tests eight bytes at once like is_plain().
/// Source: Sean Eron Anderson, Bit Twiddling Hacks, "Determine if a word has a byte less than n".
bool are_plain(const char* bytes) {
  constexpr std::uint64_t each = 0x0101010101010101;
  std::uint64_t x = 0;
  std::memcpy(&x, bytes, sizeof x);
  const std::uint64_t quote = x ^ (each * '"');
  const std::uint64_t backslash = x ^ (each * '\\');
  const std::uint64_t found =
      ((x - each * 0x20) & ~x) | ((quote - each) & ~quote) | ((backslash - each) & ~backslash);
  return (found & (each * 0x80)) == 0;
}

}  // namespace

void append_json(std::string_view text, std::string& out) {
  out += '"';
  const char* from = text.data();
  const char* const end = from + text.size();
  while (true) {
    const char* to = from;
    while (end - to >= 8 && are_plain(to))
      to += 8;
    while (to != end && is_plain(*to))
      ++to;
    out.append(from, to);
    if (to == end) break;
    if (*to == '"' || *to == '\\') {
      out += '\\';
      out += *to;
    } else {
      constexpr std::string_view digits = "0123456789abcdef";
      const auto code = static_cast<unsigned char>(*to);
      out += "\\u00";
      out += digits[code >> 4];
      out += digits[code & 0xf];
    }
    from = to + 1;
  }
  out += '"';
}

void append_base64(std::string_view bytes, std::string& out) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) -> unsigned {
      return k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0U;
    };
    const unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out += digits[group >> 18];
    out += digits[group >> 12 & 63];
    out += i + 1 < bytes.size() ? digits[group >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? digits[group & 63] : '=';
  }
}

}  // namespace idmerge::util
