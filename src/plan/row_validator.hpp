// SPDX-License-Identifier: MIT
//
// Validates single rows: decides whether a row can name a pair, as far as this is certain without
// the other rows. Ids are byte strings: they are inspected here, but never trimmed, case-folded or
// converted to numbers.
//
// Ids are validated in the form in which they are sent (wire form). In a project with simplified
// identity merge, `$device:X` and `X` on the anonymous side are the same device, because the
// service adds the prefix itself; so one prefix is removed before the id is examined.
//
// Source: mixpanel-facts section 3 (placeholders that Mixpanel, PostHog and Segment block, the cut
// at 255 bytes, user ids that start with $device:).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "input/id_text.hpp"
#include "input/row.hpp"
#include "input/row_fault.hpp"
#include "plan/deny_list.hpp"

namespace idmerge::plan {

struct RowValidatorOptions {
  bool reject_blank = false;               // reject blank sides, not skip them. Flag: --blank
  std::shared_ptr<const DenyList> deny{};  // null: none. Flag: --deny-file
  bool simplified = false;                 // anonymous ids are devices. Flag: --project-mode
};

enum class RowCheck : std::uint8_t { pair, skipped_anon, skipped_user, skipped_both, faulty };

/// The UUID form of an id, for the statistics that detect swapped columns.
enum class UuidForm : std::uint8_t { none, uuid, uuid_v4 };

/// Recognizes 8-4-4-4-12 hexadecimal digits, with or without a $device: prefix.
UuidForm uuid_form(std::string_view id);

/// The form of an id as counted by the resolver. Bounds: two bits.
enum class IdForm : std::uint8_t { other, uuid, uuid_v4, doubled_prefix };

IdForm id_form(std::string_view id);

/// The forms of both ids of a pair.
struct IdForms {
  IdForm anon = IdForm::other;
  IdForm user = IdForm::other;
};

/// Validates a row and converts `row.anon` to wire form, unless the row is faulty or skipped. A row
/// that already has a fault stays faulty; otherwise `row.fault` and `row.fault_at` are set if it
/// cannot be used. The forms of a pair's ids are stored in `forms`, unless it is null.
///
/// Requires: called once per row, because each call removes a prefix.
RowCheck validate(input::Row& row, const RowValidatorOptions& options, IdForms* forms = nullptr);

/// Returns whether an id is a value that means "no id" in many systems, in any case, also within
/// quotes or white space or after one $device: prefix; or only zeros and dashes.
bool is_placeholder(std::string_view id);

/// Returns whether an id is a number in the scientific notation that spreadsheets, pandas and Java
/// use when it does not fit: 1.23457E+11, 1E+11, 1.5e-7. Hexadecimal ids such as 1e11 do not match,
/// because they have neither a point nor a sign.
///
/// Sources: github.com/pulibrary/orangelight/issues/2695, github.com/archimatetool/archi/issues/192
bool is_scientific(std::string_view id);

/// Returns whether an id is marked as text for a spreadsheet: '00123, ="00123".
///
/// Source: github.com/DFE-Digital/register-trainee-teachers/pull/3229
bool is_spreadsheet_text(std::string_view id);

/// Returns whether an id is digits and ".0", as pandas writes integers of a column with a missing
/// value.
///
/// Source: github.com/pandas-dev/pandas/issues/20717
bool is_whole_decimal(std::string_view id);

/// Returns whether an id begins or ends with white space, like values of CHAR(n) columns.
///
/// Source: github.com/capitalone/giraffez/issues/37
bool is_padded(std::string_view id);

}  // namespace idmerge::plan
