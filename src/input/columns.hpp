// SPDX-License-Identifier: MIT
//
// Assigns the columns of an input to the sides of a pair. It never guesses, because swapped or
// mistaken columns link the wrong ids permanently: a side is either named by the user or found by
// exactly one of a short list of names. Anything else is a usage error that shows the header, so
// that the user can name the column.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "input/row.hpp"
#include "util/log.hpp"
#include "util/result.hpp"

namespace idmerge::input {

/// The field names that the user configured; empty where the default names apply.
struct FieldNames {
  Op op = Op::create;
  std::string anon{};         // --anon-field
  std::string user{};         // --user-field
  std::string alias{};        // --alias-field
  std::string distinct_id{};  // --distinct-id-field
  std::string ids{};          // --id-fields
  std::string op_field{};     // --op-field
  std::string order_field{};  // --order-field
  util::IdMask mask{true};  // for texts in messages that are probably not column names. --show-ids
};

/// Formats names for a message. A table without a header has ids in place of names, so a text that
/// is probably not a name is masked like an id.
std::string list_names(const std::vector<std::string>& names, const util::IdMask& mask);

/// The two fields of a verb.
struct Sides {
  std::uint32_t first = 0;   // anonymous id, or alias
  std::uint32_t second = 0;  // user id, or distinct id
  bool sided = true;         // false: two ids, neither of which is known to be anonymous
  bool array = false;        // both ids are in `first`, an array of two (NDJSON)
};

/// The fields of a row. The numbers are columns (CSV) or indexes into `Fields::pointers` (NDJSON).
struct Columns {
  std::array<std::optional<Sides>, 3> sides;  // by Op; all verbs only with an op field
  std::optional<std::uint32_t> op;
  std::optional<std::uint32_t> order;
  Op op_default = Op::create;
  std::uint32_t count = 0;  // fields in a row (CSV)
  Verbs verbs{};            // of the project: a row with another one is rejected
};

/// The default names of the anonymous id (or alias) and of the user id (or distinct id), in lower
/// case.
std::span<const std::string_view> default_names_of_first(Op op);
std::span<const std::string_view> default_names_of_second(Op op);

/// A path into an object: one key, or several for nested objects.
using Pointer = std::vector<std::string>;

/// The location of the fields in NDJSON.
struct Fields {
  Columns columns;
  std::vector<Pointer> pointers;
  /// Other default names of a side that was found by its default name. A row that has one of these
  /// makes the choice ambiguous.
  std::vector<std::string> rivals;
};

/// Selects columns from a header.
///
/// Errors: usage, with the header, if a side has no column or several, or both sides have the same
/// one.
Result<Columns> choose_columns(const FieldNames& names, const std::vector<std::string>& header);

/// Returns the header names of the columns selected by `#N`, in the order of `FieldNames`.
std::vector<std::string> numbered_columns(const FieldNames& names,
                                          const std::vector<std::string>& header);

/// Selects columns of a table without a header, by `#N` only.
Result<Columns> choose_columns(const FieldNames& names, std::uint32_t column_count);

/// Selects keys of NDJSON. `keys` are the top-level keys of the first rows, in order.
Result<Fields> choose_fields(const FieldNames& names, const std::vector<std::string>& keys);

/// Fails if the table obviously has another delimiter: its first row is a single field that
/// contains a common delimiter.
/// Errors: usage. The message masks the whole row if it is not a header, else the fields that are
/// probably not names.
Result<void> check_delimiter(const std::vector<std::string>& first_row, char delimiter,
                             bool is_header = true, const util::IdMask& mask = util::IdMask(true));

/// Returns whether one of these names looks like a value: a UUID, a number, or an email address.
bool looks_like_data(const std::vector<std::string>& header);

}  // namespace idmerge::input
