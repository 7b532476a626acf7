// SPDX-License-Identifier: MIT
//
// The options of reading: which files, and how rows become pairs of ids. Each is set by one option
// of the command line, and most are recorded in the plan.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "input/cell.hpp"
#include "input/row.hpp"
#include "util/log.hpp"

namespace idmerge::input {

/// What each format means is known to input/formats alone.
enum class Format : std::uint8_t { automatic, csv, tsv, ndjson };

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

}  // namespace idmerge::input
