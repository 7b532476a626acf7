// SPDX-License-Identifier: MIT
//
// CSV as RFC 4180 has it, strict by default. Two readers in one: whole stretches of well-formed
// rows are taken apart by core/separators; a row with anything out of place is read again, byte by
// byte, by a careful reader that knows what is wrong and where.
//
// A quote that does not belong makes it uncertain where rows end. The rule for that doubt: when a
// row with a misplaced quote reaches over several lines, its first line is rejected with the fault
// and each further line as `after_unclosed_quote`. Nothing is swallowed, and no line that might be
// the inside of a field is sent. If a quote is still open after --row-max bytes, the rest of the
// file is in doubt and reading ends with an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/cell.hpp"
#include "idmerge/core/columns.hpp"
#include "idmerge/core/header_row.hpp"
#include "idmerge/core/pair.hpp"
#include "idmerge/core/separators.hpp"

namespace idmerge {

struct CsvOptions {
  char delimiter = ',';
  std::uint64_t row_max = 1U << 20U;  // Units: bytes without the line end
  bool allow_ragged = false;
  bool allow_lazy_quotes = false;
  bool pipe = false;                      // a last row without line end may be cut off
  bool take_last_row = false;             // one that may be cut off is none the less a row
  std::vector<std::string> null_words{};  // besides \N
};

/// The first row of a file, whether it is a header or not.
struct CsvHeader {
  std::vector<std::string> names;
  std::string text;         // raw, without line end
  std::size_t bytes = 0;    // up to the next row: with BOM, blank lines before it and line end
  std::size_t start = 0;    // of the row: after the BOM, Excel's separator line and blank lines
  std::uint64_t lines = 0;  // up to the next row
  std::uint64_t lines_before = 0;  // Excel's and blank ones before it
};

/// The separator that Excel's first line "sep=;" names, if the file begins with one.
///
/// Source: github.com/PowerShell/PowerShell/issues/7776
std::optional<char> named_separator(std::string_view bytes);

/// Take the header off the beginning of a file; nothing if there is no row at all.
///
/// Errors: usage if it is no readable row, with place and remedy; input if it does not end within
/// `bytes`, which has to hold row_max + 5 bytes or all of the file (`last`).
Result<std::optional<CsvHeader>> read_header(std::string_view bytes, bool last,
                                             const CsvOptions& options);

/// Where the reading starts within the (inflated) input.
struct CsvStart {
  std::uint64_t offset = 0;
  std::uint64_t line = 1;
};

/// A field as it stands in its row, quotes included.
struct CsvField {
  std::uint32_t start = 0;
  std::uint32_t end = 0;
};

/// Reads the rows of one file from slices of it.
class CsvReader {
 public:
  /// `header`: the names of the columns, to recognise them when they are repeated; empty if the
  /// file has none.
  CsvReader(CsvOptions options, const Columns& columns, const std::vector<std::string>& header,
            CsvStart start);

  /// Fill `out` with the rows that `bytes` begins with, and say how many bytes they took.
  ///
  /// Shape: the next call must begin with the bytes not taken; `bytes` must stay where they are as
  /// long as the rows. Ids that had to be decoded are in `out.scratch`. When less is taken and
  /// `out` has fewer than rows_max rows, more bytes are needed; with `last` all are taken in time.
  /// Bounds: a row needs row_max + 2 bytes at most before it is taken.
  /// Errors: input, "line L, column C: ...", for a quote that stays open for row_max, and for a
  /// header with other columns, behind which the ids would be read the wrong way round.
  Result<std::size_t> feed(std::string_view bytes, bool last, RowBlock& out);

  /// The line that is read next, from 1.
  std::uint64_t line() const { return line_; }

  OrderKind order_kind() const { return order_kind_; }
  /// Make this file's order column of the same kind as another's.
  void set_order_kind(OrderKind kind) { order_kind_ = kind; }

  static constexpr std::size_t rows_max = 16384;

 private:
  enum class Skip : std::uint8_t { none, field_start, unquoted, quoted, after_quote };

  std::size_t take_fast(std::string_view bytes, RowBlock& out);
  Result<std::size_t> take_careful(std::string_view bytes, bool last, RowBlock& out);
  bool may_be_partial(std::string_view text) const;
  Result<std::size_t> take_long(std::string_view bytes, RowBlock& out);
  std::size_t take_doubtful_line(std::string_view bytes, RowBlock& out);
  Result<std::size_t> skip(std::string_view bytes);
  std::size_t walk(std::string_view bytes, bool stop_at_line_end);
  Error open_too_long() const;

  template <class FieldAt>
  void add_row(std::string_view text, std::size_t field_count, FieldAt field_at, RowBlock& out);
  template <class FieldAt>
  Fault read_cells(std::size_t field_count, FieldAt field_at, Row& row, RowBlock& out);
  Row& add_row(std::string_view text, RowBlock& out);
  bool judge_header(const Row& row);
  void add_fault(std::string_view text, Fault fault, std::size_t fault_at, RowBlock& out);
  std::string_view cell(std::string_view raw, RowBlock& out);

  CsvOptions options_;
  Columns columns_;
  NullWords null_words_;
  HeaderRows header_rows_;
  bool below_header_ = false;             // the next row stands below a header
  std::optional<Error> other_columns_{};  // such a header was found
  OrderKind order_kind_ = OrderKind::unknown;
  std::uint64_t offset_;           // of the next byte to be taken
  std::uint64_t line_;             // on which it stands
  std::uint64_t doubt_until_ = 0;  // lines that begin before this offset are in doubt
  Skip skip_ = Skip::none;         // within the rest of a row that is too long
  std::uint64_t open_offset_ = 0;  // of the quote that is open there
  std::uint64_t open_line_ = 0;
  std::uint64_t open_column_ = 0;
  std::uint64_t line_offset_ = 0;  // where line_ begins, kept only there
  bool open_too_long_ = false;
  bool decode_ = false;   // cells of this row may have doubled quotes
  bool any_row_ = false;  // there is one before
  std::size_t feed_size_ = 0;
  Separators separators_;
  std::vector<CsvField> fields_;
};

}  // namespace idmerge
