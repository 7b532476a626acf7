// SPDX-License-Identifier: MIT
#include "idmerge/core/json_text.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

namespace idmerge {
namespace {

unsigned byte(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

void append_code(std::string& out, unsigned code) {
  fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
}

/// Append one ASCII byte that does not stand for itself.
void append_ascii(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      append_code(out, static_cast<unsigned char>(c));
  }
}

constexpr auto plain_table = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0x20; c < 0x7f; ++c)
    table[c] = c != '"' && c != '\\';
  return table;
}();

/// Most bytes of most ids: printable ASCII that JSON does not escape.
bool stands_for_itself(char c) {
  return plain_table[static_cast<unsigned char>(c)];
}

/// Is this valid character one that a terminal or a reader of lines might obey?
bool is_control(std::string_view character) {
  if (character.size() == 2) return byte(character, 0) == 0xc2 && byte(character, 1) < 0xa0;
  return character == "\xe2\x80\xa8" || character == "\xe2\x80\xa9";
}

unsigned code_of(std::string_view character) {
  if (character.size() == 2) return (byte(character, 0) & 0x1f) << 6 | (byte(character, 1) & 0x3f);
  return (byte(character, 0) & 0x0f) << 12 | (byte(character, 1) & 0x3f) << 6 |
         (byte(character, 2) & 0x3f);
}

}  // namespace

std::size_t utf8_length(std::string_view bytes) {
  if (bytes.empty()) return 0;
  const auto first = byte(bytes, 0);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xc2   ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  if (length == 0 || bytes.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(bytes, i) & 0xc0) != 0x80) return 0;
  }
  const auto second = byte(bytes, 1);
  if (first == 0xe0 && second < 0xa0) return 0;   // overlong
  if (first == 0xed && second >= 0xa0) return 0;  // surrogate
  if (first == 0xf0 && second < 0x90) return 0;   // overlong
  if (first == 0xf4 && second >= 0x90) return 0;  // past U+10FFFF
  return length;
}

void append_json_string(std::string& out, std::string_view bytes) {
  out += '"';
  while (!bytes.empty()) {
    const auto plain = static_cast<std::size_t>(
        std::find_if_not(bytes.begin(), bytes.end(), stands_for_itself) - bytes.begin());
    out += bytes.substr(0, plain);
    bytes.remove_prefix(plain);
    if (bytes.empty()) break;
    const auto length = utf8_length(bytes);
    if (length == 0) {
      append_code(out, byte(bytes, 0));
      bytes.remove_prefix(1);
      continue;
    }
    const auto character = bytes.substr(0, length);
    if (length == 1) {
      append_ascii(out, character[0]);
    } else if (length < 4 && is_control(character)) {
      append_code(out, code_of(character));
    } else {
      out += character;
    }
    bytes.remove_prefix(length);
  }
  out += '"';
}

void append_json_key(std::string& out, std::string_view key) {
  if (!out.empty() && out.back() != '{') out += ',';
  append_json_string(out, key);
  out += ':';
}

void append_json_member(std::string& out, std::string_view key, std::string_view value) {
  append_json_key(out, key);
  append_json_string(out, value);
}

void append_json_member(std::string& out, std::string_view key, std::uint64_t value) {
  append_json_key(out, key);
  fmt::format_to(std::back_inserter(out), "{}", value);
}

}  // namespace idmerge
