// SPDX-License-Identifier: MIT
//
// Counts rows by their outcome. Law 1: every row that was read has exactly one outcome. The
// planner, the sender and all reports use the same counts, and adds_up() checks them.
#pragma once

#include <cstdint>
#include <string_view>

namespace idmerge::send {

/// The outcome of a row.
enum class RowOutcome : std::uint8_t {
  delivered,  // the service accepted it
  duplicate,  // repeats an earlier row
  skipped,    // nothing to link: one side is blank, or a person decided against it
  rejected,   // unreadable, or with an id that must never be linked
  held,       // readable, but a person has to decide whether to send it
  refused,    // the service rejected it
  pending,    // no outcome yet
  count,
};

/// Returns the name, as in options and reports: "delivered".
std::string_view name(RowOutcome outcome);

/// The counts of a job.
struct Tally {
  std::uint64_t read = 0;
  std::uint64_t delivered = 0;
  std::uint64_t duplicate = 0;
  std::uint64_t skipped = 0;
  std::uint64_t rejected = 0;
  std::uint64_t held = 0;
  std::uint64_t refused = 0;
  std::uint64_t pending = 0;

  bool operator==(const Tally&) const = default;

  std::uint64_t& operator[](RowOutcome outcome);
  std::uint64_t operator[](RowOutcome outcome) const;

  /// Returns whether the outcomes add up to the rows read.
  bool adds_up() const;
};

}  // namespace idmerge::send
