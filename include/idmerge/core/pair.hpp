// SPDX-License-Identifier: MIT
//
// The nouns of the data path: a `Row` as a reader found it, the `RowBlock` in which rows travel
// from the reader to the census, and the `Link` that a plan keeps. Rows are views into the block
// that holds their bytes, so that nothing is allocated per row; a block is reused when it has been
// judged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "idmerge/core/fault.hpp"

namespace idmerge {

enum class Op : std::uint8_t { create, alias, merge };

/// The verb as users write it: "create".
std::string_view name(Op op);

/// A set of operations.
struct Verbs {
  bool create = true;
  bool alias = true;
  bool merge = true;

  constexpr bool contains(Op op) const {
    return op == Op::create ? create : op == Op::alias ? alias : merge;
  }
  bool operator==(const Verbs&) const = default;
};

/// No --order-field, or a row without a value in it that can be read.
inline constexpr std::int64_t no_order = std::numeric_limits<std::int64_t>::min();

/// One row of an input, readable or not.
///
/// Shape: `anon` and `user` are the decoded ids (quotes and escapes resolved), empty when the side
/// is blank or the row is faulty. For `alias` they are alias and distinct id; when `sided` is
/// false, they are the two ids in the order of the row. All views end with the block. An order that
/// cannot be read is no fault: the row still claims its ids, and a claim that is left out would let
/// another one go.
struct Row {
  // Not defaulted: a fresh row would be cleared as a whole before its members are set, which cost
  // the readers a tenth of their time.
  Row() noexcept {}  // NOLINT(modernize-use-equals-default)

  std::string_view anon;
  std::string_view user;
  std::string_view text;     // the raw row without its line end; cut at 4 KiB if too long
  std::uint64_t line = 0;    // on which the row starts, from 1
  std::uint64_t offset = 0;  // of its first byte in the (inflated) input, from 0
  std::int64_t order = no_order;
  std::uint32_t anon_at = 0;  // where the field of each id starts within `text`
  std::uint32_t user_at = 0;
  std::uint32_t fault_at = 0;  // where the fault is within the raw row, or the unreadable order
  Fault fault = Fault::none;
  Op op = Op::create;
  bool sided = true;
  bool has_unreadable_order = false;  // there is one, but `order` is no_order
};

/// Consecutive rows of one input, in order, with the bytes they are views of.
///
/// Bounds: about one chunk of input and one `Row` for every row in it.
struct RowBlock {
  std::uint32_t file = 0;  // index into the list of inputs
  std::vector<Row> rows;
  std::uint64_t blank_lines = 0;  // lines without a byte: no rows, counted apart
  std::vector<char> bytes;        // what the views point into ...
  std::vector<char> scratch;      // ... or here, for ids that had to be decoded
};

/// A distinct pair, as the plan keeps it and the sender sends it.
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

/// What the census says of a link.
enum class Verdict : std::uint8_t {
  send,
  spare,       // merge: its ids are connected by links before it
  conflict,    // held: it is not settled which user the anonymous id belongs to
  both_sides,  // held: the anonymous id of this link is a user id elsewhere
  oversize,    // held: the cluster would be too large
  outranked,   // held: another user's claim on the anonymous id is older, or newer
  voided,      // not sent, and no question any more: a person decided against it
  count,
};

/// The stable name: "both-sides".
std::string_view name(Verdict verdict);

/// Is a link with this verdict part of a cluster that will be?
constexpr bool joins(Verdict verdict) {
  return verdict == Verdict::send || verdict == Verdict::spare;
}

/// Is a link with this verdict held back for a person to decide?
constexpr bool is_held(Verdict verdict) {
  return verdict == Verdict::conflict || verdict == Verdict::both_sides ||
         verdict == Verdict::oversize || verdict == Verdict::outranked;
}

}  // namespace idmerge
