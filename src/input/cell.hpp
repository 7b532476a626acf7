// SPDX-License-Identifier: MIT
//
// Interprets the cells of a table that are not ids: a null value, a verb, or an order. Both readers
// use it, so that a CSV and an NDJSON export of one table are treated alike.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input/row.hpp"

namespace idmerge::input {

/// The words that mean "no id": `\N`, as databases write it, and those the user configured.
class NullWords {
 public:
  explicit NullWords(std::vector<std::string> words = {});

  /// Returns whether the cell equals one of the words, byte for byte.
  bool contains(std::string_view cell) const {
    return !cell.empty() && starts_[static_cast<unsigned char>(cell.front())] && matches(cell);
  }

 private:
  bool matches(std::string_view cell) const;

  std::vector<std::string> words_;
  std::array<bool, 256> starts_{};
};

/// Parses a verb: create, alias, merge, or the Mixpanel event of each ($identify, $create_alias,
/// $merge). Case-sensitive.
std::optional<Op> parse_op(std::string_view cell);

/// The kind of an order value. Values of different kinds cannot be compared: integers and times,
/// seconds and smaller units, times with and without a zone. A column has a single kind.
///
/// An `integer` column changes to one of the unit kinds at the first cell that has as many digits
/// as a current timestamp in that unit; smaller integers do not indicate a unit.
enum class OrderKind : std::uint8_t {
  unknown,
  integer,
  seconds,       // 10 digits: since 1970, from 2001 on
  milliseconds,  // 13
  microseconds,  // 16
  nanoseconds,   // 19
  time,
  local_time,  // without a zone
};

/// Advice for an order that cannot be parsed.
inline constexpr std::string_view order_hint =
    "write all as integers of one unit, or all as times such as 2026-11-23T18:00:00Z, none of them "
    "or all without a zone";

/// Parses an order.
///
/// `kind` is set by the first cells; a cell of another kind is not accepted. Accepted zones: Z,
/// +hh:mm, and those that warehouses write: +hh (PostgreSQL), +hhmm after a blank (Snowflake), and
/// UTC after a blank (BigQuery).
///
/// Units: an integer is returned as it is, a time as nanoseconds since 1970 (hence years 1678 to
/// 2261). A time without a zone is taken as UTC, which orders such times correctly except in the
/// hour in which a clock is set back.
/// Returns: nothing if the cell has no valid order.
/// Source: RFC 3339, section 5.6, with a blank instead of T as its note allows.
std::optional<std::int64_t> parse_order(std::string_view cell, OrderKind& kind);

}  // namespace idmerge::input
