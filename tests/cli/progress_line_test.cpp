// SPDX-License-Identifier: MIT
#include "cli/progress_line.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::plan;
using namespace idmerge::util;
using namespace std::chrono_literals;

namespace {

struct Screen {
  std::string text;
  std::size_t width = 80;
  std::chrono::steady_clock::time_point now{};
  bool asked = false;
  StatusLine line{[this](std::string_view piece) { text += piece; }, [this] { return width; }};
  Log log{{}, line.above()};

  ProgressListener listener(ProgressOptions options) {
    return ProgressListener(
        options, log, line, [this] { return std::exchange(asked, false); }, [this] { return now; });
  }
};

SendingNow sending(std::uint64_t delivered, std::chrono::milliseconds elapsed) {
  SendingNow now;
  now.to_send = 100'000;
  now.delivered = delivered;
  now.settled_now = delivered;
  now.elapsed = elapsed;
  return now;
}

}  // namespace

TEST_SUITE("cli/progress_line") {
  TEST_CASE("the line is drawn over itself, and the log stands above it") {
    Screen screen;
    screen.line.draw("one");
    screen.line.draw("two");
    screen.log.info("told");
    screen.line.draw("three");
    screen.line.clear();
    screen.line.clear();
    CHECK(screen.text == "\rone\x1b[K\rtwo\x1b[K\r\x1b[Ktold\n\rthree\x1b[K\r\x1b[K");
  }

  TEST_CASE("the line never wraps") {
    Screen screen;
    screen.width = 10;
    screen.line.draw("0123456789abc");
    CHECK(screen.text == "\r012345678\x1b[K");
    screen.text.clear();
    screen.line.draw("…………………………………");
    CHECK(screen.text == "\r………………………\x1b[K");
  }

  TEST_CASE("pace is that of the last half minute") {
    RecentRate pace;
    CHECK(pace.per_s() == 0);
    pace.add(0s, 0);
    pace.add(10s, 10'000);
    CHECK(pace.per_s() == 1'000);
    for (int i = 1; i <= 60; ++i)
      pace.add(10s + std::chrono::seconds(i), 10'000);
    CHECK(pace.per_s() == 0);
    for (int i = 0; i < 100'000; ++i)
      pace.add(70s + std::chrono::milliseconds(i / 100), 10'000);
    CHECK(pace.per_s() == 0);
  }

  TEST_CASE("sending tells how far, how fast, how long, and what went wrong") {
    auto now = sending(12'345, 30s);
    CHECK(sending_text(now, 500) == "sending: 12,345 of 100,000 links (12.3 %), 500/s, 2m55s left");
    now.refused = 3;
    now.parked = 1;
    now.retries_now = 12;
    now.rate_limited_now = 2;
    now.since_success = 75s;
    CHECK(sending_text(now, 0) ==
          "sending: 12,348 of 100,000 links (12.3 %), 0.0/s, 3 refused, 1 parked, 12 retries, 2 "
          "rate-limited, no success for 1m15s");
    now = sending(12'345, 30s);
    now.paused_for = 3'590s;
    CHECK(sending_text(now, 500) ==
          "sending: 12,345 of 100,000 links (12.3 %), 500/s, paused by the service for 59m50s");
  }

  TEST_CASE("planning tells how much is read, if that is known") {
    PlanningNow now{.rows = 1'200'000, .links = 1'000'000, .bytes_read = 45, .bytes_total = 100};
    CHECK(planning_text(now, 1'100'000, 5) ==
          "planning: 1,200,000 rows, 1,000,000 links, 45.0 % of 100B, 1,100,000 rows/s, 11s left");
    now.bytes_total = 0;
    CHECK(planning_text(now, 0, 0) == "planning: 1,200,000 rows, 1,000,000 links");
  }

  TEST_CASE("without a terminal progress is logged at intervals, and on request") {
    Screen screen;
    auto listener = screen.listener({.line = false, .stats = 5min});
    listener.sending(sending(0, 0s));
    CHECK(screen.text.empty());
    screen.asked = true;
    listener.sending(sending(500, 1s));
    CHECK(screen.text.find("sending: 500 of") != std::string::npos);
    screen.text.clear();
    screen.now += 4min + 59s;
    listener.sending(sending(1'000, 2s));
    CHECK(screen.text.empty());
    screen.now += 2s;
    listener.sending(sending(1'500, 3s));
    CHECK(screen.text == "sending: 1,500 of 100,000 links (1.5 %), 500/s, 3m17s left\n");
    screen.text.clear();
    auto silent = screen.listener({.line = false, .stats = 0ms});
    screen.now += 24h;
    silent.sending(sending(2'000, 4s));
    CHECK(screen.text.empty());
  }

  TEST_CASE("notes are printed above the line, without control characters") {
    Screen screen;
    auto listener = screen.listener({.line = true, .stats = 0ms});
    listener.sending(sending(1, 1s));
    screen.text.clear();
    listener.note(Weight::warning, "passed over \x1b[2J");
    CHECK(screen.text == "\r\x1b[Kidmerge: warning: passed over \\x1b[2J\n");
  }
}
