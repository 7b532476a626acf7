// SPDX-License-Identifier: MIT
#include "idmerge/core/id_redaction.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace idmerge {
namespace {

/// An id of up to this length is only matched as a word of its own: "1" does not match in "401".
constexpr std::size_t alone_bytes_max = 3;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_of_word(char c) {
  return is_digit(c) || is_letter(c) || c == '_' || c == '-' || (c & 0x80) != 0;
}

/// A range of bytes in a text; `to` is one past the last byte.
struct Place {
  std::size_t from = 0;
  std::size_t to = 0;
};

void find_id(std::string_view words, std::string_view id, std::vector<Place>& places) {
  if (id.empty()) return;
  for (auto at = words.find(id); at != std::string_view::npos; at = words.find(id, at + 1)) {
    const auto end = at + id.size();
    const bool is_alone =
        (at == 0 || !is_of_word(words[at - 1])) && (end == words.size() || !is_of_word(words[end]));
    if (is_alone || id.size() > alone_bytes_max) places.push_back({at, end});
  }
}

bool looks_like_id(std::string_view word) {
  constexpr std::ptrdiff_t digits_among_letters = 4;
  constexpr std::ptrdiff_t digits_alone = 8;
  const auto digits = std::count_if(word.begin(), word.end(), is_digit);
  const bool has_letters = std::any_of(word.begin(), word.end(), is_letter);
  return digits >= (has_letters ? digits_among_letters : digits_alone);
}

void find_what_looks_like_ids(std::string_view words, std::vector<Place>& places) {
  const auto is_of_mail = [](char c) { return is_of_word(c) || c == '.' || c == '+' || c == '%'; };
  for (auto at = words.find('@'); at != std::string_view::npos; at = words.find('@', at + 1)) {
    auto from = at;
    auto to = at + 1;
    while (from > 0 && is_of_mail(words[from - 1]))
      --from;
    while (to < words.size() && is_of_mail(words[to]))
      ++to;
    if (from < at && to > at + 1) places.push_back({from, to});
  }
  for (std::size_t from = 0; from < words.size();) {
    auto to = from;
    while (to < words.size() && is_of_word(words[to]))
      ++to;
    if (looks_like_id(words.substr(from, to - from))) places.push_back({from, to});
    from = to + 1;
  }
}

}  // namespace

std::string mask_ids(std::string_view words, std::span<const Link> links, const IdMask& mask) {
  if (mask.shows()) return std::string(words);
  std::vector<Place> places;
  for (const auto& link : links) {
    find_id(words, link.anon, places);
    find_id(words, link.user, places);
  }
  find_what_looks_like_ids(words, places);
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.from < b.from; });
  std::string out;
  std::size_t done = 0;
  for (std::size_t i = 0; i < places.size();) {
    auto [from, to] = places[i];
    // Overlapping ids are masked as one.
    for (++i; i < places.size() && places[i].from < to; ++i)
      to = std::max(to, places[i].to);
    out += words.substr(done, from - done);
    out += mask(words.substr(from, to - from));
    done = to;
  }
  return out += words.substr(done);
}

}  // namespace idmerge
