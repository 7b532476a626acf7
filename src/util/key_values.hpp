// SPDX-License-Identifier: MIT
//
// The format `key = value` of the small state files: readable with `cat`. Each content has exactly
// one spelling, so that reading and writing a file yields the same bytes.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "util/result.hpp"

namespace idmerge::util {

/// An ordered list of keys and values. Keys consist of a-z, 0-9, '_', '-' and '.', and are unique;
/// values are any bytes.
class KeyValues {
 public:
  using Pair = std::pair<std::string, std::string>;

  KeyValues() = default;
  KeyValues(std::initializer_list<Pair> pairs);

  /// Sets a value; a new key is appended.
  void set(std::string_view key, std::string value);

  /// Returns the value of a key, or null.
  const std::string* find(std::string_view key) const;

  std::string_view get(std::string_view key, std::string_view otherwise = {}) const;

  bool empty() const { return pairs_.empty(); }
  auto begin() const { return pairs_.begin(); }
  auto end() const { return pairs_.end(); }
  bool operator==(const KeyValues&) const = default;

  /// Formats as lines: "rate = 500/s\n". Backslashes and control bytes in a value are written as
  /// \xNN.
  std::string text() const;

  /// Parses lines. Errors: Errc::input, with the line, for anything that text() would not write.
  static Result<KeyValues> parse(std::string_view text);

 private:
  std::vector<Pair> pairs_;
};

/// Parses a whole decimal number as in checkpoints: digits only, no leading zero.
bool parse_number(std::string_view text, std::uint64_t& number);

}  // namespace idmerge::util
