// SPDX-License-Identifier: MIT
#include "plan/row_validator.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace idmerge::plan {
namespace {

using std::string_view;

constexpr auto npos = string_view::npos;

/// What tools write where there is no id: in lower case, sorted. Zeros and dashes are a rule of
/// their own, and so are the errors of LibreOffice.
///
/// Sources:
///   mixpanel-facts section 3     what Mixpanel, PostHog and Segment block
///   pandas, issues 44156, 60123  <NA>, NaT, #N/A N/A, -1.#IND ... (isna, read_csv); R prints <NA>
///   SAS, Stata                   .
///   SPSS, Excel, Google Sheets   #NULL!, #REF! ... (error values of ERROR.TYPE), #ERROR!
///   DBeaver, issue 1709          [NULL]
///   Oracle SQL Developer         (null)
///   amazon-redshift-utils, 327   NULL_STRING__
///   Hive                         __HIVE_DEFAULT_PARTITION__
///   Google Analytics             (not set), (none), (not provided)
///   Salesforce                   [not provided]
///   pivot tables                 (blank)
///   Android, issue 10603         9774d56d682e549c, the id of many devices
///   printed values               Optional(nil), <nil>, [object Object], -nan
constexpr auto placeholders = std::to_array<string_view>({"#blocked!",
                                                          "#busy!",
                                                          "#calc!",
                                                          "#connect!",
                                                          "#div/0!",
                                                          "#error!",
                                                          "#field!",
                                                          "#getting_data",
                                                          "#n/a",
                                                          "#n/a n/a",
                                                          "#na",
                                                          "#name?",
                                                          "#null!",
                                                          "#num!",
                                                          "#ref!",
                                                          "#spill!",
                                                          "#unknown!",
                                                          "#value!",
                                                          "(blank)",
                                                          "(empty)",
                                                          "(none)",
                                                          "(not provided)",
                                                          "(not set)",
                                                          "(null)",
                                                          "(undefined)",
                                                          "-1",
                                                          "-1.#ind",
                                                          "-1.#qnan",
                                                          "-nan",
                                                          ".",
                                                          "1.#ind",
                                                          "1.#inf",
                                                          "1.#qnan",
                                                          "9774d56d682e549c",
                                                          "<na>",
                                                          "<nil>",
                                                          "<none>",
                                                          "<null>",
                                                          "<undefined>",
                                                          "[]",
                                                          "[none]",
                                                          "[not provided]",
                                                          "[null]",
                                                          "[object object]",
                                                          "[undefined]",
                                                          "__hive_default_partition__",
                                                          "anon",
                                                          "anonymous",
                                                          "distinct_id",
                                                          "distinctid",
                                                          "email",
                                                          "false",
                                                          "guest",
                                                          "id",
                                                          "lmy47d",
                                                          "n/a",
                                                          "na",
                                                          "nan",
                                                          "nan(ind)",
                                                          "nat",
                                                          "nil",
                                                          "none",
                                                          "not_authenticated",
                                                          "null",
                                                          "null_string__",
                                                          "optional(nil)",
                                                          "true",
                                                          "undefined",
                                                          "unknown",
                                                          "user_id",
                                                          "{}"});
static_assert(std::is_sorted(placeholders.begin(), placeholders.end()));
constexpr std::size_t placeholder_bytes_max = 26;

/// The longest text that can be a placeholder in disguise: quotes and some white space around it.
constexpr std::size_t disguised_bytes_max = 64;

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// What begins or ends with this byte may be a placeholder in disguise. Asked of every id, at both
/// ends; each character outside ASCII that leading_dress() knows ends with one from 0x80 to 0xBF.
constexpr auto dress_table = [] {
  std::array<bool, 256> table{};
  for (const char c : string_view(" \t\n\v\f\r\"'`\xC2\xE1\xE2\xE3\xEF"))
    table[static_cast<unsigned char>(c)] = true;
  for (std::size_t c = 0x80; c < 0xC0; ++c)
    table[c] = true;
  return table;
}();

constexpr bool is_dress(char c) {
  return dress_table[static_cast<unsigned char>(c)];
}

/// By the first byte of an id, in any case: a bit for each length of a placeholder. Nearly no id
/// passes.
constexpr auto placeholder_lengths = [] {
  std::array<std::uint32_t, 256> lengths{};
  for (const auto word : placeholders) {
    const auto first = static_cast<unsigned char>(word.front());
    lengths[first] |= 1U << word.size();
    if (word.front() >= 'a' && word.front() <= 'z') lengths[first - 32U] |= 1U << word.size();
  }
  return lengths;
}();

/// "Err:502": what LibreOffice shows in place of a value. Source: its help, error codes 501 to 540.
constexpr bool is_calc_error(string_view id) {
  constexpr std::size_t bytes = 7;
  if (id.size() != bytes || lower(id[0]) != 'e' || lower(id[1]) != 'r' || lower(id[2]) != 'r' ||
      id[3] != ':' || id[4] != '5') {
    return false;
  }
  return id[5] >= '0' && id[5] <= '4' && id[6] >= '0' && id[6] <= '9';
}

/// Only zeros and dashes?
constexpr bool is_null_number(string_view id) {
  for (const char c : id) {
    if (c != '0' && c != '-') return false;
  }
  return true;
}

/// Eight bytes at a time: has any the high bit, or is it below 0x20 or 0x7F?
constexpr std::uint64_t ones = 0x0101010101010101U;
constexpr std::uint64_t highs = 0x8080808080808080U;

std::uint64_t suspicious(std::uint64_t word) {
  const auto below_space = (word - ones * 0x20) & ~word;
  const auto del = word ^ (ones * 0x7F);
  return (word | below_space | ((del - ones) & ~del)) & highs;
}

std::uint64_t load(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

std::uint64_t load4(const char* at) {
  std::uint32_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// Are all eight bytes hexadecimal digits?
bool all_hex(std::uint64_t word) {
  // High bit of a byte: set where the byte, below 0x80, is at least `low` and at most `high`.
  const auto within = [](std::uint64_t bytes, std::uint64_t low, std::uint64_t high) {
    return (bytes + ones * (0x80 - low)) & ~(bytes + ones * (0x7F - high)) & highs;
  };
  const auto small = word & ~highs;
  const auto digits = within(small, '0', '9');
  const auto letters = within(small | ones * 0x20, 'a', 'f');
  return ((digits | letters) & ~word & highs) == highs;
}

#if defined(__x86_64__)
/// The same for sixteen bytes: as signed numbers, those with the high bit are below a space too.
__m128i suspicious16(const char* at) {
  const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  return _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(' ')),
                      _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F)));
}
#endif

/// True when every byte is printable ASCII, which nearly all ids are. The last bytes of an id are
/// looked at together with some before them, again.
bool plain_ascii(string_view text) {
  const char* const begin = text.data();
  const auto size = text.size();
#if defined(__x86_64__)
  if (size >= 16) {
    auto found = suspicious16(begin + size - 16);
    for (std::size_t at = 0; at + 16 < size; at += 16)
      found = _mm_or_si128(found, suspicious16(begin + at));
    return _mm_movemask_epi8(found) == 0;
  }
#endif
  if (size >= 8) {
    auto found = suspicious(load(begin + size - 8));
    for (std::size_t at = 0; at + 8 < size; at += 8)
      found |= suspicious(load(begin + at));
    return found == 0;
  }
  if (size >= 4) return suspicious(load4(begin) | load4(begin + size - 4) << 32U) == 0;
  std::uint64_t word = ones * ' ';
  std::memcpy(&word, begin, size);
  return suspicious(word) == 0;
}

struct Finding {
  input::Fault fault = input::Fault::none;
  std::size_t at = 0;
};

Finding examine(string_view id, IdForm form) {
  if (form == IdForm::uuid_v4) return {};  // plain, short, and its 4 is no zero
  if (!plain_ascii(id)) {
    if (const auto at = input::find_bad_utf8(id); at != npos) return {input::Fault::bad_utf8, at};
    if (const auto at = input::find_control(id); at != npos)
      return {input::Fault::control_byte, at};
  }
  if (id.size() > input::id_bytes_max) return {input::Fault::id_too_long, input::id_bytes_max};
  if (is_placeholder(id)) return {input::Fault::placeholder, 0};
  if (is_scientific(id)) return {input::Fault::scientific, 0};
  if (is_spreadsheet_text(id)) return {input::Fault::spreadsheet, 0};
  return {};
}

/// Where a finding within an id stands in the row: behind the quote that opens its field, if one
/// does. Exact unless doubled quotes or escapes stand before it.
std::size_t place(const input::Row& row, std::size_t field_at, const Finding& found) {
  const bool quoted = field_at < row.text.size() && row.text[field_at] == '"';
  return field_at + found.at + (quoted && found.fault != input::Fault::placeholder ? 1 : 0);
}

RowCheck mark(input::Row& row, input::Fault fault, std::size_t at) {
  row.fault = fault;
  row.fault_at = static_cast<std::uint32_t>(at);
  return RowCheck::faulty;
}

}  // namespace

bool is_placeholder(string_view id) {
  if (id.empty()) return true;
  if (is_dress(id.front()) || is_dress(id.back()) || id.front() == '$') {
    if (id.size() > disguised_bytes_max) return false;
    id = input::undressed(id);
    if (id.starts_with(input::device_prefix))
      id = input::undressed(id.substr(input::device_prefix.size()));
    if (id.empty()) return true;
  }
  if (id.front() == '0' || id.front() == '-') {
    if (is_null_number(id)) return true;
  }
  if (id.size() > placeholder_bytes_max) return false;
  if (is_calc_error(id)) return true;
  const auto lengths = placeholder_lengths[static_cast<unsigned char>(id.front())];
  if ((lengths >> id.size() & 1U) == 0) return false;
  std::array<char, placeholder_bytes_max> folded;
  std::transform(id.begin(), id.end(), folded.begin(), lower);
  return std::binary_search(placeholders.begin(), placeholders.end(),
                            string_view(folded.data(), id.size()));
}

bool is_scientific(string_view id) {
  constexpr std::size_t bytes_min = 5;  // 1E+11
  if (!id.empty() && id.front() == '-') id.remove_prefix(1);
  if (id.size() < bytes_min || !is_digit(id[0])) return false;
  if (id[1] != '.' && id[1] != ',' && lower(id[1]) != 'e') return false;
  const auto digits = [&] {
    const auto before = id.size();
    while (!id.empty() && is_digit(id.front()))
      id.remove_prefix(1);
    return before - id.size();
  };
  id.remove_prefix(1);
  const bool has_point = id.front() != 'e' && id.front() != 'E';
  if (has_point) {
    id.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (id.empty() || lower(id.front()) != 'e') return false;
  id.remove_prefix(1);
  const bool has_sign = !id.empty() && (id.front() == '+' || id.front() == '-');
  if (!has_point && (!has_sign || id.front() != '+')) return false;  // 1e11, 1E-05
  if (has_sign) id.remove_prefix(1);
  const auto exponent = digits();
  return id.empty() && exponent >= 1 && exponent <= 3;
}

bool is_spreadsheet_text(string_view id) {
  if (id.size() < 2) return false;
  if (id.front() == '=') return id.size() > 3 && id[1] == '"' && id.back() == '"';
  return id.front() == '\'' && std::all_of(id.begin() + 1, id.end(), is_digit);
}

bool is_whole_decimal(string_view id) {
  return id.size() > 2 && id.ends_with(".0") && std::all_of(id.begin(), id.end() - 2, is_digit);
}

bool is_padded(string_view id) {
  if (id.empty() || (!input::may_be_space(id.front()) && !input::may_be_space(id.back())))
    return false;
  if (input::leading_space(id) > 0) return true;
  constexpr std::size_t space_bytes_max = 3;
  for (std::size_t bytes = 1; bytes <= std::min(space_bytes_max, id.size()); ++bytes) {
    if (input::leading_space(id.substr(id.size() - bytes)) == bytes) return true;
  }
  return false;
}

UuidForm uuid_form(string_view id) {
  if (id.size() == input::device_prefix.size() + 36 && input::has_device_prefix(id)) {
    id.remove_prefix(input::device_prefix.size());
  }
  if (id.size() != 36) return UuidForm::none;
  if (id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-') return UuidForm::none;
  // The digits in four words, the dashes left out.
  const char* const at = id.data();
  const bool hex = all_hex(load(at)) && all_hex(load4(at + 9) | load4(at + 14) << 32U) &&
                   all_hex(load4(at + 19) | load4(at + 24) << 32U) && all_hex(load(at + 28));
  if (!hex) return UuidForm::none;
  const char variant = lower(id[19]);
  const bool v4 =
      id[14] == '4' && (variant == '8' || variant == '9' || variant == 'a' || variant == 'b');
  return v4 ? UuidForm::uuid_v4 : UuidForm::uuid;
}

IdForm id_form(string_view id) {
  if (input::has_device_prefix(id) &&
      input::has_device_prefix(id.substr(input::device_prefix.size()))) {
    return IdForm::doubled_prefix;
  }
  switch (uuid_form(id)) {
    case UuidForm::uuid:
      return IdForm::uuid;
    case UuidForm::uuid_v4:
      return IdForm::uuid_v4;
    case UuidForm::none:
      break;
  }
  return IdForm::other;
}

RowCheck validate(input::Row& row, const RowValidatorOptions& options, IdForms* forms) {
  if (row.fault != input::Fault::none) return RowCheck::faulty;

  const bool anon_blank = input::is_blank(row.anon);
  const bool user_blank = input::is_blank(row.user);
  if (anon_blank || user_blank) {
    if (options.reject_blank) {
      return mark(row, input::Fault::blank_id, anon_blank ? row.anon_at : row.user_at);
    }
    if (anon_blank && user_blank) return RowCheck::skipped_both;
    return anon_blank ? RowCheck::skipped_anon : RowCheck::skipped_user;
  }

  const auto anon = input::wire_anon(row.anon, options.simplified);
  const auto prefix = row.anon.size() - anon.size();
  row.anon = anon;
  if (options.simplified && input::has_device_prefix(anon)) {
    return mark(row, input::Fault::doubled_prefix, row.anon_at);
  }
  if (prefix > 0 && input::is_blank(anon)) return mark(row, input::Fault::placeholder, row.anon_at);
  const IdForms found_forms{id_form(row.anon), id_form(row.user)};
  if (auto found = examine(row.anon, found_forms.anon); found.fault != input::Fault::none) {
    if (found.fault != input::Fault::placeholder) found.at += prefix;
    return mark(row, found.fault, place(row, row.anon_at, found));
  }
  if (const auto found = examine(row.user, found_forms.user); found.fault != input::Fault::none) {
    return mark(row, found.fault, place(row, row.user_at, found));
  }
  if (row.anon == row.user) return mark(row, input::Fault::same_ids, row.user_at);
  if (row.sided && row.op != input::Op::alias && input::has_device_prefix(row.user)) {
    return mark(row, input::Fault::device_user, row.user_at);
  }
  if (options.deny) {
    const bool denied =
        options.simplified ? options.deny->denies_device(row.anon) : options.deny->denies(row.anon);
    if (denied) return mark(row, input::Fault::denied, row.anon_at);
    if (options.deny->denies(row.user)) return mark(row, input::Fault::denied, row.user_at);
  }
  if (forms != nullptr) *forms = found_forms;
  return RowCheck::pair;
}

}  // namespace idmerge::plan
