// SPDX-License-Identifier: MIT
#include "send/retry_policy.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::send;
using namespace std::chrono_literals;

namespace {

const RetryPolicy policy({2s, 60s});

RetryDecision decide(const Attempt& attempt, bool has_success = true) {
  return policy.decide(attempt, has_success);
}

Attempt answered(OutcomeKind outcome) {
  return {.outcome = outcome, .sent = true, .failures_max = 3};
}

}  // namespace

TEST_SUITE("send/retry_policy") {
  TEST_CASE("what the service has settled is never sent again") {
    CHECK(decide(answered(OutcomeKind::delivered)) == RetryDecision{});
    CHECK(decide(answered(OutcomeKind::refused)) == RetryDecision{});
  }

  TEST_CASE("the end of a kept connection is no failure, and a permit that was not used stays") {
    CHECK(decide({.sent = false, .stale = true}) ==
          RetryDecision{.next = NextStep::first, .keeps_permit = true});
    CHECK(decide({.sent = true, .stale = true}) ==
          RetryDecision{.next = NextStep::first, .in_doubt = true});
  }

  TEST_CASE("answers about the sender say nothing about the links") {
    for (const auto outcome : {OutcomeKind::rate_limited, OutcomeKind::unauthorized,
                               OutcomeKind::wrong_project, OutcomeKind::wrong_mode}) {
      auto attempt = answered(outcome);
      attempt.failed = 99;
      CHECK(decide(attempt) == RetryDecision{.next = NextStep::with_permit, .in_doubt = true});
    }
  }

  TEST_CASE("in doubt is what was sent, unless the answer says that nothing was taken") {
    auto attempt = answered(OutcomeKind::rate_limited);
    attempt.took_nothing = true;
    CHECK(!decide(attempt).in_doubt);
    attempt.outcome.reset();  // no answer, so what an earlier one said does not count
    CHECK(decide(attempt).in_doubt);
    attempt.sent = false;
    CHECK(!decide(attempt).in_doubt);
  }

  TEST_CASE("a failure waits, then a batch is halved and a link is parked") {
    for (const auto outcome : {OutcomeKind::retry, OutcomeKind::foreign}) {
      auto attempt = answered(outcome);
      CHECK(decide(attempt).next == NextStep::after_wait);
      CHECK(decide(attempt).failed);
      attempt.failed = 1;
      CHECK(decide(attempt).next == NextStep::after_wait);
      attempt.failed = 2;
      CHECK(decide(attempt).next == NextStep::park);
      attempt.links = 2;
      CHECK(decide(attempt).next == NextStep::in_halves);
    }
    CHECK(decide(answered(OutcomeKind::split)).next == NextStep::in_halves);
    CHECK(!decide(answered(OutcomeKind::split)).failed);
    CHECK(decide({.sent = true, .failed = 9, .failures_max = 10}).next == NextStep::park);
  }

  TEST_CASE("while nothing succeeds it is an outage, and nothing but a parked link is parked") {
    Attempt attempt{.sent = true, .failed = 50, .failures_max = 10};
    CHECK(decide(attempt, false).next == NextStep::after_wait);
    attempt.failures_max = 1;  // parked before
    CHECK(decide(attempt, false).next == NextStep::park);
    attempt.links = 2;
    attempt.failures_max = 10;
    CHECK(decide(attempt, false).next == NextStep::in_halves);
  }

  TEST_CASE("the wait is that of the backoff") {
    CHECK(policy.wait(1, 0) == 2s);
    CHECK(policy.wait(1, 0.5) == 3s);
    CHECK(policy.wait(20, 0.5) == 31s);
  }
}
