// SPDX-License-Identifier: MIT
//
// The reasons why a row cannot be used. The list is closed: each fault has a stable name that
// scripts may match in `rejected.ndjson`, a sentence for people and a hint. A fault affects exactly
// one row. Such a row is rejected, with one exception: a row that may be the beginning of a longer
// one is readable and is held.
#pragma once

#include <cstdint>
#include <string_view>

namespace idmerge::input {

enum class Fault : std::uint8_t {
  none,
  // Faults of the layout, found by the readers.
  row_too_long,          // longer than --row-max
  ragged_row,            // more or fewer fields than the header
  unclosed_quote,        // opened here, closed neither within --row-max nor by the end of the file
  after_unclosed_quote,  // a line that may belong to the field with the unclosed quote
  text_after_quote,      // a closing quote is followed by neither delimiter nor line end
  bare_quote,            // a quote inside an unquoted field
  lone_cr,               // a carriage return that does not end a line
  partial_row,           // only the last line has no line end: it may be truncated
  repeated_header,       // the row names the columns or their types, like a header
  not_json,              // the line is not one JSON value
  not_an_object,         // a JSON value, but not an object
  trailing_bytes,        // other bytes follow the object
  duplicate_key,         // the key of an id occurs twice
  missing_field,         // the row's verb has no fields in this file (an absent id is blank)
  not_an_id,             // an id that is an object, array, boolean, float or exponent
  lone_surrogate,        // half of an escaped surrogate pair
  not_a_pair,            // $distinct_ids is not an array of two
  unknown_op,            // the --op-field has a value that is not a verb
  verb_not_in_mode,      // the --op-field has a verb that the project mode does not support
  // Faults of the ids, found by the validator.
  blank_id,        // empty or only white space, with --blank reject
  bad_utf8,        // not UTF-8
  control_byte,    // NUL, another control character, or a line separator
  id_too_long,     // over 255 bytes, where the service truncates
  same_ids,        // both sides are equal
  placeholder,     // a known stand-in for "no id", such as null or undefined
  device_user,     // a user id that starts with $device:
  doubled_prefix,  // an anonymous id with two $device: prefixes, in a simplified project
  denied,          // an id of --deny-file
  scientific,      // a number in scientific notation: other ids may have become the same number
  spreadsheet,     // wrapped like text in a spreadsheet: '00123, ="00123"
  count,
};

/// Returns whether the row may be read differently than its writer intended. Such a row is `held`,
/// not `rejected`.
constexpr bool is_doubtful(Fault fault) {
  return fault == Fault::partial_row;
}

/// Returns whether the fault was added after plans of version 2, whose summary does not count it.
constexpr bool is_late(Fault fault) {
  return fault == Fault::verb_not_in_mode || fault == Fault::doubled_prefix ||
         fault == Fault::scientific || fault == Fault::spreadsheet;
}

/// Returns the stable name, as written to `reason`: "row-too-long".
std::string_view name(Fault fault);

/// Returns a sentence that completes "this row cannot be used: ...".
std::string_view sentence(Fault fault);

/// Returns advice for the user.
std::string_view hint(Fault fault);

}  // namespace idmerge::input
