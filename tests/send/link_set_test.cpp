// SPDX-License-Identifier: MIT
#include "send/link_set.hpp"

#include <random>
#include <set>

#include <doctest/doctest.h>

#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::send;

namespace {

using Ranges = std::vector<LinkRange>;

/// As a set of single ordinals, the plainest model there is.
void check_against(const LinkSet& set, const std::set<std::uint64_t>& model, std::uint64_t links) {
  REQUIRE(are_ranges(set.ranges(), links));
  CHECK(set.size() == model.size());
  CHECK(set.empty() == model.empty());
  for (std::uint64_t i = 0; i < links; ++i)
    REQUIRE(set.contains(i) == model.contains(i));
}

}  // namespace

TEST_SUITE("send/link_set") {
  TEST_CASE("what touches becomes one range, what is removed splits it") {
    LinkSet set;
    set.add(3);
    set.add(7, 2);
    set.add(5);
    CHECK(set.ranges() == Ranges{{3, 1}, {5, 1}, {7, 2}});
    set.add(4);
    CHECK(set.ranges() == Ranges{{3, 3}, {7, 2}});
    set.add(0, 20);
    CHECK(set.ranges() == Ranges{{0, 20}});
    set.remove(5, 3);
    CHECK(set.ranges() == Ranges{{0, 5}, {8, 12}});
    set.remove(0, 9);
    CHECK(set.ranges() == Ranges{{9, 11}});
    set.remove(40);
    set.add(40, 0);
    set.remove(9, 0);
    CHECK(set == LinkSet{{9, 11}});
  }

  TEST_CASE("whatever is added and removed, it holds what a plain set holds") {
    std::mt19937_64 random(idmerge::testing::seed());
    constexpr std::uint64_t links = 40;
    for (int world = 0; world < 300; ++world) {
      LinkSet set;
      std::set<std::uint64_t> model;
      for (int step = 0; step < 60; ++step) {
        const auto first = random() % links;
        const auto count = random() % std::min<std::uint64_t>(links - first + 1, 9);
        const bool adds = random() % 2 == 0;
        adds ? set.add(first, count) : set.remove(first, count);
        for (auto i = first; i < first + count; ++i) {
          if (adds) {
            model.insert(i);
          } else {
            model.erase(i);
          }
        }
        check_against(set, model, links);
        std::uint64_t held = 0;
        for (auto i = first; i < first + count; ++i)
          held += model.contains(i) ? 1 : 0;
        CHECK(set.overlaps(first, count) == (held > 0));
        if (count > 0) CHECK(set.covers(first, count) == (held == count));
      }
    }
  }

  TEST_CASE("ranges that are empty, adjacent, out of order or out of bounds are none") {
    CHECK(are_ranges({}, 0));
    CHECK(are_ranges({{0, 2}, {3, 1}}, 4));
    for (const auto& bad : {Ranges{{0, 2}, {2, 1}}, Ranges{{3, 1}, {0, 2}}, Ranges{{1, 0}},
                            Ranges{{3, 2}}, Ranges{{4, 1}}, Ranges{{1, UINT64_MAX}}}) {
      CHECK(!are_ranges(bad, 4));
    }
  }
}
