// SPDX-License-Identifier: MIT
#include "idmerge/core/reply.hpp"

#include <algorithm>
#include <array>

namespace idmerge {
namespace {

constexpr std::string_view ellipsis = "…";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool starts_with_any_case(std::string_view text, std::string_view lower_prefix) {
  return text.size() >= lower_prefix.size() &&
         std::equal(lower_prefix.begin(), lower_prefix.end(), text.begin(),
                    [](char a, char b) { return a == lower(b); });
}

std::size_t find_any_case(std::string_view text, std::string_view lower_word, std::size_t from) {
  for (; from + lower_word.size() <= text.size(); ++from) {
    if (starts_with_any_case(text.substr(from), lower_word)) return from;
  }
  return std::string_view::npos;
}

/// One character, or one byte that is no part of any.
struct Char {
  std::size_t bytes = 1;
  char32_t code = 0;
  bool valid = false;
};

// Source: The Unicode Standard, table 3-7, well-formed UTF-8 byte sequences.
Char read_char(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {1, first, true};
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return {};
  char32_t code = first & (0xffU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {bytes, code, true};
}

bool is_space_or_acts(char32_t code) {
  return code <= 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0x2028 || code == 0x2029 ||
         code == 0x061c || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x202a && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
         code == 0xfeff || (code >= 0xe0000 && code <= 0xe007f);
}

}  // namespace

void append_clean(const Redactor& secrets, std::string_view raw, std::string& out,
                  std::size_t size_max) {
  const std::string redacted = secrets(raw);
  std::string_view text = redacted;
  const std::size_t start = out.size();
  bool space = false;
  while (!text.empty()) {
    const Char at = read_char(text);
    const std::string_view bytes = at.valid ? text.substr(0, at.bytes) : "?";
    text.remove_prefix(at.bytes);
    if (at.valid && is_space_or_acts(at.code)) {
      space = out.size() > start;  // none at the beginning
      continue;
    }
    if (out.size() + (space ? 1 : 0) + bytes.size() + ellipsis.size() > size_max) {
      if (out.size() + ellipsis.size() <= size_max) out += ellipsis;
      return;
    }
    if (space) out += ' ';
    space = false;
    out += bytes;
  }
}

bool is_html(const Reply& reply) {
  if (find_any_case(reply.content_type, "html", 0) != std::string_view::npos) return true;
  const auto first = reply.body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && reply.body[first] == '<';
}

void append_gist(const Redactor& secrets, const Reply& reply, std::string& out) {
  std::string_view text = reply.body.substr(0, std::min<std::size_t>(reply.body.size(), 16'384));
  if (is_html(reply)) {
    const auto open = find_any_case(text, "<title", 0);
    const auto from = open == std::string_view::npos ? open : text.find('>', open);
    const auto to = from == std::string_view::npos ? from : find_any_case(text, "</title", from);
    if (to != std::string_view::npos) text = text.substr(from + 1, to - from - 1);
  }
  append_clean(secrets, text, out);
}

}  // namespace idmerge
