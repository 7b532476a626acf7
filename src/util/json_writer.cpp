// SPDX-License-Identifier: MIT
#include "util/json_writer.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "util/utf8.hpp"

namespace idmerge::util {
namespace {

/// Appends an ASCII byte that has to be escaped.
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
      append_json_escape(static_cast<unsigned char>(c), out);
  }
}

constexpr auto plain_table = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0x20; c < 0x7f; ++c)
    table[c] = c != '"' && c != '\\';
  return table;
}();

/// Returns whether JSON does not escape this printable ASCII byte, which holds for most bytes of
/// ids.
bool stands_for_itself(char c) {
  return plain_table[static_cast<unsigned char>(c)];
}

}  // namespace

void append_json_string(std::string& out, std::string_view bytes) {
  out += '"';
  while (!bytes.empty()) {
    const auto plain = static_cast<std::size_t>(
        std::find_if_not(bytes.begin(), bytes.end(), stands_for_itself) - bytes.begin());
    out += bytes.substr(0, plain);
    bytes.remove_prefix(plain);
    if (bytes.empty()) break;
    const auto [code, length] = read_utf8(bytes);
    if (length == 0) {
      append_json_escape(static_cast<unsigned char>(bytes[0]), out);
      bytes.remove_prefix(1);
      continue;
    }
    if (length == 1) {
      append_ascii(out, bytes[0]);
    } else if (steers_display(code)) {
      append_json_escape(code, out);
    } else {
      out += bytes.substr(0, length);
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

}  // namespace idmerge::util
