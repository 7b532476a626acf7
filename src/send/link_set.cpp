// SPDX-License-Identifier: MIT
#include "send/link_set.hpp"

#include <algorithm>

#include "util/check.hpp"

namespace idmerge::send {
namespace {

std::uint64_t end_of(const LinkRange& range) {
  return range.first + range.count;
}

/// Returns the first range that ends at or after `ordinal`.
template <class Ranges>
auto first_reaching(Ranges& ranges, std::uint64_t ordinal) {
  return std::partition_point(ranges.begin(), ranges.end(),
                              [&](const LinkRange& range) { return end_of(range) < ordinal; });
}

}  // namespace

bool are_ranges(const std::vector<LinkRange>& ranges, std::uint64_t links) {
  std::uint64_t next = 0;  // the lowest ordinal with which the next range may begin
  for (const auto& [first, count] : ranges) {
    if (first < next || count == 0 || first >= links || count > links - first) return false;
    next = first + count + 1;
  }
  return true;
}

LinkSet::LinkSet(std::vector<LinkRange> ranges) : ranges_(std::move(ranges)) {
  IDMERGE_CHECK(are_ranges(ranges_, UINT64_MAX));
}

void LinkSet::add(std::uint64_t first, std::uint64_t count) {
  if (count == 0) return;
  const auto begin = first_reaching(ranges_, first);
  const auto end = std::find_if(
      begin, ranges_.end(), [&](const LinkRange& range) { return range.first > first + count; });
  if (begin == end) {
    ranges_.insert(begin, {first, count});
    return;
  }
  const auto new_end = std::max(first + count, end_of(*std::prev(end)));
  begin->first = std::min(begin->first, first);
  begin->count = new_end - begin->first;
  ranges_.erase(std::next(begin), end);
}

void LinkSet::remove(std::uint64_t first, std::uint64_t count) {
  if (count == 0) return;
  auto at = first_reaching(ranges_, first + 1);
  const auto end = first + count;
  if (at == ranges_.end() || at->first >= end) return;
  if (at->first < first) {
    const auto rest = end_of(*at);
    at->count = first - at->first;
    if (rest > end) {
      ranges_.insert(std::next(at), {end, rest - end});
      return;
    }
    ++at;
  }
  const auto begin = at;
  while (at != ranges_.end() && end_of(*at) <= end)
    ++at;
  if (at != ranges_.end() && at->first < end) *at = {end, end_of(*at) - end};
  ranges_.erase(begin, at);
}

bool LinkSet::contains(std::uint64_t ordinal) const {
  return covers(ordinal, 1);
}

bool LinkSet::covers(std::uint64_t first, std::uint64_t count) const {
  const auto found = first_reaching(ranges_, first + 1);
  return found != ranges_.end() && found->first <= first && first + count <= end_of(*found);
}

bool LinkSet::overlaps(std::uint64_t first, std::uint64_t count) const {
  const auto found = first_reaching(ranges_, first + 1);
  return count > 0 && found != ranges_.end() && found->first < first + count;
}

std::uint64_t LinkSet::size() const {
  std::uint64_t sum = 0;
  for (const auto& range : ranges_)
    sum += range.count;
  return sum;
}

}  // namespace idmerge::send
