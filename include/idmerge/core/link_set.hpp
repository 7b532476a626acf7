// SPDX-License-Identifier: MIT
//
// A set of links of a plan, as ranges of their ordinals. Links leave and settle nearly in order, so
// a set of those under way is a few ranges, whatever the size of the plan.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace idmerge {

/// Consecutive ordinals.
struct LinkRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  bool operator==(const LinkRange&) const = default;
};

/// Are these ranges not empty, ascending, disjoint and not adjacent, and all ordinals below
/// `links`?
bool are_ranges(const std::vector<LinkRange>& ranges, std::uint64_t links);

class LinkSet {
 public:
  LinkSet() = default;
  LinkSet(std::initializer_list<LinkRange> ranges) : LinkSet(std::vector<LinkRange>(ranges)) {}

  /// Requires: are_ranges().
  explicit LinkSet(std::vector<LinkRange> ranges);

  /// Add links, some of which may be in the set. Requires: none of the sums here wraps.
  void add(std::uint64_t first, std::uint64_t count = 1);

  /// Remove links, some of which may not be in the set.
  void remove(std::uint64_t first, std::uint64_t count = 1);

  bool contains(std::uint64_t ordinal) const;

  /// Are all of these consecutive links in the set?
  bool covers(std::uint64_t first, std::uint64_t count) const;

  /// Is any of them?
  bool overlaps(std::uint64_t first, std::uint64_t count) const;

  bool empty() const { return ranges_.empty(); }
  void clear() { ranges_.clear(); }

  /// How many links.
  std::uint64_t size() const;

  /// Ascending, disjoint and not adjacent.
  const std::vector<LinkRange>& ranges() const { return ranges_; }

  bool operator==(const LinkSet&) const = default;

 private:
  std::vector<LinkRange> ranges_;
};

}  // namespace idmerge
