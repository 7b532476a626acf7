// SPDX-License-Identifier: MIT
#include "send/rate_limiter.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::send;
using namespace std::chrono_literals;

namespace {

const Instant start = Instant{} + 1000h;

RateLimiterOptions links(double per_s, double burst) {
  RateLimiterOptions options;
  options.links = {.rate_per_s = per_s, .burst = burst};
  return options;
}

}  // namespace

TEST_SUITE("send/rate_limiter") {
  TEST_CASE("who is first keeps its instant until it passes") {
    RateLimiter rate_limiter(links(10, 1));
    CHECK(rate_limiter.try_acquire({}, start));
    CHECK(rate_limiter.reserve({}, start) == start + 100ms);
    CHECK(rate_limiter.reserve({}, start + 50ms) == start + 100ms);
    rate_limiter.acquire();
    CHECK(rate_limiter.reserve({}, start + 100ms) == start + 200ms);
  }

  TEST_CASE("a reservation that is given up costs nothing") {
    RateLimiter rate_limiter(links(10, 1));
    CHECK(rate_limiter.try_acquire({}, start));
    for (int i = 0; i < 100; ++i) {
      CHECK(rate_limiter.reserve({}, start) == start + 100ms);
      rate_limiter.take_back();
    }
    rate_limiter.take_back();
    CHECK(!rate_limiter.try_acquire({}, start + 99ms));
    CHECK(rate_limiter.try_acquire({}, start + 100ms));
  }

  TEST_CASE("a changed rate makes a reservation anew, in both directions") {
    RateLimiter rate_limiter(links(0.01, 1));
    CHECK(rate_limiter.try_acquire({}, start));
    CHECK(rate_limiter.reserve({}, start) == start + 100s);
    rate_limiter.set_rate(links(100, 1), start + 1s);
    CHECK(rate_limiter.reserve({}, start + 1s) <= start + 1s + 10ms);
    rate_limiter.set_rate(links(0.01, 1), start + 1s);
    CHECK(rate_limiter.reserve({}, start + 1s) > start + 90s);
  }

  TEST_CASE("a pause moves a reservation, and one that ends earlier changes nothing") {
    RateLimiter rate_limiter(links(10, 1));
    CHECK(rate_limiter.try_acquire({}, start));
    CHECK(rate_limiter.reserve({}, start) == start + 100ms);
    CHECK(rate_limiter.pause_until(start + 5s));
    CHECK(rate_limiter.reserve({}, start) == start + 5s);
    CHECK(!rate_limiter.pause_until(start + 1s));
    CHECK(rate_limiter.reserve({}, start) == start + 5s);
    CHECK(rate_limiter.paused_until() == start + 5s);
  }

  TEST_CASE("closed, it lets nobody through until it is given a rate") {
    RateLimiterOptions none = links(0, 1);
    none.closed = true;
    RateLimiter rate_limiter(none);
    CHECK(!rate_limiter.try_acquire({}, start + 1000h));
    CHECK(rate_limiter.reserve({}, start) == Instant::max());
    rate_limiter.set_rate(links(0, 1), start + 1s);
    CHECK(rate_limiter.try_acquire({.links = 1e9}, start + 1s));
    CHECK(rate_limiter.options().closed == false);
  }

  TEST_CASE("what somebody else has sent counts") {
    RateLimiter rate_limiter(links(10, 5));
    rate_limiter.spend({.links = 5}, start);
    CHECK(rate_limiter.reserve({}, start) == start + 100ms);
  }
}
