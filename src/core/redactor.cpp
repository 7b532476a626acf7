// SPDX-License-Identifier: MIT
#include "idmerge/core/redactor.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_set>
#include <utility>

#include "idmerge/base/utf8.hpp"

namespace idmerge {
namespace {

constexpr std::string_view ellipsis = "…";

/// How often escapes and encodings may be nested in each other.
constexpr int escapes_max = 4;
constexpr int encodings_max = 3;

/// All texts that a text decodes into may be so many times as long as it together.
constexpr std::size_t growth_max = 64;
constexpr std::size_t growth_bytes_min = 16'384;

/// At the end of a text that is cut, so much is left out besides: the cut may have gone through a
/// secret, and of that be left less than a part, in the longest dress.
constexpr std::size_t cut_bytes = 512;
static_assert(cut_bytes < Redactor::text_bytes_max);

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// As texts are compared: without regard to case, and a blank may have become a plus in a query.
std::string folded(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c == '+' ? ' ' : lower(c); });
  return out;
}

std::uint64_t load(const char* bytes) {
  static_assert(sizeof(std::uint64_t) == Redactor::part_bytes);
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

std::size_t filter_bit(std::uint64_t part) {
  return static_cast<std::size_t>((part * 0x9E3779B97F4A7C15U) >> 52U);
}

// --- Escapes: one character, or a few, stand for one ---------------------------------------------

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = lower(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/// The value of exactly `count` hexadecimal digits at `at`.
std::optional<std::uint32_t> hex_number(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() < at + count) return {};
  std::uint32_t number = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return {};
    number = number << 4 | static_cast<std::uint32_t>(digit);
  }
  return number;
}

/// Append what the escape at the beginning of `text` stands for, and say how long it is; 0: none.
using Unescape = std::size_t (*)(std::string_view text, std::string& out);

std::size_t unescape_percent(std::string_view text, std::string& out) {
  if (text[0] != '%') return 0;
  if (const auto byte = hex_number(text, 1, 2)) {
    out += static_cast<char>(*byte);
    return 3;
  }
  if (text.size() < 2 || lower(text[1]) != 'u') return 0;
  const auto code = hex_number(text, 2, 4);
  if (!code) return 0;
  append_utf8(*code, out);
  return 6;
}

/// Of JSON, and of C and its kin.
std::size_t unescape_backslash(std::string_view text, std::string& out) {
  if (text[0] != '\\' || text.size() < 2) return 0;
  if (text[1] == 'u') {
    const auto code = hex_number(text, 2, 4);
    if (!code) return 0;
    const bool is_high = *code >= 0xD800 && *code < 0xDC00 && text.substr(6, 2) == "\\u";
    const auto low = is_high ? hex_number(text, 8, 4) : std::nullopt;
    if (low && *low >= 0xDC00 && *low < 0xE000) {
      append_utf8(0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00), out);
      return 12;
    }
    append_utf8(*code, out);
    return 6;
  }
  if (text[1] == 'x') {
    const auto byte = hex_number(text, 2, 2);
    if (!byte) return 0;
    out += static_cast<char>(*byte);
    return 4;
  }
  const auto octal = text.substr(1, 3);
  if (octal.size() == 3 && octal[0] <= '3' &&
      octal.find_first_not_of("01234567") == std::string_view::npos) {
    out += static_cast<char>((octal[0] - '0') * 64 + (octal[1] - '0') * 8 + (octal[2] - '0'));
    return 4;
  }
  constexpr std::string_view letters = "\"\\/'bfnrt";
  constexpr std::string_view characters = "\"\\/'\b\f\n\r\t";
  const auto letter = letters.find(text[1]);
  if (letter == std::string_view::npos) return 0;
  out += characters[letter];
  return 2;
}

struct Entity {
  std::string_view name;
  char character;
};

/// Source: HTML Living Standard, named character references: those of printable ASCII.
constexpr std::array<Entity, 36> entities{{
    {"excl;", '!'},   {"quot;", '"'},   {"num;", '#'},    {"dollar;", '$'}, {"percnt;", '%'},
    {"amp;", '&'},    {"apos;", '\''},  {"lpar;", '('},   {"rpar;", ')'},   {"ast;", '*'},
    {"plus;", '+'},   {"comma;", ','},  {"period;", '.'}, {"sol;", '/'},    {"colon;", ':'},
    {"semi;", ';'},   {"lt;", '<'},     {"equals;", '='}, {"gt;", '>'},     {"quest;", '?'},
    {"commat;", '@'}, {"lsqb;", '['},   {"lbrack;", '['}, {"bsol;", '\\'},  {"rsqb;", ']'},
    {"rbrack;", ']'}, {"Hat;", '^'},    {"lowbar;", '_'}, {"grave;", '`'},  {"lcub;", '{'},
    {"lbrace;", '{'}, {"verbar;", '|'}, {"vert;", '|'},   {"rcub;", '}'},   {"rbrace;", '}'},
    {"nbsp;", ' '},
}};

std::size_t unescape_entity(std::string_view text, std::string& out) {
  if (text[0] != '&' || text.size() < 3) return 0;
  if (text[1] != '#') {
    const auto found = std::find_if(entities.begin(), entities.end(), [&](const Entity& entity) {
      return text.substr(1).starts_with(entity.name);
    });
    if (found == entities.end()) return 0;
    out += found->character;
    return 1 + found->name.size();
  }
  const bool is_hex = lower(text[2]) == 'x';
  const std::uint32_t base = is_hex ? 16 : 10;
  const std::size_t begin = is_hex ? 3 : 2;
  std::size_t at = begin;
  std::uint32_t code = 0;
  for (; at < text.size() && code <= 0x10FFFF; ++at) {
    const int digit = hex_digit(text[at]);
    if (digit < 0 || static_cast<std::uint32_t>(digit) >= base) break;
    code = code * base + static_cast<std::uint32_t>(digit);
  }
  if (at == begin || code > 0x10FFFF) return 0;
  append_utf8(code, out);
  return at < text.size() && text[at] == ';' ? at + 1 : at;
}

constexpr std::array<Unescape, 3> unescapes{unescape_percent, unescape_backslash, unescape_entity};
constexpr unsigned all_kinds = (1U << unescapes.size()) - 1;

/// Take one escape of these kinds; `found` gets its kind.
std::size_t unescape(std::string_view text, unsigned kinds, std::string& out, unsigned& found) {
  if (text[0] != '%' && text[0] != '\\' && text[0] != '&') return 0;
  for (std::size_t i = 0; i < unescapes.size(); ++i) {
    if ((kinds & (1U << i)) == 0) continue;
    if (const auto size = unescapes[i](text, out); size > 0) {
      found |= 1U << i;
      return size;
    }
  }
  return 0;
}

/// The text without any escapes, however deep they are nested.
std::string fully_unescaped(std::string_view text) {
  std::string out(text);
  for (int depth = 0; depth < escapes_max; ++depth) {
    const std::string before = std::exchange(out, {});
    unsigned found = 0;
    for (std::size_t at = 0; at < before.size();) {
      const auto size = unescape(std::string_view(before).substr(at), all_kinds, out, found);
      if (size == 0) out += before[at];
      at += std::max<std::size_t>(size, 1);
    }
    if (found == 0) break;
  }
  return out;
}

bool is_of_word(char c) {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

/// Is what stands there only a part of a word, as "test" of "latest"?
bool is_within_word(std::string_view text, std::size_t at, std::size_t size) {
  const auto goes_on = [&](std::size_t i) {
    return is_of_word(text[i - 1]) && is_of_word(text[i]);
  };
  const auto end = at + size;
  return (at > 0 && goes_on(at)) || (end < text.size() && goes_on(end));
}

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  return c == '/' || c == '_' ? 63 : -1;
}

}  // namespace

// --- The search ----------------------------------------------------------------------------------

/// Looks for secrets in one text and in all that it decodes into.
class SecretSearch {
 public:
  SecretSearch(const Redactor& secrets, std::string_view text)
      : secrets_(secrets),
        text_(text),
        hidden_(text.size(), 0),
        bytes_left_(growth_max * text.size() + growth_bytes_min) {}

  /// The first `shown` bytes of it, without secrets.
  std::string redacted(std::size_t shown) {
    View view;
    view.bytes = text_;
    view.from.resize(text_.size());
    for (std::size_t i = 0; i < text_.size(); ++i)
      view.from[i] = static_cast<std::uint32_t>(i);
    view.to = view.from;
    look(view, escapes_max, encodings_max);
    if (exhausted_) return std::string(ellipsis);
    std::string out;
    for (std::size_t i = 0; i < shown; ++i) {
      if (hidden_[i] == 0) {
        out += text_[i];
      } else if (i == 0 || hidden_[i - 1] == 0) {
        out += ellipsis;
      }
    }
    return out;
  }

 private:
  /// A text, and for each byte the first and the last of the original that it was made of.
  struct View {
    std::string bytes;
    std::vector<std::uint32_t> from;
    std::vector<std::uint32_t> to;

    void reserve(std::size_t size) {
      bytes.reserve(size);
      from.reserve(size);
      to.reserve(size);
    }

    void add(char byte, std::uint32_t first, std::uint32_t last) {
      bytes += byte;
      from.push_back(first);
      to.push_back(last);
    }
  };

  /// Digits of an encoding: their values, and where in a view they stand.
  struct Digits {
    std::vector<std::uint8_t> values;
    std::vector<std::uint32_t> at;
    std::size_t end = 0;  // the last place, with what belongs to them

    void add(int value, std::size_t place) {
      end = place;
      values.push_back(static_cast<std::uint8_t>(value));
      at.push_back(static_cast<std::uint32_t>(place));
    }
    void clear() {
      values.clear();
      at.clear();
    }
  };

  /// Hide what is found; was anything?
  bool look(const View& view, int escapes, int encodings) {
    // The same text comes of escapes that are undone in another order.
    std::string key = view.bytes;
    key += static_cast<char>('0' + escapes);
    key += static_cast<char>('0' + encodings);
    if (clean_.count(key) > 0) return false;
    const bool found = look_closely(view, escapes, encodings);
    if (!found && !exhausted_) clean_.insert(std::move(key));
    return found;
  }

  bool look_closely(const View& view, int escapes, int encodings) {
    if (exhausted_ || view.bytes.size() > bytes_left_) {
      exhausted_ = true;
      return false;
    }
    bytes_left_ -= view.bytes.size();
    if (view.bytes.size() < secrets_.bytes_min_) return false;
    bool found = find_secrets(view, encodings == encodings_max);
    if (escapes > 0) found |= look_behind_escapes(view, escapes - 1, encodings);
    if (encodings > 0) {
      found |= look_into_base64(view, escapes, encodings - 1);
      found |= look_into_hex(view, escapes, encodings - 1);
    }
    return found;
  }

  void hide(const View& view, std::size_t first, std::size_t last) {
    for (auto i = view.from[first]; i <= view.to[last]; ++i)
      hidden_[i] = 1;
  }

  /// `is_plain`: not decoded, so that what stands beside a secret may belong to its word.
  bool find_secrets(const View& view, bool is_plain) {
    bool found = false;
    const auto text = folded(view.bytes);
    for (std::size_t i = 0; i + Redactor::part_bytes <= text.size(); ++i) {
      if (!is_part(load(text.data() + i))) continue;
      for (std::size_t k = i; k < i + Redactor::part_bytes; ++k)
        hide(view, k, k);
      found = true;
    }
    for (const auto& secret : secrets_.whole_) {
      const auto wanted = secret.reveal();
      for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
        if (is_plain && is_within_word(text, at, wanted.size())) continue;
        for (std::size_t k = at; k < at + wanted.size(); ++k)
          hide(view, k, k);
        found = true;
      }
    }
    return found;
  }

  bool is_part(std::uint64_t part) const {
    const auto bit = filter_bit(part);
    if ((secrets_.filter_[bit / 64] >> (bit % 64) & 1U) == 0) return false;
    return std::binary_search(secrets_.parts_.begin(), secrets_.parts_.end(), part);
  }

  /// All kinds at once, for texts that mix them, and each alone, for secrets that look like an
  /// escape of another kind.
  bool look_behind_escapes(const View& view, int escapes, int encodings) {
    const auto [mixed, found] = unescaped(view, all_kinds);
    if (found == 0) return false;
    bool any = look(mixed, escapes, encodings);
    for (unsigned kind = 1; kind < all_kinds; kind <<= 1U) {
      if ((found & kind) != 0 && found != kind) {
        any |= look(unescaped(view, kind).first, escapes, encodings);
      }
    }
    return any;
  }

  static std::pair<View, unsigned> unescaped(const View& view, unsigned kinds) {
    View out;
    out.reserve(view.bytes.size());
    unsigned found = 0;
    std::string bytes;
    const std::string_view text = view.bytes;
    for (std::size_t at = 0; at < text.size();) {
      bytes.clear();
      auto size = unescape(text.substr(at), kinds, bytes, found);
      if (size == 0) bytes.assign(1, text[at]);
      size = std::max<std::size_t>(size, 1);
      for (const char byte : bytes)
        out.add(byte, view.from[at], view.to[at + size - 1]);
      at += size;
    }
    return {std::move(out), found};
  }

  /// Base64 of both alphabets, with or without line ends in it and padding behind it. Where in a
  /// text the encoder began is not known: each of its digits may be the first of four.
  bool look_into_base64(const View& view, int escapes, int encodings) {
    bool found = false;
    Digits digits;
    const auto end_run = [&] {
      // So that a shorter part than the shortest secret fits.
      if (digits.at.size() * 6 >= secrets_.bytes_min_ * 8) {
        for (std::size_t skipped = 0; skipped < 4; ++skipped)
          found |= look_into(view, digits, 6, skipped, escapes, encodings);
      }
      digits.clear();
    };
    for (std::size_t i = 0; i < view.bytes.size(); ++i) {
      const char c = view.bytes[i];
      if (const int digit = base64_digit(c); digit >= 0) {
        digits.add(digit, i);
      } else if (c == '=' && !digits.at.empty()) {
        digits.end = i;  // padding
      } else if (c != '\r' && c != '\n') {
        end_run();
      }
    }
    end_run();
    return found;
  }

  /// Pairs of hexadecimal digits, one behind the other or as "41:42", "41 42", "0x41, 0x42".
  bool look_into_hex(const View& view, int escapes, int encodings) {
    constexpr std::size_t separators_max = 2;
    bool found = false;
    Digits digits;
    std::size_t separators = 0;
    const auto end_run = [&] {
      if (digits.at.size() >= secrets_.bytes_min_ * 2) {
        for (std::size_t skipped = 0; skipped < 2; ++skipped)
          found |= look_into(view, digits, 4, skipped, escapes, encodings);
      }
      digits.clear();
    };
    for (std::size_t i = 0; i < view.bytes.size(); ++i) {
      const char c = view.bytes[i];
      const bool is_prefix = lower(c) == 'x' && !digits.at.empty() && digits.at.back() + 1 == i &&
                             digits.values.back() == 0;
      if (const int digit = hex_digit(c); digit >= 0) {
        digits.add(digit, i);
        separators = 0;
      } else if (is_prefix) {  // "0x"
        digits.at.pop_back();
        digits.values.pop_back();
      } else if (std::string_view(" :-,=\r\n").find(c) == std::string_view::npos ||
                 ++separators > separators_max) {
        end_run();
      }
    }
    end_run();
    return found;
  }

  /// Decode digits of so many bits from the first one on that is not skipped. Where they hide a
  /// secret nothing of them is shown, since what else they say of it is hard to know.
  bool look_into(const View& view, const Digits& digits, unsigned bits, std::size_t skipped,
                 int escapes, int encodings) {
    View out;
    out.reserve(digits.at.size() * bits / 8);
    std::uint32_t value = 0;
    unsigned have = 0;
    std::size_t first = skipped;
    for (std::size_t i = skipped; i < digits.at.size(); ++i) {
      if (have == 0) first = i;
      value = value << bits | digits.values[i];
      have += bits;
      if (have < 8) continue;
      have -= 8;
      out.add(static_cast<char>(value >> have & 0xFF), view.from[digits.at[first]],
              view.to[digits.at[i]]);
      first = i;
    }
    if (!look(out, escapes, encodings)) return false;
    hide(view, digits.at.front(), digits.end);
    return true;
  }

  const Redactor& secrets_;
  std::string_view text_;
  std::vector<char> hidden_;
  std::size_t bytes_left_;
  bool exhausted_ = false;
  std::unordered_set<std::string> clean_;  // texts, each with how deep it was looked into
};

// --- The secrets ---------------------------------------------------------------------------------

namespace {

void wipe_all(std::vector<std::uint64_t>& parts) {
  if (!parts.empty()) explicit_bzero(parts.data(), parts.size() * sizeof parts.front());
}

}  // namespace

Redactor::~Redactor() {
  wipe_all(parts_);
}

void Redactor::hide(const Secret& secret) {
  hide_bytes(secret.reveal());
  // One that looks like an escape itself: found where all escapes of a text are undone.
  auto plain = fully_unescaped(secret.reveal());
  if (plain != secret.reveal()) hide_bytes(plain);
  wipe(plain);
}

void Redactor::hide_login(const Secret& user, const Secret& password) {
  hide(password);
  if (password.empty() || password.reveal().size() >= part_bytes) return;
  std::string pair(user.reveal());
  pair += ':';
  pair += password.reveal();
  const auto size = std::min(pair.size(), part_bytes);
  hide_bytes(std::string_view(pair).substr(pair.size() - size));
  wipe(pair);
}

void Redactor::hide_bytes(std::string_view secret) {
  if (secret.size() < secret_bytes_min) return;
  auto text = folded(secret);
  if (text.size() < part_bytes) {
    whole_.emplace_back(text);
    bytes_min_ = std::min(bytes_min_, text.size());
  }
  std::vector<std::uint64_t> parts;  // made at once, so that no copy is left behind unwiped
  parts.reserve(parts_.size() + text.size());
  parts.assign(parts_.begin(), parts_.end());
  for (std::size_t i = 0; i + part_bytes <= text.size(); ++i) {
    const auto part = load(text.data() + i);
    const auto bit = filter_bit(part);
    filter_[bit / 64] |= std::uint64_t{1} << (bit % 64);
    parts.push_back(part);
  }
  std::sort(parts.begin(), parts.end());
  parts_.swap(parts);
  wipe_all(parts);
  wipe(text);
}

std::string Redactor::operator()(std::string_view text) const {
  if (whole_.empty() && parts_.empty()) return std::string(text);
  const bool is_cut = text.size() > text_bytes_max;
  text = text.substr(0, text_bytes_max);
  auto out = SecretSearch(*this, text).redacted(is_cut ? text.size() - cut_bytes : text.size());
  if (is_cut) out += ellipsis;
  return out;
}

}  // namespace idmerge
