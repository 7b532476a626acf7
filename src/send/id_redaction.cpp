// SPDX-License-Identifier: MIT
#include "send/id_redaction.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace idmerge::send {
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

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return lower;
}

/// Is the phrase that stands `at` there a part of this id, which stands there as a whole?
bool is_part_of(std::string_view words, std::size_t at, std::string_view phrase,
                std::string_view id) {
  if (id.size() < phrase.size()) return false;
  const std::string lower = in_lower_case(id);
  for (auto in = lower.find(phrase); in != std::string::npos; in = lower.find(phrase, in + 1)) {
    if (in > at || words.substr(at - in, lower.size()) != lower) continue;
    const auto end = at - in + lower.size();
    const bool is_whole = (in == at || !is_of_word(words[at - in - 1])) &&
                          (end == words.size() || !is_of_word(words[end]));
    if (is_whole) return true;
  }
  return false;
}

bool is_within_mail(std::string_view words, std::size_t at, std::size_t end) {
  constexpr std::string_view ends = " \t\r\n\"'`<>()[]{},;=";
  const auto before = words.find_last_of(ends, at);
  const auto from = before == std::string_view::npos ? 0 : before + 1;
  const auto to = std::min(words.find_first_of(ends, end), words.size());
  return from <= at && words.substr(from, to - from).find('@') != std::string_view::npos;
}

}  // namespace

bool says(std::string_view words, std::string_view phrase, std::span<const input::Link> links) {
  const std::string text = in_lower_case(words);
  for (auto at = text.find(phrase); at != std::string::npos; at = text.find(phrase, at + 1)) {
    const bool is_of_id = std::any_of(links.begin(), links.end(), [&](const input::Link& link) {
      return is_part_of(text, at, phrase, link.anon) || is_part_of(text, at, phrase, link.user);
    });
    if (!is_of_id && !is_within_mail(text, at, at + phrase.size())) return true;
  }
  return false;
}

std::string mask_ids(std::string_view words, std::span<const input::Link> links,
                     const util::IdMask& mask) {
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

}  // namespace idmerge::send
