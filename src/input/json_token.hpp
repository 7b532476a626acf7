// SPDX-License-Identifier: MIT
//
// The leaves of a line of JSON: strings and scalars. Each is validated completely, because nothing
// in a line that is not JSON can be relied on. A leaf is found by its structural position
// (input/ndjson) and ends before the next one, so the bytes of a string are not read here unless it
// has escapes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace idmerge::input {

/// The type of a value and its position in the batch.
struct JsonToken {
  enum class Kind : std::uint8_t { absent, null, string, integer, array, other };
  Kind kind = Kind::absent;
  bool escaped = false;     // a string that may have escapes
  std::uint32_t start = 0;  // of the value, a string's quote included
  std::uint32_t end = 0;    // one past the value; only for strings and integers
};

/// The current line: the batch's bytes up to before `end`.
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

/// Compares two texts. Keys are short: two loads of each are usually enough, and avoid a call of
/// memcmp.
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

/// Decodes the escapes of a string and appends it to `out`.
///
/// Requires: `out` has enough capacity, as it must not grow.
/// Returns: nothing, or the position in `inner` of half a surrogate pair.
std::optional<std::size_t> decode_json_string(std::string_view inner, std::vector<char>& out);

/// Returns whether all escapes in the string are valid in JSON.
bool json_escapes_valid(std::string_view inner);

/// Checks the grammar of a number. `integer`: it has neither fraction nor exponent.
bool json_number_valid(std::string_view text, bool& integer);

/// Returns the end of the leaf at a structural position: the start of the next token, minus the
/// blanks before it.
[[gnu::always_inline]] inline std::uint32_t json_leaf_end(const JsonText& text,
                                                          const std::uint32_t* at) {
  std::uint32_t stop = std::min(at[1], text.end);
  for (char c = text.bytes[stop - 1]; c == ' ' || c == '\t' || c == '\r';)
    c = text.bytes[--stop - 1];
  return stop;
}

/// Reads the string whose quote is at a structural position. Returns: false if it is not JSON.
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

/// Reads the number or word that begins at a structural position. Returns: false if it is not JSON.
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

}  // namespace idmerge::input
