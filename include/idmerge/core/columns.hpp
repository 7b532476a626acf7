// SPDX-License-Identifier: MIT
//
// Which column is which side. It never guesses: swapped or mistaken columns link the wrong ids for
// good. A side is either named by the user or found by exactly one of a short list of names; all
// else is a usage error that shows the header, so that the user can say which.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/log.hpp"
#include "idmerge/base/result.hpp"
#include "idmerge/core/pair.hpp"

namespace idmerge {

/// The fields as the user named them, empty where the default names hold.
struct FieldNames {
  Op op = Op::create;
  std::string anon{};         // --anon-field
  std::string user{};         // --user-field
  std::string alias{};        // --alias-field
  std::string distinct_id{};  // --distinct-id-field
  std::string ids{};          // --id-fields
  std::string op_field{};     // --op-field
  std::string order_field{};  // --order-field
  IdMask mask{true};          // of what in messages is hardly the name of a column. --show-ids
};

/// Names as one message may list them. A table without header has ids where names are looked for,
/// so what is hardly a name is masked like an id.
std::string list_names(const std::vector<std::string>& names, const IdMask& mask);

/// The two fields of a verb.
struct Sides {
  std::uint32_t first = 0;   // anonymous id, or alias
  std::uint32_t second = 0;  // user id, or distinct id
  bool sided = true;         // false: two ids, neither of which is known to be anonymous
  bool array = false;        // both ids stand in `first`, an array of two (NDJSON)
};

/// What is where. The numbers are columns (CSV) or indexes into `Fields::pointers` (NDJSON).
struct Columns {
  std::array<std::optional<Sides>, 3> sides;  // by Op; all verbs only with an op field
  std::optional<std::uint32_t> op;
  std::optional<std::uint32_t> order;
  Op op_default = Op::create;
  std::uint32_t count = 0;  // fields in a row (CSV)
  Verbs verbs{};            // of the project: a row with another one is rejected
};

/// What the anonymous id (the alias) and the user id (the distinct id) are called where nobody
/// names them. Shape: in lower case.
std::span<const std::string_view> default_names_of_first(Op op);
std::span<const std::string_view> default_names_of_second(Op op);

/// A path into an object: one key, or more for nested ones.
using Pointer = std::vector<std::string>;

/// Where the fields of NDJSON are.
struct Fields {
  Columns columns;
  std::vector<Pointer> pointers;
  /// Other default names of a side that was found by its default name: a row that has one of
  /// these puts the choice in doubt.
  std::vector<std::string> rivals;
};

/// Choose among the columns of a header.
///
/// Errors: usage, with the header, if a side has no column, or more than one, or both have the
/// same.
Result<Columns> choose_columns(const FieldNames& names, const std::vector<std::string>& header);

/// What the header calls the columns that are chosen by `#N`, in the order of `FieldNames`.
std::vector<std::string> numbered_columns(const FieldNames& names,
                                          const std::vector<std::string>& header);

/// Choose columns of a table without header, by `#N` only.
Result<Columns> choose_columns(const FieldNames& names, std::uint32_t column_count);

/// Choose keys of NDJSON. `keys` are the top-level keys seen in the first rows, in order.
Result<Fields> choose_fields(const FieldNames& names, const std::vector<std::string>& keys);

/// Say that a table plainly has another delimiter: its first row is one field with a common
/// delimiter in it. Shape: the message masks all of a row that is no header, of a header what is
/// hardly a name.
Result<void> check_delimiter(const std::vector<std::string>& first_row, char delimiter,
                             bool is_header = true, const IdMask& mask = IdMask(true));

/// Does one of these names look like the value of a row: a UUID, a number, an address?
bool looks_like_data(const std::vector<std::string>& header);

}  // namespace idmerge
