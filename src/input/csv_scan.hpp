// SPDX-License-Identifier: MIT
//
// Finds the ends of CSV fields and rows, 64 bytes at a time: the fast path of the CSV reader. It
// handles well-formed quoting only and stops before the first row with a misplaced quote or
// carriage return. Such a row is left to the careful reader (input/csv), which is slow but
// determines the fault. So this code needs neither a state per byte nor a guess.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace idmerge::input {

/// The fields and rows found. Field `i` ends before the byte at `ends[i]`, which is a delimiter or
/// newline; the fields of row `r` are those from `rows[r - 1]` (0 for the first row) to before
/// `rows[r]`.
struct Separators {
  std::vector<std::uint32_t> ends;
  std::vector<std::uint32_t> rows;
  std::size_t end_count = 0;
  std::size_t row_count = 0;
  bool stopped = false;   // the row after the last complete one needs the careful reader
  bool doubled = false;   // a quoted field has doubled quotes, or is empty
  bool spanning = false;  // a quoted field contains a newline
};

/// Finds the separators of the complete rows at the beginning of `bytes`.
///
/// Requires: `bytes` starts at the start of a row.
/// Bounds: up to one end and one row per byte; the vectors never shrink.
/// Source: the quote mask by prefix-xor is from Langdale and Lemire, "Parsing gigabytes of JSON per
/// second", 2019.
void find_separators(std::string_view bytes, char delimiter, Separators& found);

/// The same without vector instructions: for other machines, and to check the result in tests.
void find_separators_portably(std::string_view bytes, char delimiter, Separators& found);

}  // namespace idmerge::input
