// SPDX-License-Identifier: MIT
#include "util/redactor.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>

#include "util/utf8.hpp"

namespace idmerge::util {
namespace {

constexpr std::string_view ellipsis = "…";

/// How often escapes and encodings may be nested in each other.
constexpr int escapes_max = 4;
constexpr int encodings_max = 3;

/// In a text without its tags, or without its folds.
constexpr int joined_escapes = 2;
constexpr int joined_encodings = 1;

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

struct LongHex {
  std::uint32_t number = 0;
  std::size_t digits = 0;  // 0: none, or no character has this number
};

/// As many hexadecimal digits as there are at `at`, up to so many, not past U+10FFFF.
LongHex long_hex_number(std::string_view text, std::size_t at, std::size_t digits_max) {
  LongHex out;
  while (out.digits < digits_max && at + out.digits < text.size()) {
    const int digit = hex_digit(text[at + out.digits]);
    if (digit < 0) break;
    out.number = out.number << 4 | static_cast<std::uint32_t>(digit);
    ++out.digits;
  }
  if (out.number > 0x10FFFF) out.digits = 0;
  return out;
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
    if (text.substr(2, 1) == "{") {
      const auto [code, digits] = long_hex_number(text, 3, 6);
      if (digits == 0 || text.substr(3 + digits, 1) != "}") return 0;
      append_utf8(code, out);
      return 4 + digits;
    }
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
  if (text[1] == 'U') {
    const auto code = hex_number(text, 2, 8);
    if (!code || *code > 0x10FFFF) return 0;
    append_utf8(*code, out);
    return 10;
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

/// Of CSS (a backslash, up to six digits, a blank), U+005A, and letters in full width. The first
/// looks like octal digits, and so is a kind of its own.
///
/// Source: CSS Syntax Module Level 3, section 4.3.7.
std::size_t unescape_number(std::string_view text, std::string& out) {
  if (text[0] == '\xEF') {  // U+FF01..FF5E
    const auto [code, bytes] = read_utf8(text.substr(0, 3));
    if (code < 0xFF01 || code > 0xFF5E) return 0;
    out += static_cast<char>(code - 0xFF00 + ' ');
    return bytes;
  }
  const bool is_css = text[0] == '\\';
  if (!is_css && (lower(text[0]) != 'u' || text.substr(1, 1) != "+")) return 0;
  const std::size_t begin = is_css ? 1 : 2;
  const auto [code, digits] = long_hex_number(text, begin, 6);
  if (digits < (is_css ? 1U : 4U)) return 0;
  append_utf8(code, out);
  const auto end = begin + digits;
  const auto next = text.substr(end, 3);
  return end + (next.starts_with(' ') && (is_css || next == " U+" || next == " u+") ? 1 : 0);
}

constexpr std::array<Unescape, 4> unescapes{unescape_percent, unescape_backslash, unescape_entity,
                                            unescape_number};
constexpr unsigned all_kinds = (1U << unescapes.size()) - 1;
constexpr unsigned of_backslash = 1U << 1U;
constexpr unsigned of_number = 1U << 3U;

/// Bytes that no escape begins with are most of a text.
constexpr auto may_begin_escape = [] {
  std::array<bool, 256> table{};
  constexpr std::string_view begin("%\\&uU\xEF");
  for (const char c : begin)
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();

/// Take one escape of these kinds; `found` gets its kind.
std::size_t unescape(std::string_view text, unsigned kinds, std::string& out, unsigned& found) {
  if (!may_begin_escape[static_cast<unsigned char>(text[0])]) return 0;
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

// --- What stands for nothing
// ----------------------------------------------------------------------

/// Of the piece of `text` at its beginning that stands for nothing: how long is it? 0: there is
/// none.
using Measure = std::size_t (*)(std::string_view text);

std::size_t measure_tag(std::string_view text) {
  constexpr std::size_t tag_bytes_max = 128;
  if (text[0] != '<') return 0;
  const auto end = text.substr(0, tag_bytes_max).find_first_of("<>", 1);
  return end != std::string_view::npos && end > 1 && text[end] == '>' ? end + 1 : 0;
}

/// A line end with the blanks that fold a line. Which of them are of the text is not known.
std::size_t measure_fold(std::string_view text) {
  if (text[0] != '\r' && text[0] != '\n') return 0;
  return std::min(text.find_first_not_of(" \t\r\n"), text.size());
}

/// The codes that colour a terminal. Source: ECMA-48 section 5.4 (control sequences).
std::size_t measure_colour(std::string_view text) {
  if (text[0] != '\x1B') return 0;
  if (text.substr(1, 1) != "[") return 1;
  const auto last = text.find_first_not_of("0123456789;:<=>? ", 2);
  return std::min(last, text.size() - 1) + 1;
}

/// The zeros of UTF-16, line ends, and characters that are not shown. No secret has one of them.
std::size_t measure_unseen(std::string_view text) {
  if (text[0] == '\0' || text[0] == '\r' || text[0] == '\n') return 1;
  if (static_cast<unsigned char>(text[0]) < 0x80) return 0;
  const auto [code, bytes] = read_utf8(text.substr(0, 4));
  const bool is_unseen = code == 0xAD || (code >= 0x300 && code < 0x370) ||
                         (code >= 0x200B && code <= 0x200F) || (code >= 0x2060 && code <= 0x206F) ||
                         (code > 0x7F && steers_display(code));
  return is_unseen ? bytes : 0;
}

bool is_of_word(char c) {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

/// The letters and digits of a text alone, folded. `at`, unless null, gets where each of them is.
std::string squeezed(std::string_view text, bool without_tags = false,
                     std::vector<std::uint32_t>* at = nullptr) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_of_word(text[i])) {
      if (const auto tag = without_tags ? measure_tag(text.substr(i)) : 0; tag > 0) i += tag - 1;
      continue;
    }
    out += lower(text[i]);
    if (at != nullptr) at->push_back(static_cast<std::uint32_t>(i));
  }
  return out;
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

/// Source: RFC 4648 section 6.
int base32_digit(char c) {
  if (c >= '2' && c <= '7') return c - '2' + 26;
  const char small = lower(c);
  return small >= 'a' && small <= 'z' ? small - 'a' : -1;
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
    for (const auto measure : {measure_tag, measure_fold}) {
      const auto joined = without(view, measure);
      if (joined.bytes.size() < view.bytes.size()) look(joined, joined_escapes, joined_encodings);
    }
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

  struct Depth {
    int escapes;
    int encodings;
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
    if (const auto seen = clean_.find(view.bytes); seen != clean_.end()) {
      if (escapes <= seen->second.escapes && encodings <= seen->second.encodings) return false;
    }
    const bool found = look_closely(view, escapes, encodings);
    if (!found && !exhausted_) clean_.insert_or_assign(view.bytes, Depth{escapes, encodings});
    return found;
  }

  bool look_closely(const View& view, int escapes, int encodings) {
    if (exhausted_ || view.bytes.size() > bytes_left_) {
      exhausted_ = true;
      return false;
    }
    bytes_left_ -= view.bytes.size();
    if (view.bytes.size() < secrets_.bytes_min_) return false;
    const bool is_plain = encodings == encodings_max;
    bool found = find_secrets(view, is_plain);
    if (encodings > 0) found |= look_into_numbers(view, escapes, encodings - 1);
    const auto seen = without(without(view, measure_unseen), measure_colour);
    if (seen.bytes.size() == view.bytes.size())
      return look_further(view, escapes, encodings) || found;
    found |= find_secrets(seen, is_plain);
    if (encodings > 0) found |= look_into_numbers(seen, escapes, encodings - 1);
    return look_further(seen, escapes, encodings) || found;
  }

  bool look_further(const View& view, int escapes, int encodings) {
    bool found = find_squeezed(view, false);
    if (view.bytes.find('<') != std::string::npos) found |= find_squeezed(view, true);
    if (escapes > 0) found |= look_behind_escapes(view, escapes - 1, encodings);
    if (encodings > 0) {
      found |= look_into_base64(view, escapes, encodings - 1);
      found |= look_into_hex(view, escapes, encodings - 1);
      found |= look_into_base32(view, escapes, encodings - 1);
    }
    return found;
  }

  /// With what stands between them and means nothing.
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
      hide(view, i, i + Redactor::part_bytes - 1);
      found = true;
    }
    for (const auto& secret : secrets_.whole_) {
      const auto wanted = secret.reveal();
      for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
        if (is_plain && is_within_word(text, at, wanted.size())) continue;
        hide(view, at, at + wanted.size() - 1);
        found = true;
      }
    }
    return found;
  }

  /// Secrets with anything between their letters and digits: blanks, dashes, quotes, slashes.
  bool find_squeezed(const View& view, bool without_tags) {
    if (secrets_.squeezed_.empty()) return false;
    bool found = false;
    std::vector<std::uint32_t> at;
    at.reserve(view.bytes.size());
    const auto text = squeezed(view.bytes, without_tags, &at);
    for (std::size_t i = 0; i + Redactor::squeezed_bytes <= text.size(); ++i) {
      if (!secrets_.may_be_part(load(text.data() + i))) continue;
      if (!std::binary_search(secrets_.squeezed_.begin(), secrets_.squeezed_.end(),
                              Redactor::squeezed_part(text.data() + i))) {
        continue;
      }
      hide(view, at[i], at[i + Redactor::squeezed_bytes - 1]);
      found = true;
    }
    return found;
  }

  bool is_part(std::uint64_t part) const {
    if (!secrets_.may_be_part(part)) return false;
    return std::binary_search(secrets_.parts_.begin(), secrets_.parts_.end(), part);
  }

  /// All kinds at once, for texts that mix them, and each alone, for secrets that look like an
  /// escape of another kind.
  bool look_behind_escapes(const View& view, int escapes, int encodings) {
    const auto [mixed, found] = unescaped(view, all_kinds);
    if (found == 0) return false;
    bool any = look(mixed, escapes, encodings);
    // Both begin with a backslash, and the first has taken all that may be the second's.
    const unsigned wanted = (found & of_backslash) != 0 ? found | of_number : found;
    for (unsigned kind = 1; kind < all_kinds; kind <<= 1U) {
      if ((wanted & kind) == 0 || found == kind) continue;
      const auto [alone, has_any] = unescaped(view, kind);
      if (has_any != 0) any |= look(alone, escapes, encodings);
    }
    return any;
  }

  static View without(const View& view, Measure measure) {
    View out;
    out.reserve(view.bytes.size());
    const std::string_view text = view.bytes;
    for (std::size_t at = 0; at < text.size();) {
      if (const auto size = measure(text.substr(at)); size > 0) {
        at += size;
        continue;
      }
      out.add(text[at], view.from[at], view.to[at]);
      ++at;
    }
    return out;
  }

  static std::pair<View, unsigned> unescaped(const View& view, unsigned kinds) {
    View out;
    unsigned found = 0;
    if (std::none_of(view.bytes.begin(), view.bytes.end(),
                     [](char c) { return may_begin_escape[static_cast<unsigned char>(c)]; })) {
      return {std::move(out), found};
    }
    out.reserve(view.bytes.size());
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

  /// Base32 in either case, with or without line ends in it.
  bool look_into_base32(const View& view, int escapes, int encodings) {
    bool found = false;
    bool is_small = false;
    bool is_capital = false;
    Digits digits;
    const auto end_run = [&] {
      if (digits.at.size() * 5 >= secrets_.bytes_min_ * 8) {
        for (std::size_t skipped = 0; skipped < 8; ++skipped)
          found |= look_into(view, digits, 5, skipped, escapes, encodings);
      }
      digits.clear();
      is_small = is_capital = false;
    };
    for (std::size_t i = 0; i < view.bytes.size(); ++i) {
      const char c = view.bytes[i];
      const bool small = c >= 'a' && c <= 'z';
      const bool capital = c >= 'A' && c <= 'Z';
      if ((small && is_capital) || (capital && is_small)) end_run();
      is_small = is_small || small;
      is_capital = is_capital || capital;
      if (const int digit = base32_digit(c); digit >= 0) {
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

  /// Bytes as decimal numbers: "[90,112]", "[90 112]", "90; 112". Each number is a digit.
  bool look_into_numbers(const View& view, int escapes, int encodings) {
    constexpr std::size_t separators_max = 4;
    constexpr std::size_t digits_max = 3;
    bool found = false;
    View out;
    std::size_t first = 0;
    std::size_t end = 0;
    const auto end_run = [&] {
      if (out.bytes.size() >= secrets_.bytes_min_ && look(out, escapes, encodings)) {
        hide(view, first, end);
        found = true;
      }
      out = {};
    };
    const std::string_view text = view.bytes;
    constexpr std::string_view decimal_digits = "0123456789";
    for (std::size_t at = text.find_first_of(decimal_digits); at < text.size();) {
      const auto stop = std::min(text.find_first_not_of(decimal_digits, at), text.size());
      unsigned number = 0;
      for (std::size_t i = at; i < std::min(stop, at + digits_max); ++i)
        number = number * 10 + static_cast<unsigned>(text[i] - '0');
      const bool is_byte = stop - at <= digits_max && number <= 0xFF;
      const auto between =
          out.bytes.empty() ? std::string_view() : text.substr(end + 1, at - end - 1);
      if (!is_byte || between.size() > separators_max ||
          std::any_of(between.begin(), between.end(), is_of_word)) {
        end_run();
      }
      if (is_byte) {
        if (out.bytes.empty()) first = at;
        end = stop - 1;
        out.add(static_cast<char>(number), view.from[at], view.to[end]);
      }
      at = std::min(text.find_first_of(decimal_digits, stop), text.size());
    }
    end_run();
    return found;
  }

  /// Pairs of hexadecimal digits, one behind the other or as "41:42", "41 42", "0x41, 0x42",
  /// "['0x41', '0x42']".
  bool look_into_hex(const View& view, int escapes, int encodings) {
    constexpr std::size_t separators_max = 4;
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
      } else if (std::string_view(" :-,=\r\n'\"").find(c) == std::string_view::npos ||
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
  std::unordered_map<std::string, Depth> clean_;  // texts, and how deep they were looked into
};

// --- The secrets ---------------------------------------------------------------------------------

namespace {

template <typename Part>
void wipe_all(std::vector<Part>& parts) {
  if (!parts.empty()) explicit_bzero(parts.data(), parts.size() * sizeof parts.front());
}

}  // namespace

Redactor::~Redactor() {
  wipe_all(parts_);
  wipe_all(squeezed_);
}

bool Redactor::may_be_part(std::uint64_t part) const {
  const auto bit = filter_bit(part);
  return (filter_[bit / 64] >> (bit % 64) & 1U) != 0;
}

void Redactor::add_to_filter(std::uint64_t part) {
  const auto bit = filter_bit(part);
  filter_[bit / 64] |= std::uint64_t{1} << (bit % 64);
}

Redactor::SqueezedPart Redactor::squeezed_part(const char* bytes) {
  static_assert(squeezed_bytes > part_bytes && squeezed_bytes <= 2 * part_bytes);
  return {load(bytes), load(bytes + squeezed_bytes - part_bytes)};
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
    add_to_filter(part);
    parts.push_back(part);
  }
  std::sort(parts.begin(), parts.end());
  parts_.swap(parts);
  wipe_all(parts);
  wipe(text);
  hide_squeezed(secret);
}

void Redactor::hide_squeezed(std::string_view secret) {
  auto text = squeezed(secret);
  std::vector<SqueezedPart> parts;  // as above
  parts.reserve(squeezed_.size() + text.size());
  parts.assign(squeezed_.begin(), squeezed_.end());
  for (std::size_t i = 0; i + squeezed_bytes <= text.size(); ++i) {
    parts.push_back(squeezed_part(text.data() + i));
    add_to_filter(parts.back().front());
  }
  std::sort(parts.begin(), parts.end());
  squeezed_.swap(parts);
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

}  // namespace idmerge::util
