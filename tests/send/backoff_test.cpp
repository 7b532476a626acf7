// SPDX-License-Identifier: MIT
#include "send/backoff.hpp"

#include <algorithm>
#include <limits>

#include <doctest/doctest.h>

namespace idmerge::testing {

using namespace send;
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t noon_s = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT

TEST_SUITE("send/backoff") {
  TEST_CASE("waits start between once and twice the minimum, double, and end at the maximum") {
    const BackoffOptions options{.min = 2s, .max = 60s};
    CHECK(backoff(options, 1, 0) == 2s);
    CHECK(backoff(options, 1, 0.5) == 3s);
    CHECK(backoff(options, 2, 0.5) == 5s);
    CHECK(backoff(options, 4, 0.5) == 17s);
    CHECK(backoff(options, 5, 0.5) == 31s);
    CHECK(backoff(options, 6, 0.5) == 31s);
    for (const unsigned attempt : {1U, 7U, 100U, std::numeric_limits<unsigned>::max()}) {
      CHECK(backoff(options, attempt, 0) == 2s);
      CHECK(backoff(options, attempt, 0.9999999) <= 60s);
    }
    CHECK(backoff(options, 1'000, 0.999) > 59s);
  }

  TEST_CASE("a maximum below the minimum counts as the minimum") {
    CHECK(backoff({.min = 5s, .max = 1s}, 9, 0.7) == 5s);
    CHECK(backoff({.min = 0s, .max = 0s}, 9, 0.7) == 0s);
  }

  TEST_CASE("chance is spread evenly and repeats with its seed") {
    Chance chance(7);
    Chance again(7);
    double sum = 0, least = 1, most = 0;
    for (int i = 0; i < 100'000; ++i) {
      const double x = chance.next();
      if (x != again.next()) FAIL("the same seed gave another number");
      sum += x;
      least = std::min(least, x);
      most = std::max(most, x);
    }
    CHECK(sum / 100'000 == doctest::Approx(0.5).epsilon(0.01));
    CHECK(least >= 0);
    CHECK(least < 0.001);
    CHECK(most < 1);
    CHECK(most > 0.999);
    CHECK(Chance(8).bits() != Chance(7).bits());
  }

  TEST_CASE("Retry-After is read as seconds") {
    CHECK(parse_retry_after("0", 0) == 0s);
    CHECK(parse_retry_after("120", 0) == 120s);
    CHECK(parse_retry_after(" 7\t", 0) == 7s);
    CHECK(parse_retry_after("3600", 0) == 3600s);
    CHECK(parse_retry_after("3601", 0) == retry_after_max);
    CHECK(parse_retry_after("1795456800", 1'795'456'770) == retry_after_max);
    using Read = std::pair<const char*, std::chrono::seconds>;
    for (const Read& read : {Read{"8.5", 9s},
                             {"299.997", 300s},
                             {"8.0", 8s},
                             {"0.0", 0s},
                             {"0.2", 1s},
                             {"3599.5", 3600s},
                             {"3600.5", 3600s}}) {
      CAPTURE(read.first);
      CHECK(parse_retry_after(read.first, 0) == read.second);
    }
    for (const auto* const zone : {"GMT", "UTC", "+0000", "+00:00"}) {
      CAPTURE(zone);
      CHECK(parse_retry_after(std::string("Sun, 06 Nov 1994 08:49:37 ") + zone, 784'111'770) == 7s);
    }
    for (const auto* const text :
         {".5", "8.", "8.5.1", "-3", "+3", "8,5", "1e3", "0x10", "8.5s",
          "Sun, 06 Nov 1994 08:49:37 +0100", "Sun, 06 Nov 1994 08:49:37"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_retry_after(text, 0).has_value());
    }
    CHECK(parse_retry_after("99999999999999999999999999", 0) == retry_after_max);
    for (const auto* text : {"", " ", "-1", "1s", "+3", "0x10", "soon", "1 2"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_retry_after(text, 0).has_value());
    }
  }

  TEST_CASE("Retry-After is read as a date in the three forms of HTTP") {
    for (const auto* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                             "Sun Nov  6 08:49:37 1994"}) {
      CAPTURE(text);
      CHECK(parse_http_date(text) == noon_s);
      CHECK(parse_retry_after(text, noon_s - 90) == 90s);
      CHECK(parse_retry_after(text, noon_s) == 0s);
      CHECK(parse_retry_after(text, noon_s + 1) == 0s);
      CHECK(parse_retry_after(text, 0) == retry_after_max);
      CHECK(parse_retry_after(text, std::numeric_limits<std::int64_t>::min()) == retry_after_max);
      CHECK(parse_retry_after(text, std::numeric_limits<std::int64_t>::max()) == 0s);
    }
    CHECK(parse_http_date("Wed, 21 Oct 2026 07:28:00 GMT") == 1'792'567'680);
    CHECK(parse_http_date("Thu, 29 Feb 2024 00:00:00 GMT") == 1'709'164'800);
  }

  TEST_CASE("what is not a date is nothing") {
    for (const auto* text : {"Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
                             "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
                             "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
                             "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
                             "Sun, 06 Nov 1994 08:49:37 GMT ", "06 Nov 1994 08:49:37 GMT",
                             "Sun Nov 6 08:49:37 1994x", "2026-10-21T07:28:00Z"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_http_date(text).has_value());
    }
    CHECK_FALSE(parse_http_date("Thu, 29 Feb 2023 00:00:00 GMT").has_value());
  }
}

}  // namespace
}  // namespace idmerge::testing
