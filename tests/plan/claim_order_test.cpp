// SPDX-License-Identifier: MIT
#include "plan/claim_order.hpp"

#include <doctest/doctest.h>

#include "input/row.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::plan;

namespace {

constexpr IdNumber anon = 7, user = 1, other = 2, third = 3;

std::optional<IdNumber> winner(ClaimOrder& claim_order) {
  claim_order.settle([](IdNumber) { return user; });
  return claim_order.winner(anon);
}

}  // namespace

TEST_SUITE("plan/claim_order") {
  TEST_CASE("the earliest or the latest claim wins, counting rows that repeat it") {
    for (const auto wins : {ClaimOrder::Wins::earliest, ClaimOrder::Wins::latest}) {
      ClaimOrder claim_order(wins);
      claim_order.note_first_user(anon, 5, true);
      claim_order.note_other_user(anon, other, 4);
      claim_order.note_first_user(anon, 3, false);
      claim_order.note_first_user(anon, 9, false);
      CHECK(winner(claim_order) == user);  // 3..9 against 4
      ClaimOrder reverse(wins);
      reverse.note_first_user(anon, 5, true);
      reverse.note_other_user(anon, other, 6);
      reverse.note_other_user(anon, other, -1);
      CHECK(winner(reverse) == other);
    }
  }

  TEST_CASE("a tie of the best has no winner, and a tie of losers does not matter") {
    ClaimOrder tied(ClaimOrder::Wins::earliest);
    tied.note_first_user(anon, 4, true);
    tied.note_other_user(anon, other, 4);
    tied.note_other_user(anon, third, 6);
    CHECK_FALSE(winner(tied));
    ClaimOrder clear(ClaimOrder::Wins::earliest);
    clear.note_first_user(anon, 6, true);
    clear.note_other_user(anon, other, 6);
    clear.note_other_user(anon, third, 4);
    CHECK(winner(clear) == third);
  }

  TEST_CASE("one row without an order leaves its id undecided") {
    ClaimOrder claim_order(ClaimOrder::Wins::latest);
    claim_order.note_first_user(anon, 4, true);
    claim_order.note_first_user(anon, no_order, false);
    claim_order.note_first_user(anon, 9, false);
    claim_order.note_other_user(anon, other, 5);
    CHECK_FALSE(winner(claim_order));
    CHECK_FALSE(claim_order.winner(anon + 1));
  }
}
