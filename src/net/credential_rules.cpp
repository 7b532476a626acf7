// SPDX-License-Identifier: MIT
#include "net/credential_rules.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <simdjson.h>

namespace idmerge::net {
namespace {

constexpr std::size_t token_bytes_max = 255;

/// ASCII, typographic and CJK quotes, opening or closing.
constexpr std::array<std::string_view, 20> quotes{"\"", "'", "`",  "´",  "‘",  "’", "‚",
                                                  "‛",  "“", "”",  "„",  "‟",  "‹", "›",
                                                  "«",  "»", "「", "」", "＂", "＇"};

/// Characters at the beginning or end of placeholders and of snippets of JSON, YAML or shell.
constexpr std::string_view template_marks = "<>{}[]()$%,;";

constexpr std::string_view quoted =
    "begins or ends with quotes, which would be sent as a part of it: write it without quotes "
    "(docker --env-file keeps them)";
constexpr std::string_view assignment =
    "begins with NAME=, as a line of a settings file does: give only what follows the =";
constexpr std::string_view has_control_character =
    "has a control character, perhaps a line end, which Basic authentication cannot carry: copy "
    "it again";
constexpr std::string_view not_utf8 =
    "is not UTF-8, which requests must be: save its file as UTF-8, or set it in a UTF-8 locale";

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

bool begins_with_quote(std::string_view text) {
  return std::any_of(quotes.begin(), quotes.end(),
                     [&](std::string_view quote) { return text.starts_with(quote); });
}

bool ends_with_quote(std::string_view text) {
  return std::any_of(quotes.begin(), quotes.end(),
                     [&](std::string_view quote) { return text.ends_with(quote); });
}

/// Returns whether the text is NAME=value and not base64 with padding. Names are in upper case like
/// those of environment variables, or contain "token".
bool is_assignment(std::string_view text) {
  const auto end = text.find('=');
  if (end == std::string_view::npos) return false;
  const auto value = text.substr(end + 1);
  if (value.find_first_not_of('=') == std::string_view::npos) return false;
  const auto name = text.substr(0, end);
  if (name.find("token") != std::string_view::npos) return true;
  return name.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string_view::npos &&
         name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string_view::npos;
}

}  // namespace

std::string_view token_problem(std::string_view token) {
  if (begins_with_quote(token) || ends_with_quote(token)) return quoted;
  const bool is_graphic =
      std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!is_graphic || token.size() > token_bytes_max) {
    return "has blanks or characters that no token has, or more than 255: copy it again";
  }
  if (is_assignment(token)) return assignment;
  if (!token.empty() && (template_marks.find(token.front()) != std::string_view::npos ||
                         template_marks.find(token.back()) != std::string_view::npos)) {
    return "begins or ends with a bracket or another mark that no token has, as placeholders do: "
           "copy it from the project's settings";
  }
  return {};
}

std::string_view user_name_problem(std::string_view user_name) {
  if (has_control(user_name)) return has_control_character;
  if (user_name.find(':') != std::string_view::npos) {
    return "contains a colon, which Basic authentication cannot carry: give only the user name, "
           "and the secret in MIXPANEL_SECRET";
  }
  if (!is_utf8(user_name)) return not_utf8;
  if (begins_with_quote(user_name) && ends_with_quote(user_name)) return quoted;
  if (is_assignment(user_name)) return assignment;
  return {};
}

std::string_view secret_problem(std::string_view secret) {
  if (has_control(secret)) return has_control_character;
  if (!is_utf8(secret)) return not_utf8;
  return {};
}

}  // namespace idmerge::net
