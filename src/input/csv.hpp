// SPDX-License-Identifier: MIT
//
// A CSV reader according to RFC 4180, strict by default. Runs of well-formed rows are split by
// input/csv_scan. A row with any irregularity is parsed again, byte by byte, by a careful reader
// that determines the fault and its position.
//
// A misplaced quote makes the ends of rows ambiguous. If a row with a misplaced quote spans several
// lines, its first line is rejected with the fault and each further line as `after_unclosed_quote`.
// So no line is lost, and no line that might be inside a field is sent. If a quote is still open
// after --row-max bytes, the rest of the file cannot be interpreted and reading ends with an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input/cell.hpp"
#include "input/columns.hpp"
#include "input/csv_scan.hpp"
#include "input/file_reader.hpp"
#include "input/header_row.hpp"
#include "input/row.hpp"
#include "util/result.hpp"

namespace idmerge::input {

struct CsvOptions {
  char delimiter = ',';
  std::uint64_t row_max = 1U << 20U;  // Units: bytes without the line end
  bool allow_ragged = false;
  bool allow_lazy_quotes = false;
  bool pipe = false;                      // a last row without line end may be truncated
  bool take_last_row = false;             // accept a last row that may be truncated
  std::vector<std::string> null_words{};  // in addition to \N
};

/// The first row of a file, which may or may not be a header.
struct CsvHeader {
  std::vector<std::string> names;
  std::string text;         // raw, without line end
  std::size_t bytes = 0;    // from the start of the file to the next row
  std::size_t start = 0;    // of the row: after the BOM, Excel's separator line and blank lines
  std::uint64_t lines = 0;  // from the start of the file to the next row
  std::uint64_t lines_before = 0;  // Excel's separator line and blank lines before the row
};

/// Returns the separator of Excel's first line "sep=;", if the file begins with one.
///
/// Source: github.com/PowerShell/PowerShell/issues/7776
std::optional<char> named_separator(std::string_view bytes);

/// Parses the header at the beginning of a file.
///
/// Requires: `bytes` has at least row_max + 5 bytes or the whole file (`last`).
/// Returns: nothing if there is no row.
/// Errors: usage, with position and advice, if the row cannot be read or does not end within
/// `bytes`.
Result<std::optional<CsvHeader>> read_header(std::string_view bytes, bool last,
                                             const CsvOptions& options);

/// The position at which reading starts within the (inflated) input.
struct CsvStart {
  std::uint64_t offset = 0;
  std::uint64_t line = 1;
};

/// The position of a field within its row, quotes included.
struct CsvField {
  std::uint32_t start = 0;
  std::uint32_t end = 0;
};

/// Parses the rows of one file from consecutive slices.
class CsvReader final : public FileReader {
 public:
  /// `header`: the column names, to recognize repeated headers; empty if the file has none.
  CsvReader(CsvOptions options, const Columns& columns, const std::vector<std::string>& header,
            CsvStart start);

  /// As FileReader::feed().
  ///
  /// Bounds: at most row_max + 2 bytes are needed to consume a row.
  /// Errors: input, "line L, column C: ...", for a quote that stays open for row_max bytes, and for
  /// a header with other columns, below which the ids would be read with swapped sides.
  Result<std::size_t> feed(std::string_view bytes, bool last, RowBlock& out) override;

  std::uint64_t line() const override { return line_; }

  OrderKind order_kind() const override { return order_kind_; }
  void set_order_kind(OrderKind kind) override { order_kind_ = kind; }

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
  void judge_misquoted(Row& row);
  template <class FieldAt>
  bool names_both_sides(const Row& row, std::size_t field_count, FieldAt field_at);
  void add_fault(std::string_view text, Fault fault, std::size_t fault_at, RowBlock& out);
  std::string_view cell(std::string_view raw, RowBlock& out);

  CsvOptions options_;
  Columns columns_;
  NullWords null_words_;
  HeaderRows header_rows_;
  bool below_header_ = false;             // the next row follows a header
  std::optional<Error> other_columns_{};  // set when a header with other columns was found
  OrderKind order_kind_ = OrderKind::unknown;
  std::uint64_t offset_;              // of the next byte to consume
  std::uint64_t line_;                // the line of that byte
  std::uint64_t in_doubt_until_ = 0;  // lines before this offset may be inside a quoted field
  Skip skip_ = Skip::none;            // state within the rest of a row that is too long
  std::uint64_t open_offset_ = 0;     // of the open quote in that row
  std::uint64_t open_line_ = 0;
  std::uint64_t open_column_ = 0;
  std::uint64_t line_offset_ = 0;  // the start of line_, maintained in such a row only
  bool open_too_long_ = false;
  bool decode_ = false;   // cells of this row may have doubled quotes
  bool any_row_ = false;  // a row was read before
  std::size_t feed_size_ = 0;
  Separators separators_;
  std::vector<CsvField> fields_;
};

}  // namespace idmerge::input
