// SPDX-License-Identifier: MIT
//
// Reads the inputs named on the command line as one sequence of row blocks, file by file. Anything
// uncertain (which file, which format, which column holds which side) is refused before a row is
// read, because a wrong link cannot be undone. A fault in a row costs only that row.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "input/cell.hpp"
#include "input/row.hpp"
#include "input/row_reader_options.hpp"
#include "util/result.hpp"

namespace idmerge::input {

/// One input file. Complete once next() has returned all its rows.
struct InputFile {
  std::string path;                       // as given, or as found in a directory; "-" for stdin
  bool is_pipe = false;                   // readable only once; the rest is set afterwards
  std::uint64_t size = 0;                 // raw bytes
  std::int64_t mtime_ns = 0;              // 0 for pipes
  std::array<std::uint8_t, 16> digest{};  // XXH3-128 of the raw bytes, canonical byte order
  Format format = Format::automatic;      // as detected
  std::string compression;                // "none", "gzip" or "zstd"
  /// The header if a column is selected by number, the first row if there is no header, otherwise
  /// empty. A person should check it, because nothing else tells a header from a row.
  std::vector<std::string> first_row;
  /// The values of --anon-field and --user-field that select the two columns; empty for verbs other
  /// than create, and for pipes.
  std::array<std::string, 2> side_names;
  std::uint64_t rows = 0;  // valid or not, without the header
  std::uint64_t blank_lines = 0;
  std::uint64_t long_rows = 0;      // valid rows of several lines; a stray quote causes such rows
  std::uint64_t longest_lines = 0;  // number of lines of the longest of these
  std::uint64_t longest_at = 0;     // line at which it starts
};

/// Reads the inputs as one sequence of blocks.
///
/// Bounds: the chunks being read, the block being filled and a reader's index: about 6 MiB, or
/// about six times --row-max if that is more.
class RowReader {
 public:
  /// Expands the inputs and examines the start of each regular file.
  ///
  /// Errors: usage for invalid options and uncertain columns; input for files that are missing,
  /// unreadable or not text.
  static Result<RowReader> open(RowReaderOptions options);

  RowReader(RowReader&&) noexcept;
  RowReader& operator=(RowReader&&) noexcept;
  ~RowReader();

  /// Fills `block` with the next rows of one file, reusing its memory.
  ///
  /// Returns: false at the end. A block contains at least one row, unless it contains only blank
  /// lines.
  /// Errors: input for a file that changes while it is read, a damaged stream, a quote that is not
  /// closed within --row-max, and at the end for an unexpected number of rows; usage for a field
  /// that no row has. No block follows an error.
  Result<bool> next(RowBlock& block);

  /// Returns: all inputs in reading order. Counts cover the rows returned so far.
  const std::vector<InputFile>& files() const;

  /// Returns: what was skipped in the named directories, each with the reason.
  const std::vector<std::string>& passed_over() const;

  /// Returns: the kind of the order column, as known from the files read to their end.
  OrderKind order_kind() const;

  /// Returns: the raw size of all inputs; 0 if one is a pipe. Units: bytes.
  std::uint64_t bytes_total() const;

  /// Returns: how much of the raw inputs has been read. Units: bytes.
  std::uint64_t bytes_read() const;

 private:
  struct State;
  explicit RowReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace idmerge::input
