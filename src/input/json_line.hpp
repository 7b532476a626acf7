// SPDX-License-Identifier: MIT
//
// Validates one line of JSON completely and extracts a few fields. It follows the structural
// positions that input/ndjson has found, so that the cost is per token and not per byte. It checks
// the whole grammar, because nothing in a line that is not JSON can be relied on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input/columns.hpp"
#include "input/json_shape.hpp"
#include "input/json_token.hpp"
#include "input/row_fault.hpp"

namespace idmerge::input {

/// Finds the values at some pointers, line by line.
class JsonLine {
 public:
  /// `array`: the pointer, if any, whose value is an array of two ids. Requires: each pointer once.
  JsonLine(const std::vector<Pointer>& pointers, std::optional<std::uint32_t> array,
           const std::vector<std::string>& rivals);

  /// Allows the key of this pointer to occur twice: reported by is_repeated() instead of a fault.
  void allow_repeated(std::uint32_t pointer) { repeatable_ |= Mask{1} << pointer; }

  /// Tries to match an object of the same shape as in the lines before, at the structural position
  /// `at`, which must be within `text`. On success the tokens are set, the object has no fault, and
  /// `at` is moved behind it.
  /// Returns: the end of the object; 0 if it does not match.
  std::uint32_t match(const JsonText& text, const std::uint32_t*& at) {
    return shape_.match(text, at, tokens_);
  }

  /// Reads the line from `begin` to before `end`. Its structural positions start at `structural`
  /// and are followed by others at or after `end`.
  ///
  /// Returns: none, or a fault of the layout: not_json, not_an_object, trailing_bytes or
  /// duplicate_key. After not_json only fault_at() is valid.
  Fault read(const char* bytes, std::uint32_t begin, std::uint32_t end,
             const std::uint32_t* structural, bool escapes);

  /// The position of the fault in the batch.
  std::uint32_t fault_at() const { return fault_at_; }

  /// The first structural position after this line.
  const std::uint32_t* next_structural() const { return at_; }

  const JsonToken& token(std::uint32_t pointer) const { return tokens_[pointer]; }

  /// The first two elements of the array of ids, and the number of all.
  const std::array<JsonToken, 2>& elements() const { return elements_; }
  std::size_t element_count() const { return element_count_; }

  /// Returns whether a key of this pointer occurred twice in the line.
  bool is_repeated(std::uint32_t pointer) const { return (repeated_ >> pointer & 1U) != 0; }

  /// The rival key in this line, if any.
  std::optional<std::uint32_t> rival() const { return rival_; }

 private:
  using Mask = std::uint32_t;

  struct Segment {
    std::string key;
    Mask pointer = 0;                    // its bit
    bool last = false;                   // the value is the requested one
    std::optional<std::uint32_t> index;  // for arrays
  };

  bool value(Mask active, Mask wanted, unsigned depth);
  bool object(Mask active, unsigned depth);
  bool array(Mask active, bool collect, unsigned depth);
  bool string(JsonToken& token);
  bool scalar(JsonToken& token);
  bool more() const { return *at_ < text_.end; }
  char here() const { return more() ? text_.bytes[*at_] : '\0'; }
  bool fail();
  void match_key(const JsonToken& token, Mask active, unsigned depth, Mask& inner, Mask& wanted);
  void note_repeated(Mask pointers, std::uint32_t at);

  std::vector<std::vector<Segment>> levels_;
  std::vector<std::uint64_t> lengths_;  // by level: the lengths of the keys (63: or more)
  std::vector<std::string> rivals_;
  std::uint64_t rival_lengths_ = 0;
  Mask all_ = 0;
  Mask array_pointer_ = 0;
  Mask repeatable_ = 0;
  Mask repeated_ = 0;

  JsonShape shape_;
  JsonText text_;
  const std::uint32_t* at_ = nullptr;
  Fault fault_ = Fault::none;
  std::uint32_t fault_at_ = 0;
  std::vector<JsonToken> tokens_;
  JsonToken unwanted_;
  std::array<JsonToken, 2> elements_;
  std::size_t element_count_ = 0;
  std::optional<std::uint32_t> rival_;
  std::string decoded_key_;
  std::vector<char> decoded_;
};

}  // namespace idmerge::input
