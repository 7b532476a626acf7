// SPDX-License-Identifier: MIT
#include "send/rate_limiter.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::send;
using namespace std::chrono_literals;

namespace {

const Instant start = Instant{} + 1000h;

TurnOptions links(double per_s, double burst) {
  TurnOptions options;
  options.links = {.rate_per_s = per_s, .burst = burst};
  return options;
}

}  // namespace

TEST_SUITE("send/rate_limiter") {
  TEST_CASE("who is first keeps its instant until it passes") {
    Turnstile turnstile(links(10, 1));
    CHECK(turnstile.try_pass({}, start));
    CHECK(turnstile.reserve({}, start) == start + 100ms);
    CHECK(turnstile.reserve({}, start + 50ms) == start + 100ms);
    turnstile.pass();
    CHECK(turnstile.reserve({}, start + 100ms) == start + 200ms);
  }

  TEST_CASE("a reservation that is given up costs nothing") {
    Turnstile turnstile(links(10, 1));
    CHECK(turnstile.try_pass({}, start));
    for (int i = 0; i < 100; ++i) {
      CHECK(turnstile.reserve({}, start) == start + 100ms);
      turnstile.take_back();
    }
    turnstile.take_back();
    CHECK(!turnstile.try_pass({}, start + 99ms));
    CHECK(turnstile.try_pass({}, start + 100ms));
  }

  TEST_CASE("a changed rate makes a reservation anew, in both directions") {
    Turnstile turnstile(links(0.01, 1));
    CHECK(turnstile.try_pass({}, start));
    CHECK(turnstile.reserve({}, start) == start + 100s);
    turnstile.set_rate(links(100, 1), start + 1s);
    CHECK(turnstile.reserve({}, start + 1s) <= start + 1s + 10ms);
    turnstile.set_rate(links(0.01, 1), start + 1s);
    CHECK(turnstile.reserve({}, start + 1s) > start + 90s);
  }

  TEST_CASE("a pause moves a reservation, and one that ends earlier changes nothing") {
    Turnstile turnstile(links(10, 1));
    CHECK(turnstile.try_pass({}, start));
    CHECK(turnstile.reserve({}, start) == start + 100ms);
    CHECK(turnstile.pause_until(start + 5s));
    CHECK(turnstile.reserve({}, start) == start + 5s);
    CHECK(!turnstile.pause_until(start + 1s));
    CHECK(turnstile.reserve({}, start) == start + 5s);
    CHECK(turnstile.paused_until() == start + 5s);
  }

  TEST_CASE("closed, it lets nobody through until it is given a rate") {
    TurnOptions none = links(0, 1);
    none.closed = true;
    Turnstile turnstile(none);
    CHECK(!turnstile.try_pass({}, start + 1000h));
    CHECK(turnstile.reserve({}, start) == Instant::max());
    turnstile.set_rate(links(0, 1), start + 1s);
    CHECK(turnstile.try_pass({.links = 1e9}, start + 1s));
    CHECK(turnstile.options().closed == false);
  }

  TEST_CASE("what somebody else has sent counts") {
    Turnstile turnstile(links(10, 5));
    turnstile.spend({.links = 5}, start);
    CHECK(turnstile.reserve({}, start) == start + 100ms);
  }
}
