// SPDX-License-Identifier: MIT
#include "send/outage_detector.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::send;
using namespace std::chrono_literals;

namespace {
constexpr Instant at(std::chrono::milliseconds t) {
  return Instant{} + 1h + t;
}
}  // namespace

TEST_SUITE("send/outage_detector") {
  TEST_CASE("an outage is counted from its first failure, and ends with the first success") {
    OutageDetector outage_detector(false);
    CHECK(outage_detector.failing_for(at(0ms)) == 0ms);
    outage_detector.failure(at(100ms), "refused");
    outage_detector.failure(at(900ms), "timed out");
    CHECK(outage_detector.failing_for(at(1'100ms)) == 1s);
    CHECK(outage_detector.last_failure() == "timed out");
    outage_detector.success(at(2'000ms));
    CHECK(outage_detector.failing_for(at(9'000ms)) == 0ms);
    CHECK(outage_detector.last_success() == at(2'000ms));
    outage_detector.failure(at(9'000ms), "reset");
    CHECK(outage_detector.failing_for(at(9'500ms)) == 500ms);
  }

  TEST_CASE("time in which nothing was tried is no outage") {
    OutageDetector outage_detector(false);
    outage_detector.rest(at(50ms));
    CHECK(outage_detector.failing_for(at(60ms)) == 0ms);
    outage_detector.failure(at(100ms), "refused");
    outage_detector.rest(at(5'000ms));
    CHECK(outage_detector.failing_for(at(5'300ms)) == 300ms);
  }

  TEST_CASE("a foreign answer stops a job that never had a success") {
    OutageDetector outage_detector(false);
    CHECK(!outage_detector.bears_foreign(at(0ms), at(0ms), "HTML"));
  }

  TEST_CASE("a job with successes bears two foreign answers in a row, not three") {
    for (const bool before : {true, false}) {
      OutageDetector outage_detector(before);
      if (!before) outage_detector.success(at(0ms));
      CHECK(outage_detector.bears_foreign(at(0ms), at(1ms), "HTML"));
      CHECK(outage_detector.bears_foreign(at(1ms), at(2ms), "HTML"));
      outage_detector.success(at(3ms));
      CHECK(outage_detector.bears_foreign(at(3ms), at(4ms), "HTML"));
      CHECK(outage_detector.bears_foreign(at(4ms), at(5ms), "HTML"));
      CHECK(!outage_detector.bears_foreign(at(5ms), at(6ms), "HTML"));
    }
  }

  TEST_CASE("foreign answers of one bad instant are one") {
    OutageDetector outage_detector(true);
    for (int i = 0; i < 16; ++i) {  // left before the first of them came
      CHECK(outage_detector.bears_foreign(at(std::chrono::milliseconds(i % 10)),
                                          at(std::chrono::milliseconds(10 + i)), "HTML"));
    }
    CHECK(outage_detector.failing_for(at(30ms)) == 20ms);
    CHECK(outage_detector.last_failure() == "HTML");
    CHECK(outage_detector.bears_foreign(at(10ms), at(40ms), "HTML"));  // the second
    CHECK(outage_detector.bears_foreign(at(39ms), at(50ms), "HTML"));  // left before that came
    CHECK(!outage_detector.bears_foreign(at(40ms), at(60ms), "HTML"));
  }

  TEST_CASE("that foreign answers are apart is asked of those in a row only") {
    OutageDetector outage_detector(true, 2s);
    CHECK(outage_detector.bears_foreign(at(0s), at(1s), "HTML"));
    CHECK(outage_detector.bears_foreign(at(1s), at(2s),
                                        "HTML"));  // another worker's turn came meanwhile
    CHECK(outage_detector.bears_foreign(at(2'999ms), at(3s), "HTML"));
    CHECK(outage_detector.bears_foreign(at(3s), at(4s), "HTML"));  // the second
    CHECK(outage_detector.bears_foreign(at(5'999ms), at(6s), "HTML"));
    outage_detector.success(at(6s));
    CHECK(outage_detector.bears_foreign(at(5s), at(7s), "HTML"));  // the first again
    CHECK(outage_detector.bears_foreign(at(9s), at(10s), "HTML"));
    CHECK(!outage_detector.bears_foreign(at(12s), at(13s), "HTML"));
  }
}
