// SPDX-License-Identifier: MIT
//
// A header is not a link. Parts that were written with headers and put into one file have one in
// the middle, often not byte for byte the first one; some tools write a row of types below theirs;
// and with --no-header or numbered columns nobody has looked at the first row. A row is taken for a
// header only when the cells of both ids name columns: an id that happens to be called like a
// column, in one cell, is an id. Names are compared by their letters and digits, since tools write
// them with other signs in and around them.
//
// Sources: github.com/plaintextaccounting/hledger/issues/2189 (cat of files with byte order marks),
// github.com/ClickHouse/ClickHouse/issues/44640 (a second row holds the types).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "input/columns.hpp"
#include "util/result.hpp"

namespace idmerge::input {

enum class RowKind : std::uint8_t {
  pair,
  header,         // names the columns of its ids
  other_columns,  // names columns, but in another order: another table follows
  types,          // names the types of both, below a header
};

/// Recognizes headers among the rows of one file.
class HeaderRows {
 public:
  /// Shape: `header` has the names of all columns; empty if the file has none.
  HeaderRows(const Columns& columns, const std::vector<std::string>& header);

  /// What is a row with these two cells, read as an operation's? `below_header`: the row before it
  /// was a header.
  RowKind look(Op op, std::string_view first, std::string_view second, bool below_header) const {
    if (below_header && names_type(first) && names_type(second)) return RowKind::types;
    if (!may_name(first) || !may_name(second)) return RowKind::pair;
    return look_closely(op, first, second);
  }

  /// Returns whether a cell names a column of this side of an operation.
  bool names_side(Op op, std::size_t side, std::string_view cell) const;

 private:
  using Names = std::vector<std::string>;  // letters and digits, in lower case
  enum Edge : std::uint8_t { begins = 1, ends = 2 };

  /// A name stands at the beginning of a cell, behind a table's, or before a type at its end.
  /// Nearly no pair of ids passes.
  bool may_name(std::string_view cell) const {
    return !cell.empty() && ((edges_[static_cast<unsigned char>(cell.front())] & begins) != 0 ||
                             (edges_[static_cast<unsigned char>(cell.back())] & ends) != 0);
  }

  Names names_in(std::string_view cell) const;
  RowKind look_closely(Op op, std::string_view first, std::string_view second) const;
  static bool names_type(std::string_view cell);

  std::array<std::array<Names, 2>, 3> sides_;  // by Op: names of the first and the second column
  Names all_;
  std::array<std::uint8_t, 256> edges_{};  // by byte: may a name begin or end with it?
};

/// Returns the error for a row that names columns in another order.
Error other_columns_at(std::uint64_t line);

}  // namespace idmerge::input
