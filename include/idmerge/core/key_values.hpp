// SPDX-License-Identifier: MIT
//
// The `key = value` lines of which the small state on disk is made: readable with `cat`, and with
// exactly one spelling for each content, so that what was read and written again is the same bytes.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "idmerge/base/result.hpp"

namespace idmerge {

/// Shape: in the order of the text; keys of a-z, 0-9, '_', '-' and '.', each once; values are any
/// bytes.
class KeyValues {
 public:
  using Pair = std::pair<std::string, std::string>;

  KeyValues() = default;
  KeyValues(std::initializer_list<Pair> pairs);

  /// Set a value; a new key goes to the end.
  void set(std::string_view key, std::string value);

  /// The value of a key, or null.
  const std::string* find(std::string_view key) const;

  /// The value of a key, or what is given.
  std::string_view get(std::string_view key, std::string_view otherwise = {}) const;

  bool empty() const { return pairs_.empty(); }
  auto begin() const { return pairs_.begin(); }
  auto end() const { return pairs_.end(); }
  bool operator==(const KeyValues&) const = default;

  /// Write as lines: "rate = 500/s\n". Shape: backslash and control bytes in a value are
  /// written as \xNN.
  std::string text() const;

  /// Read lines. Errors: Errc::input, with the line, for what text() would not have written.
  static Result<KeyValues> parse(std::string_view text);

 private:
  std::vector<Pair> pairs_;
};

/// Read a whole decimal number as text() of a checkpoint writes it: digits only, no leading zero.
bool parse_number(std::string_view text, std::uint64_t& number);

}  // namespace idmerge
