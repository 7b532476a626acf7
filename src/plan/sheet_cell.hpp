// SPDX-License-Identifier: MIT
//
// Cells of a CSV table that a person may edit in a spreadsheet and give back. A spreadsheet
// evaluates a cell that begins with =, +, - or @ (or with a tab or carriage return) as a formula,
// so such a cell is prefixed with an apostrophe. So is a cell that begins with an apostrophe, so
// that the prefix can be removed unambiguously when the table is read.
//
// Source: OWASP, CSV injection.
#pragma once

#include <string>
#include <string_view>

namespace idmerge::plan {

/// Appends a CSV field that no spreadsheet evaluates as a formula, quoted where RFC 4180 requires.
void append_sheet_cell(std::string& out, std::string_view field);

/// Returns the original value of such a field, given without CSV quotes. Other fields are returned
/// unchanged.
std::string_view read_sheet_cell(std::string_view field);

}  // namespace idmerge::plan
