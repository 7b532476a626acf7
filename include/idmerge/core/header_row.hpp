// SPDX-License-Identifier: MIT
//
// A header is not a link. Parts that were written with headers and put into one file have one in
// the middle, often not byte for byte the first one; some tools write a row of types below theirs;
// and with --no-header or numbered columns nobody has looked at the first row. A row is taken for a
// header only when the cells of both ids name columns: an id that happens to be called like a
// column, in one cell, is an id.
//
// Sources: github.com/plaintextaccounting/hledger/issues/2189 (cat of files with byte order marks),
// github.com/ClickHouse/ClickHouse/issues/44640 (a second row holds the types).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/core/columns.hpp"

namespace idmerge {

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
    if (!may_begin_name_[static_cast<unsigned char>(first.empty() ? ' ' : first.front())] ||
        !may_begin_name_[static_cast<unsigned char>(second.empty() ? ' ' : second.front())] ||
        first.size() > longest_ || second.size() > longest_) {
      return RowKind::pair;
    }
    return look_closely(op, first, second);
  }

 private:
  using Names = std::vector<std::string>;  // in lower case

  RowKind look_closely(Op op, std::string_view first, std::string_view second) const;
  static bool names_type(std::string_view cell);

  std::array<std::array<Names, 2>, 3> sides_;  // by Op: names of the first and the second column
  Names all_;
  std::array<bool, 256> may_begin_name_{};
  std::size_t longest_ = 0;
};

}  // namespace idmerge
