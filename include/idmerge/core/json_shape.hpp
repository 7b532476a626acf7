// SPDX-License-Identifier: MIT
//
// The shape of a line of JSON: everything but its strings and scalars. Exports repeat it line after
// line, and a line with the bytes of a shape that was read with care between its values needs no
// second look at its keys and brackets: it costs by the value and not by the token. A shape only
// ever saves work; a line that does not fit is read by core/json, which knows the grammar.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "idmerge/core/json_token.hpp"

namespace idmerge {

class JsonShape {
 public:
  /// Does an object of this shape begin at the structural position `at`? Then fill in the tokens
  /// that hung on it when it was learned, move `at` behind it, and say where it ends; else 0.
  ///
  /// Shape: `text` may have more lines behind; the object has no newline in it. When it does not
  /// match, `tokens` may be overwritten and `at` stays where it is.
  std::uint32_t match(const JsonText& text, const std::uint32_t*& at,
                      std::vector<JsonToken>& tokens);

  /// A line did not match and was read with care, without a fault. Take its shape, if the one at
  /// hand has not fitted for a while; where no two lines are alike, ever more rarely.
  ///
  /// Shape: `tokens` are absent or leaves of the line; with another one the line has no shape.
  void learn(const JsonText& text, const std::uint32_t* structural,
             const std::vector<JsonToken>& tokens);

  static constexpr std::size_t leaves_max = 64;

 private:
  /// Bytes between two values, and the value behind them.
  struct Part {
    std::string text;
    std::uint32_t structurals = 0;  // in `text`
    std::int32_t token = -1;        // which one the value is, if it is asked for
  };

  bool take(const JsonText& text, const std::uint32_t* structural,
            const std::vector<JsonToken>& tokens);

  std::vector<Part> parts_;       // none: no shape
  std::string tail_;              // behind the last value
  std::uint32_t tail_count_ = 0;  // structurals in it
  std::vector<std::size_t> absent_;
  bool matched_ = false;        // since it was learned
  std::uint32_t misses_ = 0;    // since it matched
  std::uint32_t patience_ = 4;  // misses before another one is tried
  JsonToken unwanted_;
};

}  // namespace idmerge
