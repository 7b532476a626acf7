// SPDX-License-Identifier: MIT
#include "plan/sheet_cell.hpp"

namespace idmerge::plan {
namespace {

constexpr char guard = '\'';

bool is_guarded(std::string_view field) {
  constexpr std::string_view starts = "=+-@\t\r'";
  return !field.empty() && starts.find(field.front()) != std::string_view::npos;
}

}  // namespace

void append_sheet_cell(std::string& out, std::string_view field) {
  const bool quoted = field.find_first_of(",\"\r\n") != std::string_view::npos;
  if (quoted) out += '"';
  if (is_guarded(field)) out += guard;
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  if (quoted) out += '"';
}

std::string_view read_sheet_cell(std::string_view field) {
  if (field.starts_with(guard) && is_guarded(field.substr(1))) field.remove_prefix(1);
  return field;
}

}  // namespace idmerge::plan
