// SPDX-License-Identifier: MIT
#include "send/already_linked.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "input/id_text.hpp"

namespace idmerge::send {
namespace {

/// In lower case.
constexpr std::array<std::string_view, 9> already_linked{"erranondistinctidassignedalready",
                                                         "erraliasalreadyexists",
                                                         "already linked",
                                                         "already identified",
                                                         "already exists",
                                                         "already merged",
                                                         "already assigned",
                                                         "already mapped",
                                                         "alias exists"};
constexpr std::array<std::string_view, 12> another_user{
    "another",   "different", " other ",  " others ",  " else ",    " elsewhere ",
    " instead ", " than ",    " is not ", " not its ", " not for ", " not to "};

// What may stand around "already linked" without being an id. `$` and `properties.` in front of a
// word do not count, and `-` is `_`.

/// Whatever other word follows is an id.
constexpr std::array<std::string_view, 44> before_id{"to",           "with",
                                                     "as",           "by",
                                                     "for",          "a",
                                                     "an",           "the",
                                                     "user",         "users",
                                                     "id",           "ids",
                                                     "user_id",      "distinct_id",
                                                     "distinct",     "some",
                                                     "this",         "that",
                                                     "same",         "given",
                                                     "existing",     "current",
                                                     "device",       "device_id",
                                                     "anon",         "anonymous",
                                                     "anon_id",      "alias",
                                                     "profile",      "person",
                                                     "account",      "owner",
                                                     "owned",        "named",
                                                     "called",       "is",
                                                     "are",          "identity",
                                                     "identified",   "identified_id",
                                                     "insert_id",    "anonymous_id",
                                                     "distinct_ids", "→"};

/// What follows is the number or the name of something else.
constexpr std::array<std::string_view, 17> before_reference{
    "see",   "request", "code", "error", "status", "doc",  "docs",   "ref",  "reference",
    "trace", "project", "line", "index", "row",    "http", "record", "event"};

constexpr std::array<std::string_view, 63> of_sentence{
    "in",        "on",      "at",      "and",    "or",        "of",      "but",    "so",
    "before",    "earlier", "itself",  "it",     "them",      "you",     "us",     "from",
    "please",    "since",   "already", "exists", "exist",     "linked",  "merged", "assigned",
    "mapped",    "used",    "taken",   "been",   "being",     "has",     "have",   "had",
    "was",       "were",    "cannot",  "could",  "can",       "not",     "may",    "must",
    "no",        "yet",     "again",   "twice",  "because",   "when",    "then",   "now",
    "link",      "value",   "message", "msg",    "detail",    "reason",  "title",  "another",
    "different", "other",   "others",  "else",   "elsewhere", "instead", "than"};

template <std::size_t n>
bool holds_any(std::string_view text, const std::array<std::string_view, n>& phrases) {
  return std::any_of(phrases.begin(), phrases.end(), [&](std::string_view phrase) {
    return text.find(phrase) != std::string_view::npos;
  });
}

template <std::size_t n>
bool is_among(const std::array<std::string_view, n>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return lower;
}

/// A word as the lists above have it.
std::string plain(std::string_view word) {
  std::string it = in_lower_case(word);
  if (it.starts_with("properties.")) it.erase(0, it.find('.') + 1);
  if (it.starts_with('$')) it.erase(0, 1);
  std::replace(it.begin(), it.end(), '-', '_');
  return it;
}

bool is_known(std::string_view word) {
  const auto it = plain(word);
  return is_among(before_id, it) || is_among(before_reference, it) || is_among(of_sentence, it);
}

/// Of a plain word. What only looks like one makes a refusal of what may have been delivered; an id
/// that does not would make a delivery of a refusal.
bool looks_like_id(std::string_view word) {
  const bool may_be_time = word.find_first_not_of("0123456789_:.+tz") == std::string_view::npos;
  const bool is_day = word.size() >= 10 && word[4] == '_' && word[7] == '_';
  const bool is_time = word.size() >= 5 && word[2] == ':';
  if (may_be_time && (is_day || is_time)) return false;
  return word.find_first_of("0123456789@._+%#~$:") != std::string_view::npos;
}

/// A name of the service's for an error, like errAliasAlreadyExists. Of a plain word.
bool is_code(std::string_view word) {
  return (word.find("already") != word.npos || word.find("exists") != word.npos) &&
         word.find_first_of("0123456789@.") == word.npos;
}

/// A word of a text, or what stands in quotes there.
struct Word {
  std::string_view text;
  bool is_own = false;  // one of the ids of the link
  bool is_quoted = false;
  bool is_pointed_at = false;  // by an arrow, an equals sign, or a quote that does not end
  bool ends_sentence = false;
};

class Words {
 public:
  Words(std::string_view text, const input::Link& link) : rest_(text), link_(link) {}

  std::optional<Word> next() {
    Word word;
    for (;;) {
      const auto start = std::min(rest_.find_first_not_of(" =:,;.!?()[]{}<>|*\\-"), rest_.size());
      word.is_pointed_at |= rest_.substr(0, start).find_first_of("=>") != std::string_view::npos;
      rest_.remove_prefix(start);
      if (rest_.empty()) return std::nullopt;
      if (quotes.find(rest_.front()) == std::string_view::npos) break;
      const auto inner = take_quoted(word);
      if (!inner) continue;
      word.text = *inner;
      word.is_quoted = true;
      word.is_own = own_length(*inner) == inner->size();
      return word;
    }
    auto length = own_length(rest_);
    word.is_own = length > 0;
    if (!word.is_own) length = word_length();
    word.text = rest_.substr(0, length);
    rest_.remove_prefix(length);
    while (!word.is_own && (word.text.ends_with('.') || word.text.ends_with(':') ||
                            word.text.ends_with('!') || word.text.ends_with('\''))) {
      word.ends_sentence |= word.text.ends_with('.') || word.text.ends_with('!');
      word.text.remove_suffix(1);
    }
    return word;
  }

 private:
  static constexpr std::string_view quotes = "\"'`";

  /// Nothing where the words within count one by one: of a sentence, and where no quote ends it.
  std::optional<std::string_view> take_quoted(Word& word) {
    const char quote = rest_.front();
    rest_.remove_prefix(1);
    const auto close = rest_.find(quote);
    const auto inner = rest_.substr(0, close);
    word.is_pointed_at |= close == std::string_view::npos;
    const bool has_word = inner.find_first_not_of(" =:,;.!?()[]{}<>|*\\-\"'`") != inner.npos;
    const bool is_sentence = own_length(inner) != inner.size() && inner.find(' ') != inner.npos &&
                             holds_any(in_lower_case(inner), already_linked);
    if (close == std::string_view::npos || !has_word || is_sentence) return std::nullopt;
    rest_.remove_prefix(close + 1);
    return inner;
  }

  /// Of the id of the link with which `text` begins, as a whole. An id that is a word of sentences
  /// is taken for that.
  std::size_t own_length(std::string_view text) const {
    std::size_t length = 0;
    const auto try_id = [&](std::string_view id) {
      if (id.size() <= length || !text.starts_with(id) || is_known(id)) return;
      const auto after = text.find_first_not_of(".,;:!?", id.size());
      if (after == text.npos || std::string_view(" )]}>\"'`=|").find(text[after]) != text.npos)
        length = id.size();
    };
    try_id(link_.user);
    try_id(link_.anon);
    try_id(std::string(input::device_prefix).append(link_.anon));
    return length;
  }

  std::size_t word_length() const {
    const auto end = std::min(rest_.find_first_of(" =,;()[]{}<>|\"`\\"), rest_.size());
    const auto colon = rest_.substr(0, end).find(':');
    const bool is_labelled = colon != std::string_view::npos && !input::has_device_prefix(rest_) &&
                             is_known(rest_.substr(0, colon));
    return is_labelled ? colon : end;
  }

  std::string_view rest_;
  const input::Link& link_;
};

/// What a text says, apart from the ids of a link.
struct Said {
  std::string prose{" "};  // in lower case, a space before and behind each word
  bool names_another = false;
};

Said read(std::string_view message, const input::Link& link) {
  Said said;
  bool introduced = false;
  bool referred = false;
  Words words(message, link);
  while (const auto word = words.next()) {
    const bool is_referred = std::exchange(referred, false);
    const bool is_introduced =
        std::exchange(introduced, false) || (word->is_pointed_at && !is_referred);
    if (word->is_own) {
      said.prose += "* ";
      continue;
    }
    const auto name = plain(word->text);
    said.prose.append(in_lower_case(word->text)).append(" ");
    if (word->is_quoted && is_introduced) {
      said.names_another = true;
    } else if (is_among(before_id, name)) {
      introduced = !word->ends_sentence;
    } else if (is_among(before_reference, name)) {
      referred = !word->ends_sentence;
    } else if (!is_known(name) && !is_code(name)) {
      const bool is_reference = is_referred && name.find('@') == name.npos;
      said.names_another |=
          word->is_quoted || is_introduced || (looks_like_id(name) && !is_reference);
    }
  }
  return said;
}

}  // namespace

bool may_mean_ours(std::string_view message, const input::Link& link) {
  if (message.ends_with("…")) return false;  // whom the rest names is not known
  const Said said = read(message, link);
  return holds_any(said.prose, already_linked) && !holds_any(said.prose, another_user) &&
         !said.names_another;
}

}  // namespace idmerge::send
