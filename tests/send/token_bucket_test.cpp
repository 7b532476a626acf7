// SPDX-License-Identifier: MIT
#include "send/token_bucket.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "support/seed.hpp"

namespace idmerge::testing {

using namespace send;
namespace {

using namespace std::chrono_literals;

const Instant start = Instant{} + 1000h;

double seconds_since_start(Instant at) {
  return std::chrono::duration<double>(at - start).count();
}

Instant take(TokenBucket& bucket, double cost, Instant now) {
  const Instant at = bucket.earliest(cost, now);
  bucket.claim(cost, at);
  return at;
}

TEST_SUITE("send/token_bucket") {
  TEST_CASE("a full bucket lets its burst leave at once and then keeps the pace") {
    TokenBucket bucket({.rate_per_s = 10, .burst = 3});
    for (int i = 0; i < 3; ++i)
      CHECK(take(bucket, 1, start) == start);
    CHECK(seconds_since_start(take(bucket, 1, start)) == doctest::Approx(0.1));
    CHECK(seconds_since_start(take(bucket, 1, start)) == doctest::Approx(0.2));
    CHECK(seconds_since_start(take(bucket, 2, start)) == doctest::Approx(0.4));
  }

  TEST_CASE("a rate of 0 is no limit") {
    TokenBucket bucket({.rate_per_s = 0, .burst = 0});
    for (int i = 0; i < 1000; ++i)
      CHECK(take(bucket, 1e6, start) == start);
  }

  TEST_CASE("a cost above the burst waits for all of it and is paid in full") {
    TokenBucket bucket({.rate_per_s = 100, .burst = 10});
    CHECK(take(bucket, 50, start) == start);
    CHECK(seconds_since_start(take(bucket, 50, start)) == doctest::Approx(0.5));
    CHECK(seconds_since_start(take(bucket, 1, start)) == doctest::Approx(0.91));
  }

  TEST_CASE("a sleeper that wakes late loses nothing") {
    TokenBucket bucket({.rate_per_s = 10, .burst = 1});
    Instant now = start;
    for (int i = 0; i < 100; ++i)
      now = take(bucket, 1, now) + 40ms;  // always 40 ms late
    CHECK(seconds_since_start(now - 40ms) == doctest::Approx(9.9));
  }

  TEST_CASE("over a day of virtual time the mean does not drift") {
    for (const double rate : {10.0, 1'000.0, 15'000.0}) {
      for (const double burst : {1.0, rate / 10}) {
        CAPTURE(rate);
        CAPTURE(burst);
        TokenBucket bucket({.rate_per_s = rate, .burst = burst});
        const auto count = static_cast<std::uint64_t>(rate * 86'400 / 100);
        Instant now = start;
        for (std::uint64_t i = 0; i < count; ++i)
          now = take(bucket, 100, now);
        const double after_burst = double(count) * 100 - std::max(100.0, burst);
        CHECK(seconds_since_start(now) == doctest::Approx(after_burst / rate).epsilon(1e-9));
      }
    }
  }

  TEST_CASE("a departure every interval gathers no rounding error") {
    TokenBucket bucket({.rate_per_s = 15'000, .burst = 1});
    Instant now = start;
    for (int i = 0; i < 3'000'001; ++i)
      now = take(bucket, 1, now);
    CHECK((now - start) <= 200s + 1ns);
    CHECK((now - start) >= 200s);
  }

  TEST_CASE("in no window more departs than rate * window + burst, and the mean is exact") {
    std::mt19937_64 random(seed());
    for (int round = 0; round < 40; ++round) {
      const double rate = std::exp(std::uniform_real_distribution(0.0, 10.0)(random));
      const double burst = std::exp(std::uniform_real_distribution(0.0, 6.0)(random));
      TokenBucket bucket({.rate_per_s = rate, .burst = burst});
      std::vector<Instant> times;
      std::exponential_distribution<double> silence(rate * 1.05);  // just above what is allowed
      Instant now = start;
      for (int i = 0; i < 3'000; ++i) {
        now += std::chrono::nanoseconds(static_cast<std::int64_t>(silence(random) * 1e9));
        now = take(bucket, 1, now);
        times.push_back(now);
      }
      CAPTURE(rate);
      CAPTURE(burst);
      // From each departure on, the count up to a later one bounds every window between the two.
      double worst = 0;
      for (std::size_t from = 0; from < times.size(); from += 7) {
        for (std::size_t to = from; to < times.size(); ++to) {
          const double window_s = std::chrono::duration<double>(times[to] - times[from]).count();
          worst = std::max(worst, double(to - from + 1) - rate * window_s - burst);
        }
      }
      CHECK(worst <= 1e-3);

      TokenBucket busy({.rate_per_s = rate, .burst = burst});  // the mean, with no silence at all
      Instant last = start;
      for (int i = 0; i < 20'000; ++i)
        last = take(busy, 1, last);
      const double mean = (20'000 - burst) / seconds_since_start(last);
      CHECK(mean == doctest::Approx(rate).epsilon(0.001));
    }
  }

  TEST_CASE("a changed rate keeps what is at hand and applies from now on") {
    TokenBucket bucket({.rate_per_s = 10, .burst = 10});
    for (int i = 0; i < 10; ++i)
      take(bucket, 1, start);
    bucket.set_rate({.rate_per_s = 1'000, .burst = 100}, start);
    CHECK(seconds_since_start(take(bucket, 1, start)) == doctest::Approx(0.001));
    bucket.set_rate({.rate_per_s = 1, .burst = 1}, start + 1ms);
    CHECK(seconds_since_start(take(bucket, 1, start + 1ms)) == doctest::Approx(1.001));

    TokenBucket full({.rate_per_s = 10, .burst = 10});
    full.set_rate({.rate_per_s = 10, .burst = 2}, start);
    CHECK(take(full, 2, start) == start);
    CHECK(take(full, 1, start) > start);

    TokenBucket unlimited({.rate_per_s = 0, .burst = 1});
    unlimited.set_rate({.rate_per_s = 10, .burst = 5}, start);
    CHECK(seconds_since_start(take(unlimited, 1, start)) == doctest::Approx(0.1));
  }

  TEST_CASE("changing to the same rate ten times a second changes nothing") {
    TokenBucket bucket({.rate_per_s = 333, .burst = 1});
    Instant now = start;
    for (int i = 0; i < 33'301; ++i) {
      now = take(bucket, 1, now);
      if (i % 33 == 0) bucket.set_rate({.rate_per_s = 333, .burst = 1}, now);
    }
    CHECK(seconds_since_start(now) == doctest::Approx(100).epsilon(0.0001));
  }

  TEST_CASE("a copy takes a claim back") {
    TokenBucket bucket({.rate_per_s = 10, .burst = 1});
    take(bucket, 1, start);
    const TokenBucket before = bucket;
    const Instant at = take(bucket, 1, start);
    bucket = before;
    CHECK(bucket.earliest(1, start) == at);
  }
}

}  // namespace
}  // namespace idmerge::testing
