// SPDX-License-Identifier: MIT
//
// Parses NDJSON, one JSON object per line. simdjson finds the structural characters of many lines
// in one pass, which makes it fast. Since a string cannot extend over a line end, a successful pass
// over a batch proves that no line's structure depends on another's. If the pass fails, the batch
// is parsed line by line, so that only the bad lines are lost.
//
// A missing key is a blank side, like null: event exports omit the user id of users who are not
// known yet. The danger in this, a misspelt name, is caught by the intake, which stops if no row at
// all has the field.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input/cell.hpp"
#include "input/columns.hpp"
#include "input/file_reader.hpp"
#include "input/header_row.hpp"
#include "input/json_line.hpp"
#include "input/row.hpp"
#include "util/result.hpp"

namespace idmerge::input {

struct NdjsonOptions {
  std::uint64_t row_max = 1U << 20U;      // Units: bytes without the line end
  bool pipe = false;                      // reject a last row without line end: may be truncated
  std::vector<std::string> null_words{};  // in addition to \N
};

/// Returns the distinct top-level keys in the head of a file, in order of appearance. Lines that
/// are not objects are skipped, and so is a last line without line end unless `head` is the whole
/// file (`last`).
/// Bounds: stops after the line with the 1,000th key.
std::vector<std::string> first_keys(std::string_view head, bool last);

/// Parses the rows of one file from consecutive slices.
class NdjsonReader final : public FileReader {
 public:
  /// `offset`: the position in the input at which reading starts, after a BOM.
  NdjsonReader(NdjsonOptions options, const Fields& fields, std::uint64_t offset);
  NdjsonReader(NdjsonReader&&) noexcept;
  NdjsonReader& operator=(NdjsonReader&&) noexcept;
  ~NdjsonReader() override;

  /// As FileReader::feed().
  ///
  /// Errors: usage, "line L: ...", for a row with another default name of a side that was found by
  /// its default name; input for a row whose
  /// ids are the names of the keys in another order.
  Result<std::size_t> feed(std::string_view bytes, bool last, RowBlock& out) override;

  OrderKind order_kind() const override { return order_kind_; }
  void set_order_kind(OrderKind kind) override { order_kind_ = kind; }

  std::optional<std::array<bool, 2>> seen_sides() const override {
    return readable_ ? std::optional(seen_) : std::nullopt;
  }

  /// Returns for each side whether any row had its key, with whatever value.
  std::array<bool, 2> seen() const { return seen_; }

  /// Returns whether the keys could be looked up in any row.
  bool readable() const { return readable_; }

 private:
  struct Structure;

  Result<void> take_lines(std::string_view lines, RowBlock& out);
  Result<void> take_line(std::string_view batch, std::uint32_t begin, std::uint32_t end,
                         const std::uint32_t*& structural, bool escapes, RowBlock& out);
  std::size_t take_shaped(std::string_view lines, const std::uint32_t*& structural, bool escapes,
                          RowBlock& out);
  void take_bad_line(std::string_view line, RowBlock& out);
  Fault read_cells(std::string_view batch, std::uint32_t begin, Row& row, RowBlock& out);
  Fault read_sides(std::string_view batch, std::uint32_t begin, Row& row, RowBlock& out);
  Fault read_id(std::string_view batch, std::uint32_t begin, const JsonToken& token,
                std::string_view& id, std::uint32_t& at, Row& row, RowBlock& out);
  Fault read_other_id(std::string_view batch, std::uint32_t begin, const JsonToken& token,
                      std::string_view& id, std::uint32_t& at, Row& row, RowBlock& out);
  void judge_header(Row& row);
  Row& add_row(std::string_view text, RowBlock& out);
  void add_fault(std::string_view text, Fault fault, std::size_t fault_at, RowBlock& out);

  NdjsonOptions options_;
  Columns columns_;
  std::vector<std::string> rivals_;
  NullWords null_words_;
  HeaderRows header_rows_;
  bool below_header_ = false;             // the next row stands below a header
  std::optional<Error> other_columns_{};  // such a header was found
  JsonLine line_reader_;
  std::unique_ptr<Structure> structure_;
  bool simple_;  // there is neither a verb field nor an order field
  OrderKind order_kind_ = OrderKind::unknown;
  std::uint64_t offset_;
  std::uint64_t line_ = 1;
  bool skipping_ = false;  // within the rest of a line that is too long
  std::array<bool, 2> seen_{};
  bool readable_ = false;
  std::size_t feed_size_ = 0;
};

}  // namespace idmerge::input
