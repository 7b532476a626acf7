// SPDX-License-Identifier: MIT
//
// Law 1: every row read has exactly one fate. The account is plain numbers, so that the planner,
// the sender and every report add up the same thing and can be asked whether it is complete.
#pragma once

#include <cstdint>
#include <string_view>

namespace idmerge {

/// What became of a row.
enum class Fate : std::uint8_t {
  delivered,  // the service accepted it
  duplicate,  // says nothing new
  skipped,    // nothing to link: one side is blank, or a person decided against it
  rejected,   // unreadable, or an id that must never be linked
  held,       // readable, but sending it would be doubtful
  refused,    // the service itself said no
  pending,    // not settled yet
  count,
};

/// The name, as in options and reports: "delivered".
std::string_view name(Fate fate);

/// The account of a job.
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

  /// The count of one fate.
  std::uint64_t& operator[](Fate fate);
  std::uint64_t operator[](Fate fate) const;

  /// Does every row have a fate, and none two?
  bool adds_up() const;
};

}  // namespace idmerge
