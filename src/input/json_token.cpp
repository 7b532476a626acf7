// SPDX-License-Identifier: MIT
#include "input/json_token.hpp"

#include <charconv>
#include <cstring>

#include "util/utf8.hpp"

namespace idmerge::input {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Parses the first four characters, which must be hexadecimal digits.
std::optional<std::uint32_t> parse_hex(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  std::uint32_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + 4, value, 16);
  if (error != std::errc{} || stop != text.data() + 4) return std::nullopt;
  return value;
}

char unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

}  // namespace

bool json_escapes_valid(std::string_view inner) {
  for (std::size_t at = inner.find('\\'); at != std::string_view::npos;
       at = inner.find('\\', at + 2)) {
    if (at + 1 >= inner.size()) return false;
    const char c = inner[at + 1];
    if (c == 'u' ? !parse_hex(inner.substr(at + 2)) : std::strchr("\"\\/bfnrt", c) == nullptr) {
      return false;
    }
  }
  return true;
}

bool json_number_valid(std::string_view text, bool& integer) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const auto start = at;
    while (at < text.size() && is_digit(text[at]))
      ++at;
    return at - start;
  };
  const bool zero = at < text.size() && text[at] == '0';
  const auto count = digits();
  if (count == 0 || (zero && count > 1)) return false;
  integer = at == text.size();
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

std::optional<std::size_t> decode_json_string(std::string_view inner, std::vector<char>& out) {
  for (std::size_t at = 0; at < inner.size();) {
    if (inner[at] != '\\') {
      out.push_back(inner[at++]);
      continue;
    }
    if (inner[at + 1] != 'u') {
      out.push_back(unescaped(inner[at + 1]));
      at += 2;
      continue;
    }
    auto code = *parse_hex(inner.substr(at + 2));
    if (code >= 0xdc00 && code < 0xe000) return at;
    if (code >= 0xd800 && code < 0xdc00) {
      const auto rest = inner.substr(at + 6);
      const auto low = rest.starts_with("\\u") ? *parse_hex(rest.substr(2)) : 0;
      if (low < 0xdc00 || low >= 0xe000) return at;
      code = 0x10000 + ((code - 0xd800) << 10U) + (low - 0xdc00);
      at += 6;
    }
    at += 6;
    util::append_utf8(code, out);
  }
  return std::nullopt;
}

}  // namespace idmerge::input
