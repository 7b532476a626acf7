// SPDX-License-Identifier: MIT
#include "input/id_text.hpp"

#include <algorithm>

namespace idmerge::input {
namespace {

using std::string_view;

constexpr auto npos = string_view::npos;

}  // namespace

std::size_t leading_space(string_view text) {
  if (text.empty()) return 0;
  switch (static_cast<unsigned char>(text[0])) {
    case ' ':
    case '\t':
    case '\n':
    case '\v':
    case '\f':
    case '\r':
      return 1;
    case 0xC2:  // U+0085, U+00A0
      return text.size() > 1 && (text[1] == '\x85' || text[1] == '\xA0') ? 2 : 0;
    case 0xE1:  // U+1680
      return text.starts_with("\xE1\x9A\x80") ? 3 : 0;
    case 0xE2:  // U+2000..200B, 2028, 2029, 202F, 205F, 2060
      if (text.size() < 3) return 0;
      if (text[1] == '\x80') {
        const auto c = static_cast<unsigned char>(text[2]);
        return (c >= 0x80 && c <= 0x8B) || c == 0xA8 || c == 0xA9 || c == 0xAF ? 3 : 0;
      }
      return text[1] == '\x81' && (text[2] == '\x9F' || text[2] == '\xA0') ? 3 : 0;
    case 0xE3:  // U+3000
      return text.starts_with("\xE3\x80\x80") ? 3 : 0;
    case 0xEF:  // U+FEFF
      return text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    default:
      return 0;
  }
}

namespace {

/// Bytes of the white space, quote or sign that is not shown at the start of `text`, or 0.
std::size_t leading_dress(string_view text) {
  if (text.empty()) return 0;
  if (text[0] == '"' || text[0] == '\'' || text[0] == '`') return 1;
  if (const auto space = leading_space(text); space > 0) return space;
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.size() > 1 && text[0] == '\xC2') {  // soft hyphen, guillemets
    return at(1) == 0xAD || at(1) == 0xAB || at(1) == 0xBB ? 2 : 0;
  }
  if (text.size() < 3 || text[0] != '\xE2') return 0;
  if (text[1] == '\x80') {  // U+200C..200F, 2018..201F, 2028..202F, 2039, 203A
    const auto c = at(2);
    return (c >= 0x8C && c <= 0x8F) || (c >= 0x98 && c <= 0x9F) || (c >= 0xA8 && c <= 0xAF) ||
                   c == 0xB9 || c == 0xBA
               ? 3
               : 0;
  }
  return text[1] == '\x81' && at(2) >= 0x9F && at(2) <= 0xAF ? 3 : 0;  // U+205F..206F
}

}  // namespace

bool is_all_space(string_view id) {
  while (!id.empty()) {
    const auto space = leading_space(id);
    if (space == 0) return false;
    id.remove_prefix(space);
  }
  return true;
}

string_view undressed(string_view text) {
  while (const auto bytes = leading_dress(text))
    text.remove_prefix(bytes);
  const auto trailing = [&]() -> std::size_t {
    constexpr std::size_t dress_bytes_max = 3;
    for (std::size_t bytes = 1; bytes <= std::min(dress_bytes_max, text.size()); ++bytes) {
      if (leading_dress(text.substr(text.size() - bytes)) == bytes) return bytes;
    }
    return 0;
  };
  while (const auto bytes = trailing())
    text.remove_suffix(bytes);
  return text;
}

std::size_t find_bad_utf8(string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto tail = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0U) == 0x80U; };
  std::size_t i = 0;
  while (i < text.size()) {
    const auto c = byte(i);
    if (c < 0x80) {
      ++i;
    } else if (c >= 0xC2 && c <= 0xDF) {
      if (!tail(i + 1)) return i;
      i += 2;
    } else if (c >= 0xE0 && c <= 0xEF) {
      if (!tail(i + 1) || !tail(i + 2)) return i;
      if (c == 0xE0 && byte(i + 1) < 0xA0) return i;   // overlong
      if (c == 0xED && byte(i + 1) >= 0xA0) return i;  // surrogate
      i += 3;
    } else if (c >= 0xF0 && c <= 0xF4) {
      if (!tail(i + 1) || !tail(i + 2) || !tail(i + 3)) return i;
      if (c == 0xF0 && byte(i + 1) < 0x90) return i;   // overlong
      if (c == 0xF4 && byte(i + 1) >= 0x90) return i;  // over U+10FFFF
      i += 4;
    } else {
      return i;
    }
  }
  return npos;
}

std::size_t find_control(string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F) return i;
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      return i;  // C1
    }
    if (c == 0xE2 && i + 2 < text.size() && text[i + 1] == '\x80' &&
        (text[i + 2] == '\xA8' || text[i + 2] == '\xA9')) {
      return i;  // line and paragraph separator
    }
  }
  return npos;
}

}  // namespace idmerge::input
