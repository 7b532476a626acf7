// SPDX-License-Identifier: MIT
#include "input/row_fault.hpp"

#include <array>

#include "util/check.hpp"

namespace idmerge::input {
namespace {

struct Text {
  Fault fault;
  std::string_view name;
  std::string_view sentence;
  std::string_view hint;
};

constexpr std::array texts{
    Text{Fault::none, "none", "nothing is wrong", ""},
    Text{Fault::row_too_long, "row-too-long", "the row is longer than --row-max",
         "raise --row-max if rows of this size are meant"},
    Text{Fault::ragged_row, "ragged-row", "the row has more or fewer fields than the header",
         "quote fields that contain the delimiter, or allow it with --allow ragged"},
    Text{Fault::unclosed_quote, "unclosed-quote", "a quote is opened here and never closed",
         "close the quote, or double it if it belongs to the text"},
    Text{Fault::after_unclosed_quote, "after-unclosed-quote",
         "the line follows an unclosed quote and may belong to its field",
         "fix the quote above, then plan again"},
    Text{Fault::text_after_quote, "text-after-quote",
         "text follows a closing quote within the field",
         "double the quotes inside a quoted field, or allow it with --allow lazy-quotes"},
    Text{Fault::bare_quote, "bare-quote", "a quote occurs inside an unquoted field",
         "quote the field and double the quote, or allow it with --allow lazy-quotes"},
    Text{Fault::lone_cr, "lone-cr", "a carriage return occurs inside a line",
         "quote the field, or convert the line ends of the file"},
    Text{Fault::partial_row, "partial-row", "the last line has no line end",
         "check that the writer finished; end its last line with a newline, or take it with "
         "--last-row take"},
    Text{Fault::repeated_header, "repeated-header",
         "the row names the columns or their types, as a header does",
         "remove it, or give the parts as separate files"},
    Text{Fault::not_json, "not-json", "the line is not valid JSON", "write one JSON object a line"},
    Text{Fault::not_an_object, "not-an-object", "the line is JSON, but not an object",
         "write one JSON object a line"},
    Text{Fault::trailing_bytes, "trailing-bytes", "something follows the object on its line",
         "write one JSON object a line"},
    Text{Fault::duplicate_key, "duplicate-key", "the key of an id occurs twice",
         "keep one of the two"},
    Text{Fault::missing_field, "missing-field", "the file has no fields for the verb of this row",
         "name them, for an alias with --alias-field and --distinct-id-field"},
    Text{Fault::not_an_id, "not-an-id", "the id is neither a string nor an integer",
         "write ids as strings"},
    Text{Fault::lone_surrogate, "lone-surrogate", "the id contains half of a surrogate pair",
         "escape characters beyond U+FFFF as a pair, or write them as UTF-8"},
    Text{Fault::not_a_pair, "not-a-pair", "the field of both ids is not an array of two",
         "write exactly two ids a row"},
    Text{Fault::unknown_op, "unknown-op", "the operation is not create, alias or merge",
         "write create, alias or merge"},
    Text{Fault::verb_not_in_mode, "verb-not-in-mode",
         "the project mode does not have the verb of this row",
         "simplified projects have create only, legacy ones alias only; check --project-mode"},
    Text{Fault::blank_id, "blank-id", "the id of one side is blank",
         "fill it in, or let such rows be skipped with --blank skip"},
    Text{Fault::bad_utf8, "bad-utf8", "the id is not UTF-8", "export the table as UTF-8"},
    Text{Fault::control_byte, "control-byte", "the id contains a control character",
         "remove it where the table is made"},
    Text{Fault::id_too_long, "id-too-long",
         "the id is longer than 255 bytes and would be truncated",
         "two ids with the same beginning would become one; use shorter ids"},
    Text{Fault::same_ids, "same-ids", "both sides are the same id", "there is nothing to link"},
    Text{Fault::placeholder, "placeholder", "the id is a placeholder that many rows share",
         "leave the field blank where there is no id, or name the word with --null-word"},
    Text{Fault::device_user, "device-user",
         "a user id starts with $device:", "check that the columns are not swapped"},
    Text{Fault::doubled_prefix, "doubled-prefix", "the anonymous id starts with $device:$device:",
         "one prefix belongs to the service: remove the other where the table is made"},
    Text{Fault::denied, "denied", "the id is denied by --deny-file",
         "nothing to fix; remove it from the file if it may be linked"},
    Text{Fault::scientific, "scientific",
         "the id is a number in scientific notation, whose last digits are lost",
         "export the column as text; in a spreadsheet, format it as text before it is filled"},
    Text{Fault::spreadsheet, "spreadsheet",
         "the id is wrapped as spreadsheets wrap text: after an apostrophe, or in a formula",
         "export the table as CSV from where it was made, without the wrapping"},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].fault != static_cast<Fault>(i)) return false;
  }
  return texts.size() == static_cast<std::size_t>(Fault::count);
}
static_assert(in_order(), "every fault has its text, in the order of the enumeration");

const Text& text(Fault fault) {
  IDMERGE_CHECK(fault < Fault::count);
  return texts[static_cast<std::size_t>(fault)];
}

}  // namespace

std::string_view name(Fault fault) {
  return text(fault).name;
}
std::string_view sentence(Fault fault) {
  return text(fault).sentence;
}
std::string_view hint(Fault fault) {
  return text(fault).hint;
}

}  // namespace idmerge::input
