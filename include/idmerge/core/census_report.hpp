// SPDX-License-Identifier: MIT
//
// What the census counted, as numbers. Ids are not in it: examples and largest clusters are named
// by the ordinal of a link, and whoever prints them reads that link from the plan. So the report
// is small, needs no escaping, and says the same for the same input.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/fault.hpp"
#include "idmerge/core/pair.hpp"

namespace idmerge {

/// One cluster among the largest. Units: `ids` counts both sides.
struct ClusterSize {
  std::uint64_t ids = 0;
  std::uint64_t link = 0;  // ordinal of its first link
};

/// What is known of the ids on one side of sided pairs.
struct SideReport {
  std::uint64_t distinct = 0;
  std::uint64_t uuids = 0;    // five dash-separated groups of hexadecimal digits, 8-4-4-4-12
  std::uint64_t uuid_v4 = 0;  // of these, version 4

  /// Count other ids too.
  void add(const SideReport& other) {
    distinct += other.distinct;
    uuids += other.uuids;
    uuid_v4 += other.uuid_v4;
  }
};

/// Rows of pairs whose order cannot be read. They claim their ids as rows without an order do;
/// nobody should have to guess that from what is held.
struct UnreadableOrders {
  std::uint64_t rows = 0;
  std::uint64_t file = 0;              // of the first one: the index of its input, ...
  std::uint64_t line = 0, column = 0;  // ... and where its order stands; bytes, from 1

  /// Count later ones too.
  void add(const UnreadableOrders& later) {
    if (rows == 0) {
      *this = later;
    } else {
      rows += later.rows;
    }
  }
};

/// Rows of pairs whose ids look as if something had been done to them on their way.
struct RowLooks {
  std::uint64_t prefixed = 0;       // the anonymous id begins with one $device:
  std::uint64_t padded = 0;         // an id begins or ends with white space
  std::uint64_t backslashed = 0;    // an id has a backslash, where tabs part the fields
  std::uint64_t anon_decimals = 0;  // the id is 12345.0
  std::uint64_t user_decimals = 0;

  /// Count other rows too.
  void add(const RowLooks& other) {
    prefixed += other.prefixed;
    padded += other.padded;
    backslashed += other.backslashed;
    anon_decimals += other.anon_decimals;
    user_decimals += other.user_decimals;
  }
};

struct CensusReport {
  // Rows. read = links + duplicates + skipped + faulty ones, rejected or held (law 1 before
  // anything is sent).
  std::uint64_t read = 0;
  std::uint64_t blank_lines = 0;                                       // not rows
  std::uint64_t duplicates = 0;                                        // rows that repeat a pair
  std::uint64_t skipped_anon = 0, skipped_user = 0, skipped_both = 0;  // which side is blank
  std::array<std::uint64_t, static_cast<std::size_t>(Fault::count)> faults{};
  UnreadableOrders unreadable_orders;  // links and duplicates

  // Links: distinct pairs, by verdict and by operation (those to send).
  std::uint64_t links = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(Verdict::count)> verdicts{};
  std::array<std::uint64_t, 3> to_send{};
  std::uint64_t unsided = 0;  // links that no conflict rule can guard

  // Ids.
  SideReport anon, user;
  std::uint64_t conflicted_anons = 0;
  std::uint64_t both_sides_ids = 0;
  std::uint64_t decisions_unknown = 0;      // decisions about no anonymous id
  std::uint64_t decisions_unclaimed = 0;    // ... for a user that does not claim the id
  std::uint64_t doubled_device_prefix = 0;  // anonymous ids that start with $device:$device:
  /// Shape: `prefixed` is 0 where all rows have the prefix. Where some have it, `X` and `$device:X`
  /// are two ids outside of simplified projects.
  RowLooks looks;
  /// All rows, where the ids of this side number them one by one; else 0.
  std::uint64_t anon_row_numbers = 0, user_row_numbers = 0;

  // Clusters of what is to be sent; ids per user before --max-cluster holds the largest.
  std::uint64_t clusters = 0;
  std::uint64_t anons_per_user_p50 = 0, anons_per_user_p99 = 0, anons_per_user_max = 0;
  std::uint64_t hubs = 0;               // users with more than 100 anonymous ids
  std::vector<ClusterSize> hub_users;   // of these at most ten, largest first; `ids` are anonymous
  std::vector<ClusterSize> largest;     // at most ten, largest first
  std::vector<std::uint64_t> examples;  // ordinals of at most five links to send
  std::vector<std::uint64_t> doubled;   // ... with a doubled prefix

  /// Only what was counted of rows, without the links and ids among them.
  CensusReport rows_only() const {
    CensusReport rows;
    rows.read = read;
    rows.blank_lines = blank_lines;
    rows.duplicates = duplicates;
    rows.skipped_anon = skipped_anon;
    rows.skipped_user = skipped_user;
    rows.skipped_both = skipped_both;
    rows.faults = faults;
    rows.unreadable_orders = unreadable_orders;
    rows.looks = looks;
    return rows;
  }

  std::uint64_t skipped() const { return skipped_anon + skipped_user + skipped_both; }
  std::uint64_t rejected() const;
  std::uint64_t held_rows() const;  // faulty, but readable: they make no link
  std::uint64_t held_links() const;
  /// Held links that lost to the claim which --on-conflict earliest or latest was asked to prefer:
  /// settled by a rule, so nobody has to look at them.
  std::uint64_t outranked() const { return verdicts[static_cast<std::size_t>(Verdict::outranked)]; }
  std::uint64_t held() const { return held_rows() + held_links(); }
  std::uint64_t sendable() const { return verdicts[static_cast<std::size_t>(Verdict::send)]; }
  /// Links that a person decided against: they name no pair to be sent, so their fate is `skipped`.
  std::uint64_t voided() const { return verdicts[static_cast<std::size_t>(Verdict::voided)]; }
  std::uint64_t spares() const { return verdicts[static_cast<std::size_t>(Verdict::spare)]; }

  /// The share of rows whose id is 12345.0, on the side that has more of them. Units: 0..1.
  double decimal_share() const;

  /// The share of all anonymous ids that the user with the most of them claims. Units: 0..1.
  double user_share() const;

  /// By how much the share of UUIDs on the user side exceeds that on the anonymous side: columns
  /// that are swapped show here. Units: -1..1; 0 where sides say nothing of it, without sides and
  /// for aliases.
  double uuid_lead() const;

  /// Does every row have one fate, and every link one verdict?
  bool adds_up() const;
};

/// Shape: lines `key = value`, in a fixed order.
std::string to_text(const CensusReport& report);

/// Errors: Errc::input for a key that is missing, unknown or not a number.
Result<CensusReport> parse_census_report(std::string_view text);

}  // namespace idmerge
