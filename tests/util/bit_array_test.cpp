// SPDX-License-Identifier: MIT
#include "util/bit_array.hpp"

#include <cstddef>
#include <random>
#include <set>
#include <vector>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::util;

TEST_SUITE("util/bit_array") {
  TEST_CASE("bits are as a set says, while the array grows") {
    BitArray bits;
    CHECK(bits.bytes() == 0);
    std::set<std::size_t> expected;
    std::mt19937_64 random(7);
    std::size_t size = 0;
    bool same = true;
    for (int i = 0; i < 20'000; ++i) {
      size += random() % 50;
      bits.grow_to_hold(size + 1);
      const auto bit = random() % (size + 1);
      same = same && bits.test(bit) == (expected.count(bit) != 0);
      same = same && bits.set(bit) == expected.insert(bit).second;
      same = same && bits.test(bit);
    }
    CHECK(same);
    CHECK(bits.bytes() >= size / 8);
    std::vector<std::size_t> visited;
    bits.each_set([&](std::size_t bit) { visited.push_back(bit); });
    CHECK(visited == std::vector(expected.begin(), expected.end()));
    bits.release();
    CHECK(bits.bytes() == 0);
    bits.grow_to_hold(64);
    CHECK_FALSE(bits.test(63));
  }

  TEST_CASE("both ends of a word are visited") {
    BitArray bits;
    bits.grow_to_hold(200);
    for (const std::size_t bit : {0U, 63U, 64U, 127U, 199U})
      CHECK(bits.set(bit));
    std::vector<std::size_t> visited;
    bits.each_set([&](std::size_t bit) { visited.push_back(bit); });
    CHECK(visited == std::vector<std::size_t>{0, 63, 64, 127, 199});
  }
}
