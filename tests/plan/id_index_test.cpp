// SPDX-License-Identifier: MIT
#include "plan/id_index.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::plan;

TEST_SUITE("plan/id_index") {
  TEST_CASE("numbers are given in order of first appearance and kept while the table grows") {
    std::mt19937_64 random(1);
    IdIndex index;
    std::vector<Fingerprint> prints;
    for (int i = 0; i < 300'000; ++i) {
      prints.push_back({random(), static_cast<std::uint32_t>(random())});
    }
    bool right = true;
    for (std::size_t i = 0; i < prints.size(); ++i) {
      right = right && index.find_or_add(prints[i]) == i;
      right = right && index.find_or_add(prints[i / 2]) == i / 2;
    }
    for (std::size_t i = 0; i < prints.size(); ++i)
      right = right && index.find(prints[i]) == i;
    CHECK(right);
    CHECK(index.size() == prints.size());
    CHECK(index.find({1, 1}) == no_id);
  }

  TEST_CASE("fingerprints crowded at both ends of the range survive every growth") {
    // Homes at the very end run over it, homes at the start stand far behind: the two cases that
    // stretching the table in place has to treat apart.
    std::mt19937_64 random(2);
    IdIndex index;
    std::map<std::uint64_t, IdNumber> expected;
    bool right = true;
    for (int i = 0; i < 40'000; ++i) {
      const auto near = random() % 100'000;
      const auto low = i % 2 == 0 ? near : ~near;
      const auto [at, added] = expected.emplace(low, static_cast<IdNumber>(expected.size()));
      right = right && index.find_or_add({low, 7}) == at->second;
    }
    for (const auto& [low, number] : expected)
      right = right && index.find({low, 7}) == number;
    CHECK(right);
    CHECK(index.size() == expected.size());
  }

  TEST_CASE("the 32 high bits count: equal low halves are two ids") {
    IdIndex index;
    CHECK(index.find_or_add({5, 1}) == 0);
    CHECK(index.find_or_add({5, 2}) == 1);
    CHECK(index.find_or_add({5, 1}) == 0);
  }

  TEST_CASE("reserving changes no answer") {
    IdIndex index;
    index.find_or_add({42, 42});
    index.reserve(1'000'000);
    CHECK(index.bytes() >= 16'000'000);
    CHECK(index.find({42, 42}) == 0);
  }

  TEST_CASE("a table that was reserved holds what it was reserved for without growing") {
    std::mt19937_64 random(4);
    for (std::size_t ids = 10'000; ids < 10'016; ++ids) {
      IdIndex index;
      index.reserve(ids);
      const auto bytes = index.bytes();
      CHECK(bytes <= IdIndex::bytes_for(ids));
      for (std::size_t i = 0; i < ids; ++i)
        index.find_or_add({random(), 1});
      CHECK(index.size() == ids);
      CHECK(index.bytes() == bytes);
    }
  }

  TEST_CASE("the pair set is a set") {
    std::mt19937_64 random(3);
    PairSet pairs;
    std::set<std::pair<IdNumber, IdNumber>> expected;
    bool right = true;
    for (int i = 0; i < 200'000; ++i) {
      const auto a = static_cast<IdNumber>(random() % 500);
      const auto b = static_cast<IdNumber>(500 + random() % 500);
      right = right && pairs.insert(a, b) == expected.emplace(a, b).second;
    }
    CHECK(right);
    CHECK(pairs.size() == expected.size());
    CHECK(pairs.insert(501, 1));
    CHECK(pairs.insert(1, 501) == expected.emplace(1, 501).second);
  }
}
