// SPDX-License-Identifier: MIT
//
// The leaves of a line of JSON: strings and scalars, each checked to its last byte, because in a
// line that is not JSON nothing is certain. A leaf is found by its structural position
// (core/ndjson) and ends before the next one, so that no byte of a string is looked at here unless
// it is escaped.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace idmerge {

/// Where a value stands in the batch, and what it is.
struct JsonToken {
  enum class Kind : std::uint8_t { absent, null, string, integer, array, other };
  Kind kind = Kind::absent;
  bool escaped = false;     // a string that may have escapes
  std::uint32_t start = 0;  // of the value, a string's quote included
  std::uint32_t end = 0;    // behind it; only for strings and integers
};

/// The line at hand: up to before `end` of the batch's bytes.
struct JsonText {
  const char* bytes = nullptr;
  std::uint32_t end = 0;
  bool escapes = false;  // there may be backslashes
};

template <class Word>
inline bool same_ends(const char* a, const char* b, std::size_t size) {
  Word x[2];
  Word y[2];
  std::memcpy(&x[0], a, sizeof(Word));
  std::memcpy(&y[0], b, sizeof(Word));
  std::memcpy(&x[1], a + size - sizeof(Word), sizeof(Word));
  std::memcpy(&y[1], b + size - sizeof(Word), sizeof(Word));
  return x[0] == y[0] && x[1] == y[1];
}

/// Are two texts equal? Keys are short: two loads of each mostly do, where memcmp is a call.
inline bool same_bytes(std::string_view a, std::string_view b) {
  const auto size = a.size();
  if (size != b.size()) return false;
  if (size >= 8) {
    return same_ends<std::uint64_t>(a.data(), b.data(), size) &&
           (size <= 16 || std::memcmp(a.data() + 8, b.data() + 8, size - 16) == 0);
  }
  if (size >= 4) return same_ends<std::uint32_t>(a.data(), b.data(), size);
  for (std::size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

/// Decode a string's escapes onto the end of `out`, which must not have to grow.
///
/// Shape: nothing, or where in `inner` half of a surrogate pair stands.
std::optional<std::size_t> decode_json_string(std::string_view inner, std::vector<char>& out);

/// Are all escapes in a string ones that JSON has?
bool json_escapes_valid(std::string_view inner);

/// The grammar of numbers. `integer`: it has neither fraction nor exponent.
bool json_number_valid(std::string_view text, bool& integer);

/// Behind the leaf at a structural position: where the next token begins, without the blanks
/// between.
[[gnu::always_inline]] inline std::uint32_t json_leaf_end(const JsonText& text,
                                                          const std::uint32_t* at) {
  std::uint32_t stop = std::min(at[1], text.end);
  for (char c = text.bytes[stop - 1]; c == ' ' || c == '\t' || c == '\r';)
    c = text.bytes[--stop - 1];
  return stop;
}

/// The string whose quote stands at a structural position; false if it is not JSON.
[[gnu::always_inline]] inline bool read_json_string(const JsonText& text, const std::uint32_t* at,
                                                    JsonToken& token) {
  token.start = *at;
  token.end = json_leaf_end(text, at);
  token.kind = JsonToken::Kind::string;
  token.escaped = false;
  if (!text.escapes) return true;
  const std::string_view inner(text.bytes + token.start + 1, token.end - token.start - 2);
  token.escaped = inner.find('\\') != std::string_view::npos;
  return !token.escaped || json_escapes_valid(inner);
}

/// The number or word that begins at a structural position; false if it is not JSON.
inline bool read_json_scalar(const JsonText& text, const std::uint32_t* at, JsonToken& token) {
  using Kind = JsonToken::Kind;
  token.start = *at;
  token.end = json_leaf_end(text, at);
  token.kind = Kind::other;
  const std::string_view leaf(text.bytes + token.start, token.end - token.start);
  if (leaf == "null") {
    token.kind = Kind::null;
    return true;
  }
  if (leaf == "true" || leaf == "false") return true;
  bool integer = false;
  if (!json_number_valid(leaf, integer)) return false;
  if (integer) token.kind = Kind::integer;
  return true;
}

}  // namespace idmerge
