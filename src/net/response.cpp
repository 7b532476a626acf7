// SPDX-License-Identifier: MIT
#include "net/response.hpp"

#include <algorithm>

#include "util/utf8.hpp"

namespace idmerge::net {
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

bool is_space_or_acts(char32_t code) {
  return code == ' ' || code == 0xa0 || util::steers_display(code) ||
         (code >= 0x200b && code <= 0x200d) || (code >= 0x2060 && code <= 0x2065);
}

}  // namespace

void append_clean(const util::Redactor& secrets, std::string_view raw, std::string& out,
                  std::size_t size_max) {
  const std::string redacted = secrets(raw);
  std::string_view text = redacted;
  const std::size_t start = out.size();
  bool space = false;
  while (!text.empty()) {
    const auto [code, length] = util::read_utf8(text);
    const std::string_view bytes = length > 0 ? text.substr(0, length) : "?";
    text.remove_prefix(std::max<std::size_t>(length, 1));
    if (length > 0 && is_space_or_acts(code)) {
      space = out.size() > start;  // drops leading spaces
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

bool is_html(const Response& response) {
  if (find_any_case(response.content_type, "html", 0) != std::string_view::npos) return true;
  const auto first = response.body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && response.body[first] == '<';
}

void append_gist(const util::Redactor& secrets, const Response& response, std::string& out) {
  std::string_view text =
      response.body.substr(0, std::min<std::size_t>(response.body.size(), 16'384));
  if (is_html(response)) {
    const auto open = find_any_case(text, "<title", 0);
    const auto from = open == std::string_view::npos ? open : text.find('>', open);
    const auto to = from == std::string_view::npos ? from : find_any_case(text, "</title", from);
    if (to != std::string_view::npos) text = text.substr(from + 1, to - from - 1);
  }
  append_clean(secrets, text, out);
}

}  // namespace idmerge::net
