// SPDX-License-Identifier: MIT
#include "plan/union_find.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::plan;

TEST_SUITE("plan/union_find") {
  TEST_CASE("it connects what a relabelling of every member connects") {
    std::mt19937_64 random(4);
    constexpr IdNumber ids = 400;
    UnionFind union_find(ids);
    std::vector<IdNumber> label(ids);
    std::iota(label.begin(), label.end(), 0U);
    for (int i = 0; i < 350; ++i) {
      const auto a = static_cast<IdNumber>(random() % ids);
      const auto b = static_cast<IdNumber>(random() % ids);
      const bool apart = label[a] != label[b];
      CHECK(union_find.connect(a, b) == apart);
      const auto from = label[a];
      for (auto& l : label) {
        if (l == from) l = label[b];
      }
    }
    for (IdNumber a = 0; a < ids; ++a) {
      CHECK(union_find.cluster_size(a) ==
            static_cast<std::uint32_t>(std::count(label.begin(), label.end(), label[a])));
      for (IdNumber b = 0; b < a; ++b) {
        if ((union_find.root(a) == union_find.root(b)) != (label[a] == label[b]))
          FAIL("wrong root");
      }
    }
  }
}
