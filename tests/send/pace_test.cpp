// SPDX-License-Identifier: MIT
#include "send/pace.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::send;
using namespace std::chrono_literals;

namespace {

const Instant start = Instant{} + 1000h;

PaceOptions links(double per_s, double burst) {
  return {.allowed = {.links_per_s = per_s, .burst = burst}};
}

/// How many links may leave one after the other at an instant.
int leave_at(Pace& pace, Instant now) {
  int count = 0;
  while (count < 100'000 && pace.rate_limiter().try_acquire({}, now))
    ++count;
  return count;
}

}  // namespace

TEST_SUITE("send/pace") {
  TEST_CASE("the burst leaves at once, and no more") {
    Pace pace(links(0.1, 3), start);
    CHECK(leave_at(pace, start) == 3);
    CHECK(pace.links_per_s() == 0.1);
  }

  TEST_CASE("of a burst so much is kept back that no second exceeds both where they arrive") {
    for (const double rate : {1'000.0, 20'000.0}) {
      CAPTURE(rate);
      const double burst = rate / 10;
      Pace pace(links(rate, burst), start);
      const auto first_arrives =
          start + 5ms;  // a connection is opened for it, the rest follows fast
      double arrived = leave_at(pace, start);
      CHECK(arrived >= 0.95 * burst);
      for (auto now = start; now < first_arrives + 1s; now += 100us)
        arrived += leave_at(pace, now);
      CHECK(arrived <= rate + burst);
      CHECK(arrived >= rate);
    }
    const auto at_once = [&](double rate, double burst) {
      Pace pace(links(rate, burst), start);
      return leave_at(pace, start);
    };
    CHECK(at_once(100, 20) == 20);     // whole links only
    CHECK(at_once(20'000, 30) == 27);  // at most a tenth
    CHECK(at_once(20'000, 9) == 9);
  }

  TEST_CASE("what an earlier process may have spent is not there to be spent again") {
    auto options = links(100, 30);
    options.spent_before = 1;
    Pace pace(options, start);
    CHECK(leave_at(pace, start) == 0);
    CHECK(leave_at(pace, start + 9ms) == 0);
    CHECK(leave_at(pace, start + 10ms) == 1);
    CHECK(leave_at(pace, start + 1h) == 30);
    // It may have sent one large request in place of the burst.
    options.spent_before = 50;
    Pace large(options, start);
    CHECK(!large.rate_limiter().try_acquire({.links = 50}, start + 499ms));
    CHECK(large.rate_limiter().try_acquire({.links = 50}, start + 500ms));
    Pace requests({.allowed = {.requests_per_s = 0.1}, .spent_before = 1}, start);
    CHECK(leave_at(requests, start + 9s) == 0);
    CHECK(leave_at(requests, start + 10s) == 1);
    Pace unlimited({.spent_before = 1}, start);
    CHECK(unlimited.rate_limiter().try_acquire({.links = 1e6}, start));
  }

  TEST_CASE("a limit of requests holds beside the one of links") {
    Pace pace({.allowed = {.requests_per_s = 0.1, .burst = 1'000}}, start);
    CHECK(pace.rate_limiter().try_acquire({.links = 500, .requests = 1}, start));
    CHECK(!pace.rate_limiter().try_acquire({.links = 1, .requests = 1}, start));
  }

  TEST_CASE("a limit of bytes holds beside both, and for what is larger than its burst") {
    Pace pace({.allowed = {.links_per_s = 1'000, .bytes_per_s = 10'000, .burst = 100}}, start);
    const Cost request{.bytes = 500};
    CHECK(pace.rate_limiter().try_acquire(request, start));
    CHECK(pace.rate_limiter().try_acquire(request, start));
    CHECK(!pace.rate_limiter().try_acquire(request, start + 49ms));
    CHECK(pace.rate_limiter().try_acquire(request, start + 50ms));
    CHECK(pace.rate_limiter().try_acquire({.bytes = 20'000}, start + 1h));
    CHECK(!pace.rate_limiter().try_acquire(request, start + 1h + 1'949ms));
    CHECK(pace.rate_limiter().try_acquire(request, start + 1h + 1'950ms));
  }

  TEST_CASE("an earlier process may have sent a request like the first one the moment before") {
    for (const double bytes : {500.0, 20'000.0}) {
      Pace pace({.allowed = {.bytes_per_s = 10'000}, .spent_before = 1}, start);
      pace.first_request(bytes, start);
      const auto wait = bytes == 500 ? 50ms : 2'000ms;
      CHECK(!pace.rate_limiter().try_acquire({.bytes = bytes}, start + wait - 1ms));
      CHECK(pace.rate_limiter().try_acquire({.bytes = bytes}, start + wait));
    }
    Pace first({.allowed = {.bytes_per_s = 10'000}}, start);
    first.first_request(500, start);
    CHECK(first.rate_limiter().try_acquire({.bytes = 500}, start));
  }

  TEST_CASE("when the service says too many, all wait and the rate falls") {
    Pace pace(links(1'000, 100), start);
    CHECK(leave_at(pace, start) == 95);
    pace.rate_limited(start, start, 100s, 0.5);
    CHECK(leave_at(pace, start + 99s) == 0);
    CHECK(leave_at(pace, start + 100s) > 0);
    CHECK(pace.links_per_s() < 1'000);
    CHECK(pace.rate_limited_count() == 1);
  }

  TEST_CASE("told not to adapt, it pauses and keeps its rate") {
    auto options = links(1'000, 100);
    options.adaptive = false;
    Pace pace(options, start);
    pace.rate_limited(start, start, 100s, 0.5);
    CHECK(leave_at(pace, start + 99s) == 0);
    CHECK(!pace.follow(start + 101s));
    CHECK(pace.links_per_s() == 1'000);
  }

  TEST_CASE("a refusal that asks for no wait is waited for as if it had said nothing") {
    for (const bool adaptive : {true, false}) {
      CAPTURE(adaptive);
      auto options = links(1'000, 100);
      options.adaptive = adaptive;
      Pace told(options, start);
      Pace untold(options, start);
      told.rate_limited(start, start, 0s, 0.5);
      untold.rate_limited(start, start, std::nullopt, 0.5);
      CHECK(told.rate_limiter().paused_until() == untold.rate_limiter().paused_until());
      CHECK(told.rate_limiter().paused_until() == start + 3s);
      CHECK(told.links_per_s() == untold.links_per_s());
      CHECK(told.rate_limited_count() == 1);
    }
  }

  TEST_CASE("asked again and again to come back at once, it waits for --backoff-min") {
    PaceOptions options = links(1'000, 100);
    options.backoff.min = 5s;
    Pace pace(options, start);
    pace.rate_limited(start, start, 1s, 0.5);
    CHECK(pace.rate_limiter().paused_until() == start + 1s);
    pace.rate_limited(start + 1s, start + 1s, 1s, 0.5);
    CHECK(pace.rate_limiter().paused_until() == start + 6s);
    pace.rate_limited(start + 6s, start + 6s, 7s, 0.5);
    CHECK(pace.rate_limiter().paused_until() == start + 13s);
  }

  TEST_CASE("refused before anything was taken, it knows no limit and is soon back") {
    for (const bool resumed : {false, true}) {
      CAPTURE(resumed);
      auto options = links(15'000, 2'000);
      options.request_links = 2'000;
      Pace pace(options, start);
      Instant now = start;
      for (int i = 0; i < 3; ++i) {
        pace.rate_limited(now, now, 8s, 0.5);
        now += 8s;
        CHECK(pace.request_links_max() == 1);
        CHECK(pace.rate_limiter().try_acquire({.links = 1}, now));
        CHECK(!pace.rate_limiter().try_acquire({.links = 1}, now));
      }
      const auto known = pace.known(WallTime{100s}, now);
      CHECK(known == KnownLimit{0, 100, 1});
      if (resumed) {
        pace = Pace(options, start);
        now = start;
        pace.recall(known, WallTime{101s}, now);
        CHECK(pace.links_per_s() == 1);
      }
      const auto opened = now;
      while (pace.links_per_s() < 15'000 && now - opened < 60s) {
        pace.accepted(static_cast<std::size_t>(pace.links_per_s()), now);
        now += 500ms;
        pace.follow(now);
      }
      CHECK(now - opened < 20s);
      CHECK(pace.request_links_max() >= 2'000);
    }
  }

  TEST_CASE("a pause and what the service takes outlive the process, by the wall clock") {
    const WallTime wall{1'795'456'800s};
    Pace before(links(1'000, 100), start - 1s);
    CHECK(before.known(wall, start) == KnownLimit{});
    for (int i = 0; i < 100; ++i)
      before.accepted(7, start - 1s + std::chrono::milliseconds(10 * i));
    before.rate_limited(start, start, 4s, 0.5);
    before.rate_limited(start, start + 100ms, 60s, 0.5);
    before.rate_limited(start, start + 200ms, 0s, 0.5);
    const auto known = before.known(wall + 200ms, start + 200ms);
    CHECK(known == KnownLimit{700, 1'795'456'861, 35});

    const auto begin = Instant{} + 5h;  // another boot
    const auto resumed = [&](std::chrono::milliseconds later) {
      Pace pace(links(1'000, 100), begin);
      pace.recall(known, wall + later, begin);
      return pace;
    };
    Pace within = resumed(20'500ms);
    CHECK(leave_at(within, begin + 40'499ms) == 0);
    CHECK(leave_at(within, begin + 40'500ms) > 0);
    CHECK(within.links_per_s() == doctest::Approx(35));  // until the service takes one again
    within.accepted(1, begin + 41s);
    within.follow(begin + 41s);
    CHECK(within.links_per_s() == doctest::Approx(before.links_per_s() / 0.05).epsilon(0.06));

    Pace behind = resumed(71s);
    CHECK(leave_at(behind, begin) > 0);
    behind.accepted(1, begin);
    behind.follow(begin);
    CHECK(behind.links_per_s() < 700);

    Pace next_night = resumed(24h);
    next_night.accepted(1, begin);
    next_night.follow(begin);
    CHECK(next_night.links_per_s() == 1'000);

    // A clock that was set back makes it wait no longer than any Retry-After, and not at all where
    // no pause could be so long: it was ahead when the pause was said. One that was set forward
    // ends the pause.
    Pace back = resumed(-58min);
    CHECK(leave_at(back, begin + 59min) == 0);
    CHECK(leave_at(back, begin + retry_after_max) > 0);
    Pace longest = resumed(61s - retry_after_max - 1s);
    CHECK(leave_at(longest, begin + retry_after_max - 1ms) == 0);
    CHECK(leave_at(longest, begin + retry_after_max) > 0);
    for (const auto later : {-2h, -24h, -24h * 365 * 30}) {
      Pace pace = resumed(later);
      CHECK(leave_at(pace, begin) > 0);
      CHECK(pace.links_per_s() < 700);
    }
    Pace forward = resumed(24h * 365 * 200);
    CHECK(leave_at(forward, begin) > 0);
  }

  TEST_CASE("told not to adapt, a resumed run keeps the pause and its rate") {
    auto options = links(1'000, 100);
    options.adaptive = false;
    Pace pace(options, start);
    pace.recall({10, 100}, WallTime{40s}, start);
    CHECK(leave_at(pace, start + 59s) == 0);
    CHECK(leave_at(pace, start + 60s) == 95);
    CHECK(pace.links_per_s() == 1'000);
  }

  TEST_CASE("limited again at once, a resumed run goes down by steps, not to nothing") {
    Pace pace(links(1'000, 100), start);
    pace.recall({480, 100}, WallTime{100s}, start);
    CHECK(pace.request_links_max() == 480);
    pace.rate_limited(start, start, 15s, 0.5);
    CHECK(pace.request_links_max() == 1);
    pace.accepted(1, start + 15s);
    pace.follow(start + 15s);
    CHECK(pace.links_per_s() <= 0.95 * 480);
    pace.accepted(100, start + 15s);
    pace.rate_limited(start + 15s, start + 15s, 30s, 0.5);
    pace.rate_limited(start + 45s, start + 45s, 1s, 0.5);
    auto now = start + 47s;
    while (pace.links_per_s() < 0.2 * 480 && now < start + 80s) {
      pace.accepted(static_cast<std::size_t>(pace.links_per_s()), now);
      now += 500ms;
      pace.follow(now);
    }
    CHECK(now - (start + 47s) < 10s);
  }

  TEST_CASE("another rate of the user holds at once, and what was saved up is not multiplied") {
    Pace pace(links(1'000, 100), start);
    CHECK(leave_at(pace, start) == 95);
    CHECK(!pace.allow({.links_per_s = 1'000, .burst = 100}, start));
    CHECK(pace.allow({.links_per_s = 10, .burst = 2}, start));
    CHECK(leave_at(pace, start) == 0);
    CHECK(leave_at(pace, start + 99ms) == 0);
    CHECK(leave_at(pace, start + 100ms) == 1);
    CHECK(leave_at(pace, start + 1h) == 2);
    CHECK(pace.allow({.links_per_s = 5'000, .burst = 500}, start + 1h));
    CHECK(leave_at(pace, start + 1h) == 0);
    CHECK(leave_at(pace, start + 1h + 20ms) == 100);
    CHECK(pace.links_per_s() == 5'000);
  }

  TEST_CASE("paused, nobody leaves, whatever the limit, and what was claimed is given back") {
    for (const double rate : {0.0, 1'000.0}) {
      Pace pace(links(rate, 10), start);
      CHECK(pace.rate_limiter().reserve({}, start) == start);
      CHECK(pace.allow({.links_per_s = rate, .burst = 10, .paused = true}, start));
      CHECK(pace.is_paused());
      CHECK(pace.rate_limiter().reserve({}, start) == Instant::max());
      CHECK(leave_at(pace, start + 24h) == 0);
      CHECK(pace.allow({.links_per_s = rate, .burst = 10}, start + 24h));
      CHECK(leave_at(pace, start + 24h) >= 9);
    }
  }

  TEST_CASE("a ceiling that is raised does not lift what the service allows") {
    Pace pace(links(1'000, 100), start);
    for (int i = 0; i < 2'000; ++i)
      pace.accepted(1, start + std::chrono::milliseconds(10 * i));
    pace.rate_limited(start + 20s, start + 20s, 1s, 0.5);
    pace.accepted(1, start + 21s);
    pace.follow(start + 21s);
    const auto before = pace.links_per_s();
    CHECK(before < 1'000);
    CHECK(pace.allow({.links_per_s = 50'000, .burst = 100}, start + 21s));
    CHECK(pace.links_per_s() == before);
    CHECK(pace.allow({.links_per_s = 3, .burst = 1}, start + 21s));
    CHECK(pace.links_per_s() == 3);
  }
}
