// SPDX-License-Identifier: MIT
//
// The shape of a line of JSON: everything but its strings and scalars. The lines of an export
// repeat it. If a line has the same bytes between its values as a line that was fully parsed
// before, its keys and brackets need no second parse, and the cost is per value and not per token.
// A shape is only an optimization: a line that does not match is read by input/json_line, which
// checks the grammar.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "input/json_token.hpp"

namespace idmerge::input {

class JsonShape {
 public:
  /// Tries to match an object of this shape at the structural position `at`. On success, fills in
  /// the tokens that belong to the shape and moves `at` behind the object. On failure `at` is
  /// unchanged, but `tokens` may be overwritten.
  ///
  /// Requires: `text` may contain more lines after the object; the object itself contains no
  /// newline.
  /// Returns: the end of the object; 0 if it does not match.
  std::uint32_t match(const JsonText& text, const std::uint32_t*& at,
                      std::vector<JsonToken>& tokens);

  /// Considers the shape of a line that did not match and was parsed without a fault. It is adopted
  /// if the current shape has not matched for a while; if adopted shapes never match, this happens
  /// more and more rarely. A line has no shape if one of `tokens` is neither absent nor a leaf.
  void learn(const JsonText& text, const std::uint32_t* structural,
             const std::vector<JsonToken>& tokens);

  static constexpr std::size_t leaves_max = 64;

 private:
  /// The bytes before a value, and the value.
  struct Part {
    std::string text;
    std::uint32_t structurals = 0;  // in `text`
    std::int32_t token = -1;        // the token of the value; -1 if it is not requested
  };

  bool take(const JsonText& text, const std::uint32_t* structural,
            const std::vector<JsonToken>& tokens);

  std::vector<Part> parts_;       // empty: no shape
  std::string tail_;              // after the last value
  std::uint32_t tail_count_ = 0;  // structural positions in it
  std::vector<std::size_t> absent_;
  bool matched_ = false;        // since it was learned
  std::uint32_t misses_ = 0;    // since the last match
  std::uint32_t patience_ = 4;  // misses before another shape is tried
  JsonToken unwanted_;
};

}  // namespace idmerge::input
