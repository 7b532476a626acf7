// SPDX-License-Identifier: MIT
#include "idmerge/run/pace.hpp"

#include <doctest/doctest.h>

#include "support/await.hpp"

using namespace idmerge;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

TEST_SUITE("run/pace") {
  TEST_CASE("the burst leaves at once, and no more") {
    asio::io_context io(1);
    Pace pace(io, {.links_per_s = 0.1, .burst = 3}, steady_clock::now());
    for (int i = 0; i < 3; ++i)
      CHECK(pace.try_pass({}));
    CHECK(!pace.try_pass({}));
    CHECK(pace.links_per_s() == 0.1);
  }

  TEST_CASE("what an earlier process may have spent is not there to be spent again") {
    asio::io_context io(1);
    Pace pace(io, {.links_per_s = 0.1, .burst = 3, .spent_before = 1}, steady_clock::now());
    CHECK(!pace.try_pass({}));
    // It may have sent one large request in place of the burst.
    Pace large(io, {.links_per_s = 1'000, .burst = 1, .spent_before = 1e6}, steady_clock::now());
    CHECK(!large.try_pass({}));
    Pace requests(io, {.requests_per_s = 0.1, .burst = 3, .spent_before = 1}, steady_clock::now());
    CHECK(!requests.try_pass({}));
    Pace unlimited(io, {.burst = 3, .spent_before = 1}, steady_clock::now());
    CHECK(unlimited.try_pass({.links = 1e6}));
  }

  TEST_CASE("a limit of requests holds beside the one of links") {
    asio::io_context io(1);
    Pace pace(io, {.requests_per_s = 0.1, .burst = 1'000}, steady_clock::now());
    CHECK(pace.try_pass({.links = 500, .requests = 1}));
    CHECK(!pace.try_pass({.links = 1, .requests = 1}));
  }

  TEST_CASE("when the service says too many, all wait and the rate falls") {
    asio::io_context io(1);
    const auto start = steady_clock::now();
    Pace pace(io, {.links_per_s = 1'000, .burst = 100}, start);
    CHECK(pace.try_pass({}));
    pace.limited(start, start, 100s, 0.5);
    CHECK(!pace.try_pass({}));
    CHECK(pace.links_per_s() < 1'000);
    CHECK(pace.limited_count() == 1);
  }

  TEST_CASE("told not to adapt, it pauses and keeps its rate") {
    asio::io_context io(1);
    const auto start = steady_clock::now();
    Pace pace(io, {.links_per_s = 1'000, .burst = 100, .adaptive = false}, start);
    pace.limited(start, start, 100s, 0.5);
    CHECK(!pace.try_pass({}));
    pace.follow(start + 101s);
    CHECK(pace.links_per_s() == 1'000);
  }

  TEST_CASE("a service that asks for no wait has had a mishap") {
    asio::io_context io(1);
    const auto start = steady_clock::now();
    Pace pace(io, {.links_per_s = 1'000, .burst = 100}, start);
    pace.limited(start, start, 0s, 0.5);
    CHECK(pace.try_pass({}));
    CHECK(pace.links_per_s() == 1'000);
    CHECK(pace.limited_count() == 1);
  }

  TEST_CASE("closed, it lets nobody pass") {
    asio::io_context io(1);
    Pace pace(io, {}, steady_clock::now());
    CHECK(pace.try_pass({}));
    pace.close();
    CHECK(!pace.try_pass({}));
    CHECK(!testing::await(io, pace.pass({})));
  }
}
