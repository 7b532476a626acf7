// SPDX-License-Identifier: MIT
//
// A set of links of a plan, stored as ranges of their ordinals. Links are sent and get their
// outcome nearly in order, so the set of those in flight is a few ranges, whatever the size of the
// plan.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace idmerge::send {

struct LinkRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  bool operator==(const LinkRange&) const = default;
};

/// Returns whether these ranges are not empty, ascending, disjoint, not adjacent, and below
/// `links`.
bool are_ranges(const std::vector<LinkRange>& ranges, std::uint64_t links);

class LinkSet {
 public:
  LinkSet() = default;
  LinkSet(std::initializer_list<LinkRange> ranges) : LinkSet(std::vector<LinkRange>(ranges)) {}

  /// Requires: are_ranges().
  explicit LinkSet(std::vector<LinkRange> ranges);

  /// Adds links, some of which may be in the set. Requires: none of the sums overflows.
  void add(std::uint64_t first, std::uint64_t count = 1);

  /// Removes links, some of which may not be in the set.
  void remove(std::uint64_t first, std::uint64_t count = 1);

  bool contains(std::uint64_t ordinal) const;

  /// Returns whether all of these consecutive links are in the set.
  bool covers(std::uint64_t first, std::uint64_t count) const;

  /// Returns whether any of these consecutive links is in the set.
  bool overlaps(std::uint64_t first, std::uint64_t count) const;

  bool empty() const { return ranges_.empty(); }
  void clear() { ranges_.clear(); }

  /// Returns the number of links.
  std::uint64_t size() const;

  /// Ascending, disjoint and not adjacent.
  const std::vector<LinkRange>& ranges() const { return ranges_; }

  bool operator==(const LinkSet&) const = default;

 private:
  std::vector<LinkRange> ranges_;
};

}  // namespace idmerge::send
