// SPDX-License-Identifier: MIT
//
// The first judge: may this row name a pair at all? It looks at one row alone, and decides only
// what is certain without the others. Ids are byte strings: nothing is trimmed, folded or parsed
// into a number here, only looked at.
//
// Ids are judged in the form in which they are sent (wire form). In a project with simplified
// identity merge `$device:X` and `X` on the anonymous side are one device, because the service adds
// the prefix itself; so one prefix is taken off before anything looks at the id.
//
// Source: mixpanel-facts section 3 (placeholders that Mixpanel, PostHog and Segment block, the cut
// at 255 bytes, user ids that start with $device:).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "idmerge/core/deny_list.hpp"
#include "idmerge/core/fault.hpp"
#include "idmerge/core/pair.hpp"

namespace idmerge {

/// Longest id that the service keeps whole. Units: bytes.
inline constexpr std::size_t id_bytes_max = 255;

struct ScreenOptions {
  bool reject_blank = false;               // a blank side is a fault, not `skipped`. Flag: --blank
  std::shared_ptr<const DenyList> deny{};  // null: none. Flag: --deny-file
  bool simplified = false;                 // anonymous ids are devices. Flag: --project-mode
};

inline constexpr std::string_view device_prefix = "$device:";

/// Shape: without a call for ids that do not begin so, which nearly all do not.
constexpr bool has_device_prefix(std::string_view id) {
  return !id.empty() && id.front() == device_prefix.front() && id.starts_with(device_prefix);
}

/// An anonymous id as it is sent: in a simplified project without its prefix. Of a doubled prefix
/// one is left, with which the id is rejected.
constexpr std::string_view wire_anon(std::string_view anon, bool simplified) {
  if (simplified && has_device_prefix(anon)) anon.remove_prefix(device_prefix.size());
  return anon;
}

enum class Screened : std::uint8_t { pair, skipped_anon, skipped_user, skipped_both, faulty };

/// How an id looks, for the statistics that find swapped columns.
enum class UuidForm : std::uint8_t { none, uuid, uuid_v4 };

/// Shape: 8-4-4-4-12 hexadecimal digits, without the $device: prefix if there is one.
UuidForm uuid_form(std::string_view id);

/// What the census counts about the form of an id, in two bits.
enum class IdForm : std::uint8_t { other, uuid, uuid_v4, doubled_prefix };

IdForm id_form(std::string_view id);

/// Of the ids of a pair.
struct IdForms {
  IdForm anon = IdForm::other;
  IdForm user = IdForm::other;
};

/// Judge one row, once. `row.anon` is in wire form afterwards, unless the row is faulty or skipped.
/// A row that came with a fault stays faulty; otherwise `row.fault` and `row.fault_at` are set when
/// it cannot be used. The forms of a pair's ids go to `forms`, unless
/// null.
Screened screen(Row& row, const ScreenOptions& options, IdForms* forms = nullptr);

/// Empty, or only white space (ASCII, no-break space, and the Unicode spaces).
bool is_blank(std::string_view id);

/// A value that stands for "no id" in many systems, in any case, also within quotes, white space
/// or behind one $device: prefix; or only zeros and dashes.
bool is_placeholder(std::string_view id);

/// A number as spreadsheets, pandas and Java write it when it does not fit: 1.23457E+11, 1E+11,
/// 1.5e-7. Hexadecimal ids such as 1e11 are none, since they have neither point nor sign.
///
/// Sources: github.com/pulibrary/orangelight/issues/2695, github.com/archimatetool/archi/issues/192
bool is_scientific(std::string_view id);

/// Text that a spreadsheet was kept from reading as a number: '00123, ="00123".
///
/// Source: github.com/DFE-Digital/register-trainee-teachers/pull/3229
bool is_spreadsheet_text(std::string_view id);

/// Digits and ".0": what pandas makes of a column of integers in which one is missing.
///
/// Source: github.com/pandas-dev/pandas/issues/20717
bool is_whole_decimal(std::string_view id);

/// Does the id begin or end with white space, as CHAR(n) columns do?
///
/// Source: github.com/capitalone/giraffez/issues/37
bool is_padded(std::string_view id);

/// Offset of the first byte that is not UTF-8, or npos. Overlong forms, surrogates and values over
/// U+10FFFF are not UTF-8. Source: RFC 3629.
std::size_t find_bad_utf8(std::string_view text);

/// Offset of the first control character, or npos: C0, DEL, and in valid UTF-8 also C1 and the
/// line and paragraph separators.
std::size_t find_control(std::string_view text);

}  // namespace idmerge
