// SPDX-License-Identifier: MIT
#include "idmerge/core/health.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace std::chrono_literals;

namespace {
constexpr Instant at(std::chrono::milliseconds t) {
  return Instant{} + 1h + t;
}
}  // namespace

TEST_SUITE("core/health") {
  TEST_CASE("an outage is counted from its first failure, and ends with the first success") {
    Health health(false);
    CHECK(health.failing_for(at(0ms)) == 0ms);
    health.failure(at(100ms), "refused");
    health.failure(at(900ms), "timed out");
    CHECK(health.failing_for(at(1'100ms)) == 1s);
    CHECK(health.last_failure() == "timed out");
    health.success(at(2'000ms));
    CHECK(health.failing_for(at(9'000ms)) == 0ms);
    CHECK(health.last_success() == at(2'000ms));
    health.failure(at(9'000ms), "reset");
    CHECK(health.failing_for(at(9'500ms)) == 500ms);
  }

  TEST_CASE("time in which nothing was tried is no outage") {
    Health health(false);
    health.rest(at(50ms));
    CHECK(health.failing_for(at(60ms)) == 0ms);
    health.failure(at(100ms), "refused");
    health.rest(at(5'000ms));
    CHECK(health.failing_for(at(5'300ms)) == 300ms);
  }

  TEST_CASE("a foreign answer stops a job that never had a success") {
    Health health(false);
    CHECK(!health.bears_foreign(at(0ms), "HTML"));
  }

  TEST_CASE("a job with successes bears two foreign answers in a row, not three") {
    for (const bool before : {true, false}) {
      Health health(before);
      if (!before) health.success(at(0ms));
      CHECK(health.bears_foreign(at(1ms), "HTML"));
      CHECK(health.bears_foreign(at(2ms), "HTML"));
      health.success(at(3ms));
      CHECK(health.bears_foreign(at(4ms), "HTML"));
      CHECK(health.bears_foreign(at(5ms), "HTML"));
      CHECK(!health.bears_foreign(at(6ms), "HTML"));
    }
  }
}
