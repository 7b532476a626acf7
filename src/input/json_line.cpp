// SPDX-License-Identifier: MIT
#include "input/json_line.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "util/check.hpp"

namespace idmerge::input {
namespace {

constexpr unsigned depth_max = 512;  // deeper lines are rejected: the stack is limited

using Kind = JsonToken::Kind;

std::uint64_t length_bit(std::size_t length) {
  return std::uint64_t{1} << std::min<std::size_t>(length, 63);
}

}  // namespace

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
  text_ = {bytes, end, escapes};
  at_ = structural;
  fault_ = Fault::none;
  fault_at_ = begin;
  element_count_ = 0;
  repeated_ = 0;
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
  if (fault_ == Fault::none && !rival_ && repeated_ == 0) shape_.learn(text_, structural, tokens_);
  return fault_;
}

bool JsonLine::fail() {
  fault_at_ = std::min(*at_, text_.end);
  return false;
}

[[gnu::always_inline]] inline bool JsonLine::string(JsonToken& token) {
  if (!read_json_string(text_, at_, token)) return fail();
  ++at_;
  return true;
}

inline bool JsonLine::scalar(JsonToken& token) {
  if (!read_json_scalar(text_, at_, token)) return fail();
  ++at_;
  return true;
}

/// `active`: pointers to values within this value; `wanted`: pointers to this value.
inline bool JsonLine::value(Mask active, Mask wanted, unsigned depth) {
  if (!more()) return fail();
  // Written in place: copying a struct right after writing its fields waits for these writes.
  auto& token =
      wanted == 0 ? unwanted_ : tokens_[static_cast<std::size_t>(std::countr_zero(wanted))];
  const char c = text_.bytes[*at_];
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
      if ((met & (inner | wanted)) != 0) note_repeated(met & (inner | wanted), key.start);
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
  std::string_view key(text_.bytes + token.start + 1, token.end - token.start - 2);
  if (token.escaped) {
    decoded_.clear();
    decoded_.reserve(key.size());
    if (decode_json_string(key, decoded_)) return;  // a lone surrogate: equal to no key
    key = {decoded_.data(), decoded_.size()};
  }
  const auto length = length_bit(key.size());
  if ((lengths_[depth] & length) != 0) {
    for (const auto& segment : levels_[depth]) {
      if ((segment.pointer & active) != 0 && same_bytes(segment.key, key)) {
        (segment.last ? wanted : inner) |= segment.pointer;
      }
    }
  }
  if ((inner | wanted) == 0 && depth == 0 && (rival_lengths_ & length) != 0 && !rival_) {
    const auto found = std::find(rivals_.begin(), rivals_.end(), key);
    if (found != rivals_.end()) rival_ = static_cast<std::uint32_t>(found - rivals_.begin());
  }
}

void JsonLine::note_repeated(Mask pointers, std::uint32_t at) {
  repeated_ |= pointers;
  if (fault_ != Fault::none || (pointers & ~repeatable_) == 0) return;
  fault_ = Fault::duplicate_key;
  fault_at_ = at;
}

}  // namespace idmerge::input
