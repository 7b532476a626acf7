// SPDX-License-Identifier: MIT
#include "input/json_shape.hpp"

#include <algorithm>

namespace idmerge::input {
namespace {

constexpr std::uint32_t patience_min = 4;
constexpr std::uint32_t patience_max = 1024;

bool is_open_or_close(char c) {
  return c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == ':';
}

/// Returns whether the bytes at `at` equal `part`.
inline bool stands_at(const JsonText& text, std::uint32_t at, const std::string& part) {
  return at + part.size() <= text.end && same_bytes(part, {text.bytes + at, part.size()});
}

}  // namespace

// A part begins with a bracket or comma outside of any string. So if its bytes are equal, the
// structural positions within it are equal too, and the next one is that of a value. The matched
// bytes contain no newline: parts have none, strings must not have any, and none is skipped after a
// value.
std::uint32_t JsonShape::match(const JsonText& text, const std::uint32_t*& at,
                               std::vector<JsonToken>& tokens) {
  if (parts_.empty()) return 0;
  const auto* structural = at;
  for (const auto& part : parts_) {
    const auto begin = *structural;
    if (!stands_at(text, begin, part.text)) return 0;
    structural += part.structurals;
    if (*structural != begin + part.text.size() || *structural >= text.end) return 0;
    auto& token = part.token < 0 ? unwanted_ : tokens[static_cast<std::size_t>(part.token)];
    const char c = text.bytes[*structural];
    if (c == '"') {
      if (!read_json_string(text, structural, token) || text.bytes[token.end - 1] != '"') return 0;
    } else if (is_open_or_close(c) || !read_json_scalar(text, structural, token)) {
      return 0;
    }
    ++structural;
  }
  const auto begin = *structural;
  if (!stands_at(text, begin, tail_)) return 0;
  for (const auto token : absent_)
    tokens[token].kind = JsonToken::Kind::absent;
  at = structural + tail_count_;
  matched_ = true;
  misses_ = 0;
  return begin + static_cast<std::uint32_t>(tail_.size());
}

void JsonShape::learn(const JsonText& text, const std::uint32_t* structural,
                      const std::vector<JsonToken>& tokens) {
  if (++misses_ < patience_ && !(parts_.empty() && patience_ == patience_min)) return;
  patience_ = matched_ || parts_.empty() ? patience_min : std::min(2 * patience_, patience_max);
  misses_ = 0;
  matched_ = false;
  if (!take(text, structural, tokens)) {
    parts_.clear();
    patience_ = patience_max;
  }
}

bool JsonShape::take(const JsonText& text, const std::uint32_t* structural,
                     const std::vector<JsonToken>& tokens) {
  parts_.clear();
  absent_.clear();
  std::size_t found = 0;
  const auto* part_begin = structural;
  const auto between = [&](const std::uint32_t* end, std::uint32_t stop) {
    return Part{std::string(text.bytes + *part_begin, stop - *part_begin),
                static_cast<std::uint32_t>(end - part_begin), -1};
  };
  const auto* at = structural;
  for (; *at < text.end; ++at) {
    const char c = text.bytes[*at];
    const bool key = c == '"' && at[1] < text.end && text.bytes[at[1]] == ':';
    if (key || is_open_or_close(c)) continue;
    if (parts_.size() == leaves_max) return false;
    auto part = between(at, *at);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i].kind == JsonToken::Kind::absent || tokens[i].start != *at) continue;
      part.token = static_cast<std::int32_t>(i);
      ++found;
    }
    if (text.escapes && part.text.find('\\') != std::string::npos) return false;
    parts_.push_back(std::move(part));
    part_begin = at + 1;
  }
  auto stop = text.end;
  if (at != part_begin) stop = at[-1] + 1;
  auto tail = between(at, stop);
  tail_ = std::move(tail.text);
  tail_count_ = tail.structurals;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind == JsonToken::Kind::absent) absent_.push_back(i);
  }
  return !parts_.empty() && found + absent_.size() == tokens.size();
}

}  // namespace idmerge::input
