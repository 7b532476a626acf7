// SPDX-License-Identifier: MIT
#include "send/tally.hpp"

#include <array>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::send;

TEST_SUITE("send/tally") {
  TEST_CASE("an account adds up only if every row has exactly one fate") {
    Tally tally;
    CHECK(tally.adds_up());
    for (int i = 0; i < static_cast<int>(RowOutcome::count); ++i) {
      ++tally[static_cast<RowOutcome>(i)];
      CHECK_FALSE(tally.adds_up());
      ++tally.read;
      CHECK(tally.adds_up());
    }
    CHECK(tally.read == 7);
    CHECK(tally == Tally{7, 1, 1, 1, 1, 1, 1, 1});
    ++tally.read;
    CHECK_FALSE(tally.adds_up());
  }

  TEST_CASE("a fate is counted under its name") {
    Tally tally;
    tally[RowOutcome::refused] = 3;
    CHECK(tally.refused == 3);
    CHECK(name(RowOutcome::refused) == "refused");
    CHECK(name(RowOutcome::pending) == "pending");
  }

  TEST_CASE("who only reads an account finds each fate where it was counted") {
    const Tally tally{28, 1, 2, 3, 4, 5, 6, 7};
    const std::array counts{tally.delivered, tally.duplicate, tally.skipped, tally.rejected,
                            tally.held,      tally.refused,   tally.pending};
    for (std::size_t i = 0; i < counts.size(); ++i)
      CHECK(tally[static_cast<RowOutcome>(i)] == counts[i]);
  }
}
