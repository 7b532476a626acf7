// SPDX-License-Identifier: MIT
//
// The plan summary: the counts of the resolver. It contains no ids: examples and the largest
// clusters are given by the ordinal of a link, and the code that prints them reads that link from
// the plan. So the summary is small, needs no escaping, and is identical for identical input.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "input/row.hpp"
#include "input/row_fault.hpp"
#include "plan/verdict.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

/// One of the largest clusters. Units: `ids` counts both sides.
struct ClusterSize {
  std::uint64_t ids = 0;
  std::uint64_t link = 0;  // ordinal of its first link
};

/// Statistics of the ids on one side of sided pairs.
struct SideReport {
  std::uint64_t distinct = 0;
  std::uint64_t uuids = 0;    // five dash-separated groups of hexadecimal digits, 8-4-4-4-12
  std::uint64_t uuid_v4 = 0;  // of these, version 4

  void add(const SideReport& other) {
    distinct += other.distinct;
    uuids += other.uuids;
    uuid_v4 += other.uuid_v4;
  }
};

/// Rows that are pairs but whose order cannot be parsed. They claim their ids like rows without an
/// order. They are counted so that users need not infer this from the held rows.
struct UnreadableOrders {
  std::uint64_t rows = 0;
  std::uint64_t file = 0;              // of the first one: the index of its input, ...
  std::uint64_t line = 0, column = 0;  // ... and the position of its order; bytes, from 1

  /// Adds rows that come after these.
  void add(const UnreadableOrders& later) {
    if (rows == 0) {
      *this = later;
    } else {
      rows += later.rows;
    }
  }
};

/// Rows that are pairs but whose ids look altered by an export or import.
struct RowWarnings {
  std::uint64_t prefixed = 0;       // the anonymous id begins with one $device:
  std::uint64_t padded = 0;         // an id begins or ends with white space
  std::uint64_t backslashed = 0;    // an id has a backslash, and tabs separate the fields
  std::uint64_t anon_decimals = 0;  // the id has the form 12345.0
  std::uint64_t user_decimals = 0;

  void add(const RowWarnings& other) {
    prefixed += other.prefixed;
    padded += other.padded;
    backslashed += other.backslashed;
    anon_decimals += other.anon_decimals;
    user_decimals += other.user_decimals;
  }
};

struct PlanSummary {
  // Rows. Each row has one outcome: read = links + duplicates + skipped + faulty rows, which are
  // rejected or held (law 1, before sending).
  std::uint64_t read = 0;
  std::uint64_t blank_lines = 0;                                       // not rows
  std::uint64_t duplicates = 0;                                        // rows that repeat a pair
  std::uint64_t skipped_anon = 0, skipped_user = 0, skipped_both = 0;  // by blank side
  std::array<std::uint64_t, static_cast<std::size_t>(input::Fault::count)> faults{};
  UnreadableOrders unreadable_orders;  // links and duplicates

  // Links: distinct pairs, by verdict, and those to send by operation.
  std::uint64_t links = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(Verdict::count)> verdicts{};
  std::array<std::uint64_t, 3> to_send{};
  std::uint64_t unsided = 0;  // links that the conflict rules do not cover

  // Ids.
  SideReport anon, user;
  std::uint64_t conflicted_anons = 0;
  std::uint64_t both_sides_ids = 0;
  std::uint64_t decisions_unknown = 0;      // decisions about an id that is not an anonymous id
  std::uint64_t decisions_unclaimed = 0;    // decisions for a user that does not claim the id
  std::uint64_t doubled_device_prefix = 0;  // anonymous ids that start with $device:$device:
  /// `prefixed` is 0 if all rows have the prefix. If only some have it, `X` and `$device:X` are two
  /// different ids, except in simplified projects.
  RowWarnings warnings;
  /// The number of rows if the ids of this side just number the rows, else 0.
  std::uint64_t anon_row_numbers = 0, user_row_numbers = 0;

  // Clusters of the links to send; ids per user before --max-cluster holds the largest ones.
  std::uint64_t clusters = 0;
  std::uint64_t anons_per_user_p50 = 0, anons_per_user_p99 = 0, anons_per_user_max = 0;
  std::uint64_t hubs = 0;               // users with more than 100 anonymous ids
  std::vector<ClusterSize> hub_users;   // at most ten of these, largest first; `ids` are anonymous
  std::vector<ClusterSize> largest;     // at most ten, largest first
  std::vector<std::uint64_t> examples;  // ordinals of at most five links to send
  std::vector<std::uint64_t> doubled;   // ordinals of links with a doubled prefix

  /// Returns a copy with the counts of rows only, without those of links and ids.
  PlanSummary rows_only() const {
    PlanSummary rows;
    rows.read = read;
    rows.blank_lines = blank_lines;
    rows.duplicates = duplicates;
    rows.skipped_anon = skipped_anon;
    rows.skipped_user = skipped_user;
    rows.skipped_both = skipped_both;
    rows.faults = faults;
    rows.unreadable_orders = unreadable_orders;
    rows.warnings = warnings;
    return rows;
  }

  std::uint64_t skipped() const { return skipped_anon + skipped_user + skipped_both; }
  std::uint64_t rejected() const;
  std::uint64_t held_rows() const;  // faulty, but readable: they make no link
  std::uint64_t held_links() const;
  /// Held links that lost to the claim that --on-conflict earliest or latest prefers. A rule
  /// resolved them, so nobody has to review them.
  std::uint64_t outranked() const { return verdicts[static_cast<std::size_t>(Verdict::outranked)]; }
  std::uint64_t held() const { return held_rows() + held_links(); }
  std::uint64_t sendable() const { return verdicts[static_cast<std::size_t>(Verdict::send)]; }
  /// Links that a person decided against. They name no pair to be sent, so their outcome is
  /// `skipped`.
  std::uint64_t voided() const { return verdicts[static_cast<std::size_t>(Verdict::voided)]; }
  std::uint64_t spares() const { return verdicts[static_cast<std::size_t>(Verdict::spare)]; }

  /// Share of the rows whose id has the form 12345.0, on the side that has more of them. Units:
  /// 0..1.
  double decimal_share() const;

  /// Share of all anonymous ids claimed by the user with the most of them. Units: 0..1.
  double user_share() const;

  /// Share of UUIDs on the user side minus that on the anonymous side; reveals swapped columns.
  /// Units: -1..1; 0 for pairs without sides and for aliases, where sides have no such meaning.
  double uuid_lead() const;

  /// Returns whether every row has one outcome and every link one verdict.
  bool adds_up() const;
};

/// Returns: lines `key = value`, in a fixed order.
std::string to_text(const PlanSummary& report);

/// Errors: Errc::input for a key that is missing, unknown or not a number.
Result<PlanSummary> parse_plan_summary(std::string_view text);

}  // namespace idmerge::plan
