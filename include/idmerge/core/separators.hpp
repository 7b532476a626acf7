// SPDX-License-Identifier: MIT
//
// Where the fields and rows of CSV end, 64 bytes at a time: the common path of the CSV reader.
// It knows well-formed quoting only, and stops before the first row in which a quote or carriage
// return stands where none may: that row is for the careful reader (core/csv), which is slow and
// knows what is wrong. So there is no state per byte, and no guess either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace idmerge {

/// Shape: field `i` ends before the byte at `ends[i]`, which is a delimiter or newline; the fields
/// of row `r` are those from `rows[r - 1]` (0 for the first) to before `rows[r]`.
struct Separators {
  std::vector<std::uint32_t> ends;
  std::vector<std::uint32_t> rows;
  std::size_t end_count = 0;
  std::size_t row_count = 0;
  bool stopped = false;   // a row behind the last complete one has to be read with care
  bool doubled = false;   // a quoted field has doubled quotes, or is empty
  bool spanning = false;  // a quoted field has a newline
};

/// Find the separators of the complete rows at the beginning of `bytes`, which starts with a row.
///
/// Bounds: up to one end and one row for every byte; the vectors only grow.
/// Source: the quote mask by prefix-xor is from Langdale and Lemire, "Parsing gigabytes of JSON per
/// second", 2019.
void find_separators(std::string_view bytes, char delimiter, Separators& found);

/// The same without vector instructions, for other machines and as a second opinion in tests.
void find_separators_portably(std::string_view bytes, char delimiter, Separators& found);

}  // namespace idmerge
