// SPDX-License-Identifier: MIT
//
// One line of JSON, checked from end to end and looked through for a few fields. It goes along the
// structural positions that core/ndjson has found, so that it costs by the token and not by the
// byte; and it checks all of the grammar, because in a line that is not JSON nothing is certain.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/core/columns.hpp"
#include "idmerge/core/fault.hpp"
#include "idmerge/core/json_shape.hpp"
#include "idmerge/core/json_token.hpp"

namespace idmerge {

/// Looks for the values at some pointers, line after line.
class JsonLine {
 public:
  /// `pointers`: each once; `array`: the one, if any, whose value is an array of two ids.
  JsonLine(const std::vector<Pointer>& pointers, std::optional<std::uint32_t> array,
           const std::vector<std::string>& rivals);

  /// Let the key of this pointer occur twice: that is then no fault, but said by is_repeated().
  void allow_repeated(std::uint32_t pointer) { repeatable_ |= Mask{1} << pointer; }

  /// Is there an object of the shape of the lines before at the structural position `at`, which is
  /// not behind `text`? Then its tokens can be asked for; it has no fault, `at` is moved behind it,
  /// and the answer is where it ends. Else 0.
  std::uint32_t match(const JsonText& text, const std::uint32_t*& at) {
    return shape_.match(text, at, tokens_);
  }

  /// Read the line from `begin` to before `end`, whose structural positions start at
  /// `structural` and are followed by others not before `end`.
  ///
  /// Shape: none, or a fault of the layout: not_json, not_an_object, trailing_bytes or
  /// duplicate_key. With not_json nothing else may be asked but fault_at().
  Fault read(const char* bytes, std::uint32_t begin, std::uint32_t end,
             const std::uint32_t* structural, bool escapes);

  /// Where the fault is, in the batch.
  std::uint32_t fault_at() const { return fault_at_; }

  /// The first structural position that is not of this line.
  const std::uint32_t* next_structural() const { return at_; }

  const JsonToken& token(std::uint32_t pointer) const { return tokens_[pointer]; }

  /// The elements of the array of ids, as far as there is room, and how many there are.
  const std::array<JsonToken, 2>& elements() const { return elements_; }
  std::size_t element_count() const { return element_count_; }

  /// Did a key of this pointer occur twice in the line that was read?
  bool is_repeated(std::uint32_t pointer) const { return (repeated_ >> pointer & 1U) != 0; }

  /// Which rival key this line has, if any.
  std::optional<std::uint32_t> rival() const { return rival_; }

 private:
  using Mask = std::uint32_t;

  struct Segment {
    std::string key;
    Mask pointer = 0;                    // its bit
    bool last = false;                   // the value is the wanted one
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
  std::vector<std::uint64_t> lengths_;  // by level: which lengths keys have (63: or more)
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

}  // namespace idmerge
