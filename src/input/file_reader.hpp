// SPDX-License-Identifier: MIT
//
// The interface to an input format: the reader of the rows of one file, and how a file is laid out.
// A format examines the beginning of a file and makes its reader; input/formats lists the formats.
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
#include "input/row.hpp"
#include "input/row_reader_options.hpp"
#include "util/result.hpp"

namespace idmerge::input {

/// Parses the rows of one file from consecutive slices. Virtual calls are one per slice, not per
/// row.
class FileReader {
 public:
  FileReader() = default;
  virtual ~FileReader() = default;

  static constexpr std::size_t rows_max = 16384;

  /// Parses the rows at the beginning of `bytes` into `out`.
  ///
  /// Requires: the next call begins with the bytes not consumed.
  /// Lifetime: the rows are views of `bytes` and of `out.scratch`, which holds decoded ids.
  /// Returns: the number of bytes consumed. If these are not all and `out` has fewer than rows_max
  /// rows, more bytes are needed; with `last`, repeated calls consume all bytes.
  /// Errors: input and usage, "line L: ...", for what makes the rest of the file unreadable.
  virtual Result<std::size_t> feed(std::string_view bytes, bool last, RowBlock& out) = 0;

  /// Returns: the next line to be read, from 1; 0 if a row is always one line.
  virtual std::uint64_t line() const { return 0; }

  virtual OrderKind order_kind() const = 0;
  /// Sets the kind of the order column, if another file has determined it.
  virtual void set_order_kind(OrderKind kind) = 0;

  /// Returns: for each side, whether any row had its field; nothing if rows do not name their
  /// fields, or none could be read.
  virtual std::optional<std::array<bool, 2>> seen_sides() const { return std::nullopt; }

 protected:
  FileReader(const FileReader&) = default;
  FileReader& operator=(const FileReader&) = default;
  FileReader(FileReader&&) = default;
  FileReader& operator=(FileReader&&) = default;
};

/// The beginning of a file.
struct FileHead {
  std::string_view bytes = {};
  bool whole = false;  // these are all bytes of the file
  bool pipe = false;   // the file can be read only once
  std::string_view path = {};

  /// Returns whether a first row that does not end within these bytes is too long.
  bool is_enough(std::uint64_t row_max) const { return whole || bytes.size() >= row_max + 5; }
};

/// How to read the rows of one file, determined from its beginning.
struct FileLayout {
  Format format = Format::automatic;     // of the file, never automatic
  std::unique_ptr<FileReader> reader{};  // null: the file has no row
  std::size_t start = 0;                 // offset of the first row
  std::vector<std::string> numbered{};   // header names of the columns selected as #N
  std::size_t columns = 0;               // of a table
  std::vector<std::string> first_row{};  // see InputFile
  std::array<std::string, 2> side_names{};
  bool undecided = false;  // more bytes are needed
};

}  // namespace idmerge::input
