// SPDX-License-Identifier: MIT
#include "util/units.hpp"

#include <random>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::util;
using namespace std::chrono_literals;

namespace {

template <class T>
std::string error_of(const Result<T>& result) {
  return result ? "no error" : result.error().what;
}

}  // namespace

TEST_SUITE("util/units") {
  TEST_CASE("counts are digits, with separators where they belong") {
    CHECK(parse_count("0") == 0u);
    CHECK(parse_count("98412003") == 98'412'003u);
    CHECK(parse_count("98,412,003") == 98'412'003u);
    CHECK(parse_count("18446744073709551615") == UINT64_MAX);
    for (const auto* text : {"", "-1", "+1", "1.5", "1e3", " 1", "1 ", "1,00", "1000,000", ",100",
                             "100,", "1,,000", "0x10", "ten"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_count(text));
    }
    CHECK(error_of(parse_count("1,5")) ==
          "\"1,5\" is not a whole number: write for example 10000 or 10,000");
    CHECK(error_of(parse_count("18446744073709551616")) == "\"18446744073709551616\" is too large");
  }

  TEST_CASE("sizes need a unit, in any case") {
    CHECK(parse_size("1MiB") == 1u << 20);
    CHECK(parse_size("64kib") == 64u << 10);
    CHECK(parse_size("10MB") == 10'000'000u);
    CHECK(parse_size("4GiB") == 4ull << 30);
    CHECK(parse_size("512B") == 512u);
    CHECK(parse_size("0") == 0u);
    CHECK(error_of(parse_size("64")) ==
          "\"64\" is not a size: write for example 64B, 64KiB or 64MiB");
    CHECK(error_of(parse_size("64K")) ==
          "\"64K\" is not a size: write for example 64B, 64KiB or 64MiB");
    CHECK(error_of(parse_size("much")) ==
          "\"much\" is not a size: write for example 64KiB, 1MiB or 10MB");
    CHECK(error_of(parse_size("99999999TiB")) == "\"99999999TiB\" is too large");
  }

  TEST_CASE("durations are numbers with units, the larger first") {
    CHECK(parse_duration("20ms") == 20ms);
    CHECK(parse_duration("30s") == 30s);
    CHECK(parse_duration("15m") == 15min);
    CHECK(parse_duration("1h30m") == 90min);
    CHECK(parse_duration("2d3h4m5s6ms") == 48h + 3h + 4min + 5s + 6ms);
    CHECK(parse_duration("0") == 0ms);
    for (const auto* text :
         {"", "5", "s", "5x", "30m1h", "1h1h", "1.5h", "-5s", "5 s", "1h30", "5S", "5min"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_duration(text));
    }
    CHECK(error_of(parse_duration("5")) ==
          "\"5\" is not a duration: write for example 20ms, 30s, 15m or 1h30m");
    CHECK(error_of(parse_duration("999999999999d")) == "\"999999999999d\" is too large");
  }

  TEST_CASE("rates say whether links or requests are meant") {
    CHECK(parse_rate("500/s") == Rate{500, false});
    CHECK(parse_rate("30req/s") == Rate{30, true});
    CHECK(parse_rate("0.5/s") == Rate{0.5, false});
    CHECK(parse_rate("90000/m") == Rate{1500, false});
    CHECK(parse_rate("0") == Rate{});
    for (const auto* text : {"", "abc", "/s", "500/", "500/d", "-1/s", "1e9/s", "500 /s", "inf/s",
                             "nan/s", "500/s/s", "req/s", "0x1p3/s", "5./s", ".5/s"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_rate(text));
    }
    CHECK(error_of(parse_rate("abc")) == "\"abc\" is not a rate: write for example 500/s");
    CHECK(error_of(parse_rate("200")) == "\"200\" is not a rate: write for example 200/s");
  }

  TEST_CASE("limits are a count, a share or none") {
    CHECK(parse_limit("none") == Limit{});
    CHECK(parse_limit("1,000") == Limit{Limit::Kind::count, 1000, 0});
    CHECK(parse_percent("150%", 200) == 150);
    CHECK_FALSE(parse_percent("200.1%", 200));
    CHECK_FALSE(parse_percent("100.1%"));
    CHECK(parse_limit("0.5%") == Limit{Limit::Kind::percent, 0, 0.5});
    CHECK(error_of(parse_limit("five")) ==
          "\"five\" is not a limit: write for example 1000, 5% or none");
    CHECK(error_of(parse_limit("101%")) == "\"101%\" is more than 100%");
    CHECK_FALSE(parse_limit("%"));

    CHECK_FALSE(parse_limit("5%")->exceeded(5, 100));
    CHECK(parse_limit("5%")->exceeded(6, 100));
    CHECK_FALSE(parse_limit("0")->exceeded(0, 100));
    CHECK(parse_limit("0")->exceeded(1, 100));
    CHECK_FALSE(Limit{}.exceeded(100, 100));
    CHECK_FALSE(parse_limit("5%")->exceeded(0, 0));
  }

  TEST_CASE("what is printed reads well") {
    CHECK(count_text(0) == "0");
    CHECK(count_text(999) == "999");
    CHECK(count_text(1000) == "1,000");
    CHECK(count_text(98'412'003) == "98,412,003");
    CHECK(size_text(1 << 20) == "1MiB");
    CHECK(size_text(13'002'342) == "12.4MiB");
    CHECK(duration_text(90min) == "1h30m");
    CHECK(rough_duration_text(3h + 12min + 7s) == "3h12m");
    CHECK(rough_duration_text(47s) == "47s");
    CHECK(rough_duration_text(1500ms) == "1.5s");
    CHECK(rate_text({500, false}) == "500/s");
    CHECK(rate_text({15000, false}, true) == "15,000/s");
    CHECK(rate_text({30, true}) == "30req/s");
    CHECK(percent_text(5) == "5%");
    CHECK(percent_text(0.5) == "0.5%");
    CHECK(share_text(0, 10) == "0 %");
    CHECK(share_text(1, 10'000) == "<0.1 %");
    CHECK(share_text(9'999, 10'000) == ">99.9 %");
    CHECK(share_text(123, 1000) == "12.3 %");
    CHECK(limit_text(*parse_limit("5%")) == "5%");
  }

  TEST_CASE("what is printed exactly reads back as the same quantity") {
    std::mt19937_64 random(7);
    for (int i = 0; i < 20'000; ++i) {
      const auto n = random() >> (random() % 64);
      CHECK(parse_count(count_text(n)) == n);
      const std::chrono::milliseconds duration{static_cast<std::int64_t>(n >> 1)};
      CHECK(parse_duration(duration_text(duration)) == duration);
      const Rate rate{static_cast<double>(n % 1'000'000) / 8, (n & 1) != 0 && n % 1'000'000 > 0};
      CHECK(parse_rate(rate_text(rate)) == rate);
    }
    for (const auto* text : {"0.1/h", "0.0072/h", "1000000000/s", "0.000123req/s", "0req/s"}) {
      CAPTURE(text);
      CHECK(parse_rate(rate_text(*parse_rate(text))) == *parse_rate(text));
    }
    CHECK(rate_text({0.00001, false}) == "0.00001/s");
    for (const auto* text : {"0.00001%", "0%", "100%", "0.1%"}) {
      CHECK(percent_text(*parse_percent(text)) == text);
    }
  }
}
