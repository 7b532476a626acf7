// SPDX-License-Identifier: MIT
//
// What one cell of a table means when it is not an id: no id at all, a verb, or an order. Shared
// by both readers, so that a CSV and an NDJSON export of one table are judged alike.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/core/pair.hpp"

namespace idmerge {

/// The words that mean "no id": `\N`, as databases write it, and those the user named.
class NullWords {
 public:
  explicit NullWords(std::vector<std::string> words = {});

  /// Is this cell one of them, byte for byte?
  bool contains(std::string_view cell) const {
    return !cell.empty() && starts_[static_cast<unsigned char>(cell.front())] && matches(cell);
  }

 private:
  bool matches(std::string_view cell) const;

  std::vector<std::string> words_;
  std::array<bool, 256> starts_{};
};

/// The verb that a cell names: create, alias, merge, or the event of each as Mixpanel spells it.
///
/// Shape: exact, lower case; nothing for any other text.
std::optional<Op> parse_op(std::string_view cell);

/// What cannot be compared with each other: integers and times, counts of seconds and of smaller
/// units, times with a zone and times without one. A column is of one kind throughout.
///
/// Shape: `integer` becomes one of those that count a unit with the first cell of as many digits as
/// such a count has today; smaller integers say nothing about a unit.
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

/// What a person should do about an order that cannot be read.
inline constexpr std::string_view order_hint =
    "write all as integers of one unit, or all as times such as 2026-11-23T18:00:00Z, none of them "
    "or all without a zone";

/// The order that a cell gives, or nothing if it gives none.
///
/// Units: an integer stands for itself, a time for nanoseconds since 1970 (so years 1678 to 2261);
/// one without a zone is taken for UTC, which is right among its like, but for the hour that a
/// clock is set back.
/// Shape: `kind` is set by the first cells; a cell of another kind is refused. Zones: Z, +hh:mm,
/// and as warehouses write them: +hh (PostgreSQL), +hhmm behind a blank (Snowflake), " UTC"
/// (BigQuery).
/// Source: RFC 3339, section 5.6, with the blank instead of T that its note allows.
std::optional<std::int64_t> parse_order(std::string_view cell, OrderKind& kind);

}  // namespace idmerge
