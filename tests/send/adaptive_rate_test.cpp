// SPDX-License-Identifier: MIT
#include "send/adaptive_rate.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <optional>

#include <doctest/doctest.h>

#include "support/seed.hpp"

namespace idmerge::testing {

using namespace send;
namespace {

using namespace std::chrono_literals;

const Instant start = Instant{} + 1000h;

/// A service that takes `limit_per_s`: by a token bucket, or by a count over the last minute as
/// Mixpanel does.
class Service {
 public:
  Service(double limit_per_s, bool rolling)
      : limit_per_s_(limit_per_s),
        rolling_(rolling),
        bucket_({.rate_per_s = limit_per_s, .burst = std::max(1.0, limit_per_s / 10)}) {}

  bool takes(Instant now) {
    if (!rolling_) {
      if (bucket_.earliest(1, now) > now) return false;
      bucket_.claim(1, now);
      return true;
    }
    while (!minute_.empty() && minute_.front() <= now - 60s)
      minute_.pop_front();
    if (static_cast<double>(minute_.size()) >= limit_per_s_ * 60) return false;
    minute_.push_back(now);
    return true;
  }

  double limit_per_s_;

 private:
  bool rolling_;
  TokenBucket bucket_;
  std::deque<Instant> minute_;
};

struct Storm {
  double limit_per_s = 100;
  std::chrono::milliseconds latency{20};
  double offered_per_s = 0;
  bool rolling = false;
  std::optional<std::chrono::seconds> retry_after = {};
  std::chrono::seconds warm_up{60};
  std::chrono::seconds measured{300};
};

struct Weather {
  double used = 0;   // of the limit
  double share = 0;  // of the requests, answered 429
  std::uint64_t cuts = 0;
};

TokenBucketOptions pace(double rate_per_s) {
  return {.rate_per_s = rate_per_s, .burst = std::max(1.0, rate_per_s / 10)};
}

/// Workers without number, one bucket, and answers after the latency.
Weather weather(const Storm& storm) {
  struct RequestInFlight {
    Instant left;
    bool taken;
  };
  Service service(storm.limit_per_s, storm.rolling);
  AdaptiveRate adaptive_rate({.ceiling_per_s = storm.offered_per_s}, start);
  TokenBucket bucket(pace(adaptive_rate.rate_per_s(start)));
  Chance chance(seed());
  std::deque<RequestInFlight> requests_in_flight;
  const Instant from = start + storm.warm_up;
  const Instant end = from + storm.measured;
  double taken = 0;
  double sent = 0;
  Instant tick = start;
  for (Instant now = start; now < end;) {
    const Instant next = std::max(bucket.earliest(1, now), adaptive_rate.paused_until());
    const Instant answer = requests_in_flight.empty()
                               ? Instant::max()
                               : requests_in_flight.front().left + storm.latency;
    now = std::max(now, std::min({next, answer, tick}));
    if (now == tick) {
      bucket.set_rate(pace(adaptive_rate.rate_per_s(now)), now);
      tick += 100ms;
    } else if (now == answer) {
      const RequestInFlight flight = requests_in_flight.front();
      requests_in_flight.pop_front();
      if (flight.taken) {
        adaptive_rate.accepted(1, now);
      } else {
        adaptive_rate.rate_limited(flight.left, now, storm.retry_after, chance.next());
        bucket.set_rate(pace(adaptive_rate.rate_per_s(now)), now);
      }
    } else {
      bucket.claim(1, now);
      requests_in_flight.push_back({now, service.takes(now)});
      if (now >= from) {
        sent += 1;
        taken += requests_in_flight.back().taken ? 1 : 0;
      }
    }
  }
  const double could = storm.limit_per_s * std::chrono::duration<double>(storm.measured).count();
  return {taken / could, 1 - taken / sent, adaptive_rate.cuts()};
}

TEST_SUITE("send/adaptive_rate") {
  TEST_CASE("without a refusal the rate is what the user allows") {
    AdaptiveRate adaptive_rate({.ceiling_per_s = 500}, start);
    CHECK(adaptive_rate.rate_per_s(start) == 500);
    adaptive_rate.accepted(1e6, start + 1s);
    CHECK(adaptive_rate.rate_per_s(start + 1h) == 500);
    CHECK(AdaptiveRate({}, start).rate_per_s(start) == 0);
  }

  TEST_CASE("a refusal cuts the rate and pauses everyone, its echoes do not cut again") {
    AdaptiveRate adaptive_rate({.ceiling_per_s = 500}, start);
    for (int i = 0; i < 10; ++i)
      adaptive_rate.accepted(1, start + std::chrono::milliseconds(2 * i));
    adaptive_rate.rate_limited(start, start + 100ms, 4s, 0.5);
    CHECK(adaptive_rate.rate_per_s(start + 100ms) < 50);  // until the service takes one again
    CHECK(adaptive_rate.paused_until() == start + 4100ms);
    for (int i = 0; i < 50; ++i) {
      adaptive_rate.rate_limited(start + 50ms, start + 110ms, 7s, 0.5);
      adaptive_rate.rate_limited(start + 120ms, start + 130ms, std::nullopt,
                                 0.5);  // left in the pause
    }
    CHECK(adaptive_rate.cuts() == 1);
    CHECK(adaptive_rate.paused_until() == start + 7110ms);  // the latest word of the service
    adaptive_rate.accepted(1, start + 7200ms);
    CHECK(adaptive_rate.rate_per_s(start + 7200ms) ==
          doctest::Approx(0.95 * 100));  // ten in 100 ms
  }

  TEST_CASE("without Retry-After the pauses grow from two to sixty seconds") {
    AdaptiveRate adaptive_rate({.ceiling_per_s = 500}, start);
    Instant now = start;
    for (const auto bound : {4s, 8s, 16s, 32s, 60s, 60s}) {
      adaptive_rate.rate_limited(now, now, std::nullopt, 0.999999);
      const auto pause = adaptive_rate.paused_until() - now;
      CHECK(pause <= bound);
      CHECK(pause > bound - 1s);
      now = adaptive_rate.paused_until();
    }
    CHECK(adaptive_rate.cuts() == 1);  // nothing was taken between them: nothing was learned
    adaptive_rate.accepted(1, now);
    adaptive_rate.rate_limited(now + 1s, now + 1s, std::nullopt, 0.999999);
    CHECK(adaptive_rate.paused_until() - (now + 1s) <= 4s);
    CHECK(adaptive_rate.cuts() == 2);
  }

  TEST_CASE("what a run took before a pause is a minute's count until the next minute refutes it") {
    // Somebody else used up the window, right after the start.
    AdaptiveRate adaptive_rate({.ceiling_per_s = 10'000}, start);
    for (int i = 0; i < 90; ++i)
      adaptive_rate.accepted(1, start + std::chrono::milliseconds(i));
    adaptive_rate.rate_limited(start + 90ms, start + 100ms, 3s, 0.5);
    adaptive_rate.rate_limited(start + 3100ms, start + 3200ms, 20s, 0.5);
    Instant now = start + 24s;
    const auto opened = now;
    const auto rate_after = [&](std::chrono::seconds time) {
      while (now < opened + time) {
        adaptive_rate.accepted(adaptive_rate.rate_per_s(now), now);
        now += 1s;
      }
      return adaptive_rate.rate_per_s(now);
    };
    CHECK(rate_after(50s) < 3);
    CHECK(rate_after(120s) > 450);
  }

  TEST_CASE("refused again while its second is still counted, a service counts no minute") {
    AdaptiveRate adaptive_rate({.backoff = {.min = 2ms, .max = 4ms}}, start);
    adaptive_rate.accepted(30, start + 3ms);
    REQUIRE(adaptive_rate.rate_limited(start + 3ms, start + 4ms, std::nullopt, 0.5));
    const auto measured = adaptive_rate.known({}, start + 4ms).per_s;
    REQUIRE(measured == 300);
    for (auto now = start + 10ms; now < start + 1s; now += 10ms)
      adaptive_rate.rate_limited(now, now, std::nullopt, 0.5);
    CHECK(adaptive_rate.known({}, start + 1s).per_s == measured);
    // After a second without anything taken, another refusal is about more than a second.
    adaptive_rate.rate_limited(start + 1'010ms, start + 1'010ms, std::nullopt, 0.5);
    CHECK(adaptive_rate.known({}, start + 1'010ms).per_s == 1);
  }

  TEST_CASE("after a cut the rate climbs back to the ceiling and not beyond") {
    AdaptiveRate adaptive_rate({.ceiling_per_s = 500}, start);
    adaptive_rate.rate_limited(start, start, 0s, 0.5);
    double before = 0;
    for (int s = 5; s < 600; ++s) {
      const double rate = adaptive_rate.rate_per_s(start + std::chrono::seconds(s));
      adaptive_rate.accepted(rate, start + std::chrono::seconds(s));
      CHECK(rate >= before);
      CHECK(rate <= 500);
      before = rate;
    }
    CHECK(before == 500);
  }

  TEST_CASE("an unlimited rate becomes what the service was seen to take") {
    AdaptiveRate adaptive_rate({}, start);
    for (int i = 0; i < 2'000; ++i)
      adaptive_rate.accepted(1, start + std::chrono::milliseconds(i));
    adaptive_rate.rate_limited(start + 1900ms, start + 2s, 1s, 0.5);
    adaptive_rate.accepted(1, start + 3s);
    CHECK(adaptive_rate.rate_per_s(start + 3s) == doctest::Approx(950).epsilon(0.02));
    // Also when it was refused within the first second: a crawl at ten times the floor would last
    // minutes.
    AdaptiveRate early({}, start);
    for (int i = 0; i < 150; ++i)
      early.accepted(1, start + std::chrono::milliseconds(2 * i));
    early.rate_limited(start + 290ms, start + 300ms, 0s, 0.5);
    early.accepted(1, start + 300ms);
    CHECK(early.rate_per_s(start + 300ms) == doctest::Approx(0.95 * 500).epsilon(0.02));
    AdaptiveRate at_once({}, start);
    at_once.accepted(30, start + 1ms);
    at_once.rate_limited(start, start + 2ms, 0s, 0.5);
    at_once.accepted(1, start + 2ms);
    CHECK(at_once.rate_per_s(start + 2ms) == doctest::Approx(0.95 * 300).epsilon(0.02));
    AdaptiveRate nothing({}, start);
    nothing.rate_limited(start, start, 1s, 0.5);
    CHECK(nothing.rate_per_s(start) == 1);
  }

  TEST_CASE("a storm of refusals settles just below the limit of the service") {
    std::printf("%9s %9s %9s %10s %12s %7s %7s %5s\n", "limit/s", "latency", "offered/s", "service",
                "Retry-After", "used", "429", "cuts");
    for (const double limit_per_s : {10.0, 50.0, 200.0, 1'000.0, 5'000.0}) {
      for (const auto latency : {20ms, 300ms}) {
        for (const bool rolling : {false, true}) {
          for (const bool told : {true, false}) {
            const Storm storm{.limit_per_s = limit_per_s,
                              .latency = latency,
                              .offered_per_s = 5 * limit_per_s,
                              .rolling = rolling,
                              .retry_after = told ? std::optional(1s) : std::nullopt,
                              // What a minute's count lets through at first comes back as a wave.
                              .warm_up = rolling ? 300s : 60s};
            const Weather seen = weather(storm);
            std::printf("%9.0f %7lldms %9.0f %10s %12s %6.1f%% %6.2f%% %5llu\n", limit_per_s,
                        static_cast<long long>(latency.count()), storm.offered_per_s,
                        rolling ? "minute" : "bucket", told ? "1 s" : "none", 100 * seen.used,
                        100 * seen.share, static_cast<unsigned long long>(seen.cuts));
            CAPTURE(limit_per_s);
            CAPTURE(latency.count());
            CAPTURE(rolling);
            CAPTURE(told);
            CHECK(seen.used >= 0.90);
            CHECK(seen.share <= 0.05);
          }
        }
      }
    }
  }

  TEST_CASE("a limit that was raised is found within minutes") {
    AdaptiveRate adaptive_rate({.ceiling_per_s = 1'000}, start);
    for (int i = 0; i < 100; ++i)
      adaptive_rate.accepted(6, start + std::chrono::milliseconds(10 * i));
    adaptive_rate.rate_limited(start + 990ms, start + 1s, 1s, 0.5);
    Instant now = start + 2s;
    adaptive_rate.accepted(1, now);
    CHECK(adaptive_rate.rate_per_s(now) == doctest::Approx(0.95 * 600).epsilon(0.02));
    while (adaptive_rate.rate_per_s(now) < 1'000 && now - start < 300s) {
      adaptive_rate.accepted(adaptive_rate.rate_per_s(now), now);
      now += 1s;
    }
    CHECK(now - start < 120s);
  }
}

}  // namespace
}  // namespace idmerge::testing
