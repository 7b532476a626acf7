// SPDX-License-Identifier: MIT
//
// From what the user named on the command line to blocks of rows, file after file. What is
// uncertain (which file, which format, which column is which side) is refused before a row is
// read, because a wrong answer cannot be undone; what is wrong with one row costs that row.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "idmerge/base/log.hpp"
#include "idmerge/base/result.hpp"
#include "idmerge/core/cell.hpp"
#include "idmerge/core/pair.hpp"

namespace idmerge {

enum class Format : std::uint8_t { automatic, csv, tsv, ndjson };

/// The name as users write it: "csv".
std::string_view name(Format format);

struct IntakeOptions {
  /// Files, directories, globs and `-`, in the order in which they are read.
  std::vector<std::string> inputs{};
  /// Flag: --format. Automatic: a first byte `{` says NDJSON, all else is CSV.
  Format format = Format::automatic;
  /// Flag: --op. The verb of rows that do not name their own.
  Op op = Op::create;
  /// What the project mode has. Rows with another verb are rejected. Flag: --project-mode
  Verbs verbs{};
  /// Flags: --anon-field, --user-field, --alias-field, --distinct-id-field: a column's name, `#N`
  /// from 1, or for NDJSON a key or a JSON pointer. Empty: the default names.
  std::string anon_field{};
  std::string user_field{};
  std::string alias_field{};
  std::string distinct_id_field{};
  /// Flag: --id-fields A,B (merge). For NDJSON also one pointer to an array of two.
  std::string id_fields{};
  /// Flag: --op-field. Empty: all rows are for `op`.
  std::string op_field{};
  /// Flag: --order-field, an integer or a time. Empty: rows have no order.
  std::string order_field{};
  /// Flag: --delimiter, for CSV. Unset: a comma, for TSV a tab.
  std::optional<char> delimiter{};
  /// Flag: --null-word. Words that mean "no id" in any id field; `\N` always does.
  std::vector<std::string> null_words{};
  /// Flag: --no-header. The first row is a row; columns are named by `#N`.
  bool no_header = false;
  /// Flag: --row-max. Units: bytes, 64..1 GiB.
  std::uint64_t row_max = 1U << 20U;
  /// Flag: --last-row. Take a last row that alone has no line end, instead of holding it.
  bool take_last_row = false;
  /// Of what may be an id where a name was looked for, in messages. Flag: --show-ids
  IdMask mask{true};
  /// Flag: --allow ragged. Short rows lack their last fields, surplus fields are ignored.
  bool allow_ragged = false;
  /// Flag: --allow lazy-quotes. A quote that opens or closes no field stands for itself.
  bool allow_lazy_quotes = false;
  /// Flag: --expect-files. Another number of input files is an error.
  std::optional<std::uint64_t> expect_files{};
  /// Flag: --expect-rows. Another number of rows in all inputs together is an error.
  std::optional<std::uint64_t> expect_rows{};
  /// Flag: --expect-rows any. Only recorded here: whoever asks for --expect-rows accepts it.
  bool expect_rows_any = false;
  /// What the order column of a file read before turned out to be: one is like the other.
  OrderKind order_kind = OrderKind::unknown;
  /// Flag: --min-rows. Fewer rows in all inputs together are an error.
  std::uint64_t min_rows = 0;
};

/// One input file, complete once all its rows have been handed out.
struct InputFile {
  std::string path;                       // as named, or as found in a directory; "-" for stdin
  bool is_pipe = false;                   // it can be read once, and is known when it was
  std::uint64_t size = 0;                 // raw bytes
  std::int64_t mtime_ns = 0;              // 0 for pipes
  std::array<std::uint8_t, 16> digest{};  // XXH3-128 of the raw bytes, canonical byte order
  Format format = Format::automatic;      // what it turned out to be
  std::string compression;                // "none", "gzip" or "zstd"
  /// The header where a column is known by its number only, the first row where there is none; else
  /// empty. Somebody should look at it: nothing else says which of the two it is.
  std::vector<std::string> first_row;
  std::uint64_t rows = 0;  // good or not, without the header
  std::uint64_t blank_lines = 0;
  std::uint64_t long_rows = 0;      // good rows of several lines: a stray quote makes such rows
  std::uint64_t longest_lines = 0;  // of these, how many the longest has ...
  std::uint64_t longest_at = 0;     // ... and the line on which it starts
};

/// The inputs, as one sequence of blocks.
///
/// Bounds: the chunks being read, the block being filled and a reader's index, some 6 MiB, or
/// about six times --row-max if that is more.
class Intake {
 public:
  /// Expand the inputs and look into the head of each regular file.
  ///
  /// Errors: usage for options and columns that are not certain; input for what is missing,
  /// unreadable or no text.
  static Result<Intake> open(IntakeOptions options);

  Intake(Intake&&) noexcept;
  Intake& operator=(Intake&&) noexcept;
  ~Intake();

  /// Fill `block` with the next rows of one file, reusing its memory; false at the end.
  ///
  /// Shape: a block is never without rows, except that it may hold only blank lines.
  /// Errors: input for a file that changes while it is read, a damaged stream, a quote that is not
  /// closed within --row-max, and at the end for a number of rows that was not expected; usage for
  /// a field that no row has. No block follows an error.
  Result<bool> next(RowBlock& block);

  /// All inputs in reading order; digest and counts are those of the rows handed out so far.
  const std::vector<InputFile>& files() const;

  /// What was not read although it lies in a named directory, each with the reason.
  const std::vector<std::string>& passed_over() const;

  /// What the order column is, as far as files have been read to their end.
  OrderKind order_kind() const;

  /// Units: raw bytes of all inputs, 0 if one is a pipe.
  std::uint64_t bytes_total() const;

  /// Units: raw bytes read so far.
  std::uint64_t bytes_read() const;

 private:
  struct State;
  explicit Intake(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace idmerge
