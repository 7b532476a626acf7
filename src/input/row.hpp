// SPDX-License-Identifier: MIT
//
// The types of the input path: a `Row` as a reader parsed it, the `RowBlock` that passes rows from
// the reader to the resolver, and the `Link` that a plan stores. Rows are views into the block that
// holds their bytes, so that nothing is allocated per row; a block is reused once its rows have
// been processed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "input/row_fault.hpp"

namespace idmerge::input {

enum class Op : std::uint8_t { create, alias, merge };

/// Returns the verb as users write it: "create".
std::string_view name(Op op);

/// A set of verbs.
struct Verbs {
  bool create = true;
  bool alias = true;
  bool merge = true;

  constexpr bool contains(Op op) const {
    return op == Op::create ? create : op == Op::alias ? alias : merge;
  }
  bool operator==(const Verbs&) const = default;
};

/// The order of a row without a readable value in --order-field, or if the option is not given.
inline constexpr std::int64_t no_order = std::numeric_limits<std::int64_t>::min();

/// One row of an input, readable or not.
///
/// `anon` and `user` are the decoded ids (quotes and escapes resolved), empty if the side is blank
/// or the row is faulty. For `alias` they are alias and distinct id; if `sided` is false, they are
/// the two ids in the order of the row. An unreadable order is not a fault: the row still claims
/// its ids, and without that claim a conflicting one could be sent.
///
/// Lifetime: all views end with the block.
struct Row {
  // Not defaulted: otherwise a new row would be zeroed as a whole before its members are set, which
  // took a tenth of the readers' time.
  Row() noexcept {}  // NOLINT(modernize-use-equals-default)

  std::string_view anon;
  std::string_view user;
  std::string_view text;     // the raw row without line end; its first 4 KiB if it is too long
  std::uint64_t line = 0;    // the line on which the row starts, from 1
  std::uint64_t offset = 0;  // of its first byte in the (inflated) input, from 0
  std::int64_t order = no_order;
  std::uint32_t anon_at = 0;  // offset of the id's field within `text`
  std::uint32_t user_at = 0;
  std::uint32_t fault_at = 0;  // offset of the fault or the unreadable order in the raw row
  Fault fault = Fault::none;
  Op op = Op::create;
  bool sided = true;
  bool has_unreadable_order = false;  // then `order` is no_order
};

/// Consecutive rows of one input, in order, with the bytes they point into.
///
/// Bounds: about one chunk of input, and one `Row` per row in it.
struct RowBlock {
  std::uint32_t file = 0;  // index into the list of inputs
  std::vector<Row> rows;
  std::uint64_t blank_lines = 0;  // not rows, counted separately
  std::vector<char> bytes;        // the target of the views ...
  std::vector<char> scratch;      // ... except for ids that had to be decoded
};

/// A distinct pair, as it is stored in the plan and sent.
struct Link {
  std::string_view anon;
  std::string_view user;
  std::uint64_t line = 0;
  std::uint64_t offset = 0;
  std::int64_t order = no_order;
  std::uint32_t file = 0;
  Op op = Op::create;
  bool sided = true;
};

}  // namespace idmerge::input
