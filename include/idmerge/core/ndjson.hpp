// SPDX-License-Identifier: MIT
//
// NDJSON: one object a line. simdjson finds the structure of many lines in one go, which is what
// makes it fast; since a string cannot reach over a line end, one good pass over the batch proves
// that no line's structure depends on another's. If the pass fails, the batch is gone through line
// by line, and only the bad lines are lost.
//
// A key that a row does not have is a blank side, like null: event exports leave out the user id
// of whoever is not known yet. What would make this dangerous, a misspelt name, is caught by the
// intake, which stops if no row at all has the field.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/cell.hpp"
#include "idmerge/core/columns.hpp"
#include "idmerge/core/json.hpp"
#include "idmerge/core/pair.hpp"

namespace idmerge {

struct NdjsonOptions {
  std::uint64_t row_max = 1U << 20U;      // Units: bytes without the line end
  bool pipe = false;                      // a last row without line end is a fault
  std::vector<std::string> null_words{};  // besides \N
};

/// The top-level keys of the lines in the head of a file, each once, in order of appearance.
///
/// Shape: the last line counts only if it is complete; lines that are no objects are left out.
std::vector<std::string> first_keys(std::string_view head, bool last);

/// Reads the rows of one file from slices of it.
class NdjsonReader {
 public:
  /// `offset`: where reading starts in the input: behind a BOM.
  NdjsonReader(NdjsonOptions options, const Fields& fields, std::uint64_t offset);
  NdjsonReader(NdjsonReader&&) noexcept;
  NdjsonReader& operator=(NdjsonReader&&) noexcept;
  ~NdjsonReader();

  /// As CsvReader::feed.
  ///
  /// Errors: usage, "line L: ...", for a row with another name for a side that was found by name.
  Result<std::size_t> feed(std::string_view bytes, bool last, RowBlock& out);

  OrderKind order_kind() const { return order_kind_; }
  void set_order_kind(OrderKind kind) { order_kind_ = kind; }

  /// Which sides any row had a key for, whatever its value.
  std::array<bool, 2> seen() const { return seen_; }

  /// Was there any row in which the keys could be looked for?
  bool readable() const { return readable_; }

  static constexpr std::size_t rows_max = 16384;

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
  Row& add_row(std::string_view text, RowBlock& out);
  void add_fault(std::string_view text, Fault fault, std::size_t fault_at, RowBlock& out);

  NdjsonOptions options_;
  Columns columns_;
  std::vector<std::string> rivals_;
  NullWords null_words_;
  JsonLine line_reader_;
  std::unique_ptr<Structure> structure_;
  bool simple_;  // rows have neither a verb nor an order of their own
  OrderKind order_kind_ = OrderKind::unknown;
  std::uint64_t offset_;
  std::uint64_t line_ = 1;
  bool skipping_ = false;  // the rest of a line that is too long
  std::array<bool, 2> seen_{};
  bool readable_ = false;
  std::size_t feed_size_ = 0;
};

}  // namespace idmerge
