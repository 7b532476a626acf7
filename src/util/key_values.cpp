// SPDX-License-Identifier: MIT
#include "util/key_values.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "util/check.hpp"

namespace idmerge::util {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

bool is_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

bool is_escaped(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\';
}

/// Decodes the escapes. Returns: false for one that text() would not write.
bool unescape(std::string_view text, std::string& value) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      if (is_escaped(text[i])) return false;
      value += text[i];
      continue;
    }
    if (text.size() - i < 4 || text[i + 1] != 'x') return false;
    const auto high = hex_digits.find(text[i + 2]);
    const auto low = hex_digits.find(text[i + 3]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    const auto c = static_cast<char>(high * 16 + low);
    if (!is_escaped(c)) return false;
    value += c;
    i += 3;
  }
  return true;
}

}  // namespace

KeyValues::KeyValues(std::initializer_list<Pair> pairs) {
  for (const auto& [key, value] : pairs)
    set(key, value);
}

void KeyValues::set(std::string_view key, std::string value) {
  IDMERGE_CHECK(is_key(key));
  for (auto& pair : pairs_) {
    if (pair.first == key) {
      pair.second = std::move(value);
      return;
    }
  }
  pairs_.emplace_back(key, std::move(value));
}

const std::string* KeyValues::find(std::string_view key) const {
  for (const auto& pair : pairs_) {
    if (pair.first == key) return &pair.second;
  }
  return nullptr;
}

std::string_view KeyValues::get(std::string_view key, std::string_view otherwise) const {
  const auto* value = find(key);
  return value != nullptr ? std::string_view(*value) : otherwise;
}

std::string KeyValues::text() const {
  std::string text;
  for (const auto& [key, value] : pairs_) {
    text += key;
    text += " = ";
    for (const char c : value) {
      if (is_escaped(c)) {
        fmt::format_to(std::back_inserter(text), "\\x{:02x}", static_cast<unsigned char>(c));
      } else {
        text += c;
      }
    }
    text += '\n';
  }
  return text;
}

Result<KeyValues> KeyValues::parse(std::string_view text) {
  KeyValues result;
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) {
      return Error{Errc::input, fmt::format("line {}: cut short", line_number)};
    }
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    const auto equals = line.find(" = ");
    if (equals == std::string_view::npos || !is_key(line.substr(0, equals))) {
      return Error{Errc::input, fmt::format("line {}: not `key = value`", line_number)};
    }
    const auto key = line.substr(0, equals);
    if (result.find(key) != nullptr) {
      return Error{Errc::input, fmt::format("line {}: {} occurs twice", line_number, key)};
    }
    std::string value;
    if (!unescape(line.substr(equals + 3), value)) {
      return Error{Errc::input, fmt::format("line {}: unknown escape", line_number)};
    }
    result.pairs_.emplace_back(key, std::move(value));
  }
  return result;
}

bool parse_number(std::string_view text, std::uint64_t& number) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  const auto* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && at == end;
}

}  // namespace idmerge::util
