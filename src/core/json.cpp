// SPDX-License-Identifier: MIT
#include "idmerge/core/json.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "idmerge/base/check.hpp"

namespace idmerge {
namespace {

constexpr unsigned depth_max = 512;  // deeper lines are refused: the stack is finite

using Kind = JsonToken::Kind;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::uint64_t length_bit(std::size_t length) {
  return std::uint64_t{1} << std::min<std::size_t>(length, 63);
}

template <class Word>
bool same_ends(const char* a, const char* b, std::size_t size) {
  Word x[2];
  Word y[2];
  std::memcpy(&x[0], a, sizeof(Word));
  std::memcpy(&y[0], b, sizeof(Word));
  std::memcpy(&x[1], a + size - sizeof(Word), sizeof(Word));
  std::memcpy(&y[1], b + size - sizeof(Word), sizeof(Word));
  return x[0] == y[0] && x[1] == y[1];
}

/// Are two keys equal? Keys are short: two loads of each mostly do, where memcmp is a call.
inline bool equal(std::string_view a, std::string_view b) {
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

/// Four hexadecimal digits, or nothing.
std::optional<std::uint32_t> parse_hex(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  std::uint32_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + 4, value, 16);
  if (error != std::errc{} || stop != text.data() + 4) return std::nullopt;
  return value;
}

/// Are all escapes in a string ones that JSON has?
bool escapes_valid(std::string_view inner) {
  for (std::size_t at = inner.find('\\'); at != std::string_view::npos;
       at = inner.find('\\', at + 2)) {
    if (at + 1 >= inner.size()) return false;
    const char c = inner[at + 1];
    if (c == 'u' ? !parse_hex(inner.substr(at + 2)) : std::strchr("\"\\/bfnrt", c) == nullptr) {
      return false;
    }
  }
  return true;
}

void append_utf8(std::uint32_t code, std::vector<char>& out) {
  const auto add = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xc0 | code >> 6U);
    add(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    add(0xe0 | code >> 12U);
    add(0x80 | (code >> 6U & 0x3f));
    add(0x80 | (code & 0x3f));
  } else {
    add(0xf0 | code >> 18U);
    add(0x80 | (code >> 12U & 0x3f));
    add(0x80 | (code >> 6U & 0x3f));
    add(0x80 | (code & 0x3f));
  }
}

char unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

/// The grammar of numbers. `integer`: it has neither fraction nor exponent.
bool number_valid(std::string_view text, bool& integer) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const auto start = at;
    while (at < text.size() && is_digit(text[at]))
      ++at;
    return at - start;
  };
  const bool zero = at < text.size() && text[at] == '0';
  const auto count = digits();
  if (count == 0 || (zero && count > 1)) return false;
  integer = at == text.size();
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

}  // namespace

std::optional<std::size_t> decode_json_string(std::string_view inner, std::vector<char>& out) {
  for (std::size_t at = 0; at < inner.size();) {
    if (inner[at] != '\\') {
      out.push_back(inner[at++]);
      continue;
    }
    if (inner[at + 1] != 'u') {
      out.push_back(unescaped(inner[at + 1]));
      at += 2;
      continue;
    }
    auto code = *parse_hex(inner.substr(at + 2));
    if (code >= 0xdc00 && code < 0xe000) return at;
    if (code >= 0xd800 && code < 0xdc00) {
      const auto rest = inner.substr(at + 6);
      const auto low = rest.starts_with("\\u") ? *parse_hex(rest.substr(2)) : 0;
      if (low < 0xdc00 || low >= 0xe000) return at;
      code = 0x10000 + ((code - 0xd800) << 10U) + (low - 0xdc00);
      at += 6;
    }
    at += 6;
    append_utf8(code, out);
  }
  return std::nullopt;
}

JsonLine::JsonLine(const std::vector<Pointer>& pointers, std::optional<std::uint32_t> array,
                   const std::vector<std::string>& rivals)
    : rivals_(rivals), tokens_(pointers.size()) {
  IDMERGE_CHECK(pointers.size() <= 32);
  for (auto p = pointers.begin(); p != pointers.end(); ++p) {
    IDMERGE_CHECK(std::find(pointers.begin(), p, *p) == p);  // a value has one token
  }
  for (std::size_t p = 0; p < pointers.size(); ++p) {
    const Mask bit = Mask{1} << p;
    all_ |= bit;
    for (std::size_t d = 0; d < pointers[p].size(); ++d) {
      if (levels_.size() <= d) {
        levels_.emplace_back();
        lengths_.push_back(0);
      }
      const auto& key = pointers[p][d];
      Segment segment{key, bit, d + 1 == pointers[p].size(), std::nullopt};
      std::uint32_t index = 0;
      const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), index);
      if (error == std::errc{} && stop == key.data() + key.size() &&
          (key == "0" || key.front() != '0')) {
        segment.index = index;
      }
      lengths_[d] |= length_bit(key.size());
      levels_[d].push_back(std::move(segment));
    }
  }
  if (array) array_pointer_ = Mask{1} << *array;
  for (const auto& key : rivals_)
    rival_lengths_ |= length_bit(key.size());
}

Fault JsonLine::read(const char* bytes, std::uint32_t begin, std::uint32_t end,
                     const std::uint32_t* structural, bool escapes) {
  bytes_ = bytes;
  end_ = end;
  at_ = structural;
  escapes_ = escapes;
  fault_ = Fault::none;
  fault_at_ = begin;
  element_count_ = 0;
  rival_.reset();
  for (auto& token : tokens_)
    token.kind = Kind::absent;
  const auto start = more() ? *at_ : begin;
  const bool is_object = here() == '{';
  if (!(is_object ? object(all_, 0) : value(0, 0, 0))) {
    fault_ = Fault::not_json;
  } else if (!is_object) {
    fault_ = more() ? Fault::not_json : Fault::not_an_object;
    fault_at_ = start;
  } else if (more()) {
    fault_ = Fault::trailing_bytes;
    fault_at_ = *at_;
  }
  while (more())
    ++at_;
  return fault_;
}

bool JsonLine::fail() {
  fault_at_ = std::min(*at_, end_);
  return false;
}

/// Behind the token at hand: where the next one begins, without the blanks between.
[[gnu::always_inline]] inline std::uint32_t JsonLine::token_end() const {
  std::uint32_t stop = std::min(at_[1], end_);
  while (is_space(bytes_[stop - 1]))
    --stop;
  return stop;
}

[[gnu::always_inline]] inline bool JsonLine::string(JsonToken& token) {
  token.start = *at_;
  token.end = token_end();
  token.kind = Kind::string;
  token.escaped = false;
  if (escapes_) {
    const std::string_view inner(bytes_ + token.start + 1, token.end - token.start - 2);
    token.escaped = inner.find('\\') != std::string_view::npos;
    if (token.escaped && !escapes_valid(inner)) return fail();
  }
  ++at_;
  return true;
}

inline bool JsonLine::scalar(JsonToken& token) {
  token.start = *at_;
  token.end = token_end();
  token.kind = Kind::other;
  const std::string_view text(bytes_ + token.start, token.end - token.start);
  bool integer = false;
  if (text == "null") {
    token.kind = Kind::null;
  } else if (text != "true" && text != "false") {
    if (!number_valid(text, integer)) return fail();
    if (integer) token.kind = Kind::integer;
  }
  ++at_;
  return true;
}

/// `active`: pointers that lead into this value; `wanted`: those that lead to it.
inline bool JsonLine::value(Mask active, Mask wanted, unsigned depth) {
  if (!more()) return fail();
  // In place, because a copy of what was just written in parts has to wait for the parts.
  auto& token =
      wanted == 0 ? unwanted_ : tokens_[static_cast<std::size_t>(std::countr_zero(wanted))];
  const char c = bytes_[*at_];
  bool good = false;
  if (c == '"') {
    good = string(token);
  } else if (c == '{' || c == '[') {
    token.start = *at_;
    token.kind = c == '[' ? Kind::array : Kind::other;
    good = c == '{' ? object(active, depth) : array(active, (wanted & array_pointer_) != 0, depth);
  } else {
    good = scalar(token);
  }
  return good;
}

bool JsonLine::object(Mask active, unsigned depth) {
  if (depth >= depth_max) return fail();
  ++at_;
  if (here() == '}') {
    ++at_;
    return true;
  }
  for (Mask met = 0;;) {
    JsonToken key;
    if (here() != '"') return fail();
    if (!string(key)) return false;
    if (here() != ':') return fail();
    ++at_;
    Mask inner = 0;
    Mask wanted = 0;
    if (active != 0) {
      match_key(key, active, depth, inner, wanted);
      if ((met & (inner | wanted)) != 0) note_duplicate(key.start);
      met |= inner | wanted;
    }
    if (!value(inner, wanted, depth + 1)) return false;
    const char c = here();
    if (c != ',' && c != '}') return fail();
    ++at_;
    if (c == '}') return true;
  }
}

bool JsonLine::array(Mask active, bool collect, unsigned depth) {
  if (depth >= depth_max) return fail();
  ++at_;
  if (here() == ']') {
    ++at_;
    return true;
  }
  for (std::uint32_t i = 0;; ++i) {
    Mask inner = 0;
    Mask wanted = 0;
    if (active != 0 && depth < levels_.size()) {
      for (const auto& segment : levels_[depth]) {
        if ((segment.pointer & active) != 0 && segment.index == i) {
          (segment.last ? wanted : inner) |= segment.pointer;
        }
      }
    }
    if (collect) {
      const auto* element = at_;
      const char c = here();
      JsonToken token{Kind::other, false, more() ? *element : 0, 0};
      const bool good = c == '"'                            ? string(token)
                        : c == '{' || c == '[' || c == '\0' ? value(inner, wanted, depth + 1)
                                                            : scalar(token);
      if (!good) return false;
      if (element_count_ < elements_.size()) elements_[element_count_] = token;
      ++element_count_;
    } else if (!value(inner, wanted, depth + 1)) {
      return false;
    }
    const char c = here();
    if (c != ',' && c != ']') return fail();
    ++at_;
    if (c == ']') return true;
  }
}

inline void JsonLine::match_key(const JsonToken& token, Mask active, unsigned depth, Mask& inner,
                                Mask& wanted) {
  if (depth >= levels_.size()) return;
  std::string_view key(bytes_ + token.start + 1, token.end - token.start - 2);
  if (token.escaped) {
    decoded_.clear();
    decoded_.reserve(key.size());
    if (decode_json_string(key, decoded_)) return;  // a lone surrogate: equal to no key
    key = {decoded_.data(), decoded_.size()};
  }
  const auto length = length_bit(key.size());
  if ((lengths_[depth] & length) != 0) {
    for (const auto& segment : levels_[depth]) {
      if ((segment.pointer & active) != 0 && equal(segment.key, key)) {
        (segment.last ? wanted : inner) |= segment.pointer;
      }
    }
  }
  if ((inner | wanted) == 0 && depth == 0 && (rival_lengths_ & length) != 0 && !rival_) {
    const auto found = std::find(rivals_.begin(), rivals_.end(), key);
    if (found != rivals_.end()) rival_ = static_cast<std::uint32_t>(found - rivals_.begin());
  }
}

void JsonLine::note_duplicate(std::uint32_t at) {
  if (fault_ != Fault::none) return;
  fault_ = Fault::duplicate_key;
  fault_at_ = at;
}

}  // namespace idmerge
