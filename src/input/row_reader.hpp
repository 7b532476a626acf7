// SPDX-License-Identifier: MIT
//
// Reads the inputs named on the command line as one sequence of row blocks, file by file. Anything
// uncertain (which file, which format, which column holds which side) is refused before a row is
// read, because a wrong link cannot be undone. A fault in a row costs only that row.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "input/cell.hpp"
#include "input/row.hpp"
#include "util/log.hpp"
#include "util/result.hpp"

namespace idmerge::input {

enum class Format : std::uint8_t { automatic, csv, tsv, ndjson };

/// Returns: the name as in options and plans, such as "csv".
std::string_view name(Format format);

struct RowReaderOptions {
  /// Files, directories, globs and `-`, in reading order.
  std::vector<std::string> inputs{};
  /// Flag: --format. Automatic: NDJSON if the first character that is not blank is `{` or `[`,
  /// otherwise CSV.
  Format format = Format::automatic;
  /// Flag: --op. The verb of rows that do not name their own.
  Op op = Op::create;
  /// The verbs of the project mode. Rows with another verb are rejected. Flag: --project-mode
  Verbs verbs{};
  /// Flags: --anon-field, --user-field, --alias-field, --distinct-id-field: a column name, `#N`
  /// (from 1), or for NDJSON a key or a JSON pointer. Empty: the default names.
  std::string anon_field{};
  std::string user_field{};
  std::string alias_field{};
  std::string distinct_id_field{};
  /// Flag: --id-fields A,B (merge). For NDJSON also one pointer to an array of two ids.
  std::string id_fields{};
  /// Flag: --op-field. Empty: `op` applies to all rows.
  std::string op_field{};
  /// Flag: --order-field: an integer or a time. Empty: rows have no order.
  std::string order_field{};
  /// Flag: --delimiter, for CSV. Unset: a comma, or a tab for TSV.
  std::optional<char> delimiter{};
  /// Flag: --null-word. Values that mean "no id" in any id field, besides `\N`.
  std::vector<std::string> null_words{};
  /// Flag: --no-header. The first row contains data; columns are selected by `#N`.
  bool no_header = false;
  /// Flag: --row-max. Units: bytes, 64..1 GiB.
  std::uint64_t row_max = 1U << 20U;
  /// Flag: --last-row. Take a last row without a line end instead of holding it.
  bool take_last_row = false;
  /// Masks what may be an id in messages that list field names. Flag: --show-ids
  util::IdMask mask{true};
  /// Flag: --allow ragged. Short rows lack their last fields; surplus fields are ignored.
  bool allow_ragged = false;
  /// Flag: --allow lazy-quotes. A quote that neither opens nor closes a field is literal.
  bool allow_lazy_quotes = false;
  /// Flag: --expect-files. Any other number of input files is an error.
  std::optional<std::uint64_t> expect_files{};
  /// Flag: --expect-rows. Any other total number of rows is an error.
  std::optional<std::uint64_t> expect_rows{};
  /// Flag: --expect-rows any. Not used here; for the code that requires --expect-rows of pipes.
  bool expect_rows_any = false;
  /// Kind of the order column in a file that was read before; all files are read alike.
  OrderKind order_kind = OrderKind::unknown;
  /// Flag: --min-rows. A smaller total number of rows is an error.
  std::uint64_t min_rows = 0;
};

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
