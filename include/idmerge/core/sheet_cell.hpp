// SPDX-License-Identifier: MIT
//
// Cells of a table that a person may open in a spreadsheet and give back. A spreadsheet takes a
// cell that begins with =, +, - or @ for a formula and runs it, so such a cell gets an apostrophe
// in front, as does one that has one there; whoever reads the table takes it off again.
//
// Source: OWASP, CSV injection.
#pragma once

#include <string>
#include <string_view>

namespace idmerge {

/// Append one field of a CSV, quoted where RFC 4180 wants it, that no spreadsheet takes for a
/// formula.
void append_sheet_cell(std::string& out, std::string_view field);

/// What such a field, unquoted, was before. Shape: other fields stay as they are.
std::string_view read_sheet_cell(std::string_view field);

}  // namespace idmerge
