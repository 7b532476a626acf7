// SPDX-License-Identifier: MIT
//
// A simulated sender with the log of the run on a real disk, so that a day of sending is over in
// seconds, and every departure is known to the nanosecond.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include <doctest/doctest.h>

#include "send/rate_schedule.hpp"
#include "send/run_log.hpp"

#include "support/allocations.hpp"
#include "support/scratch.hpp"
#include "support/seed.hpp"
#include "support/simulated_sender.hpp"

namespace idmerge::testing {

using namespace io;
using namespace plan;
using namespace send;
using namespace util;
namespace {

using namespace std::chrono_literals;

const Instant start = Instant{} + 1000h;

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

struct Workers : SimulatedSender {
  Workers(PaceOptions options, std::size_t count, std::uint64_t links_a_request)
      : SimulatedSender(options, count, links_a_request, start, seed()) {}
};

/// How many of these lie in [from, to).
std::size_t within(const std::vector<Instant>& times, Instant from, Instant to) {
  return static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), to) -
                                  std::lower_bound(times.begin(), times.end(), from));
}

/// The most that leave in any second from `from` on.
std::size_t busiest_second(const std::vector<Instant>& times, Instant from, Instant to) {
  std::size_t most = 0;
  for (auto it = std::lower_bound(times.begin(), times.end(), from); it != times.end() && *it < to;
       ++it) {
    most = std::max(most, within(times, *it, std::min(to, *it + 1s)));
  }
  return most;
}

PaceOptions links(double per_s) {
  return {.allowed = {.links_per_s = per_s, .burst = std::max(1.0, per_s / 10)}};
}

TEST_SUITE("send/day") {
  TEST_CASE("another rate is in force for all workers within 100 ms, slower, faster, and none") {
    Workers workers(links(1'000), 64, 1);
    std::vector<Instant> times;
    workers.left = [&](Instant now, std::uint64_t) { times.push_back(now); };
    const auto table = RateSchedule::parse(
                           "07:00,1000/s 08:00,20/s 08:01,500/s 08:02,pause "
                           "08:03,1000/s")
                           .value();
    const auto eight = start + 10s;  // it is ten seconds before
    workers.tick = [&](Instant now) {
      const auto week = 8h + std::chrono::floor<std::chrono::seconds>(now - eight);
      const Pacing& pacing = table.at(week);
      const double rate = pacing.rate.per_s;
      workers.pace.allow(
          {.links_per_s = rate, .burst = std::max(1.0, rate / 10), .paused = pacing.paused}, now);
    };
    workers.run_until(eight + 4min);
    const auto settled = [&](std::chrono::nanoseconds from, std::chrono::nanoseconds to,
                             double rate) {
      // 100 ms after the hour no window of a second knows another rate, and none is left unused.
      const Instant begin = eight + from + 100ms;
      const Instant end = eight + to;
      CAPTURE(rate);
      CHECK(static_cast<double>(busiest_second(times, begin, end)) <= rate + rate / 10);
      const auto count = static_cast<double>(within(times, begin, begin + 1s));
      CHECK(count >= rate - 1);
      CHECK(static_cast<double>(within(times, begin, end)) ==
            doctest::Approx(rate * seconds(end - begin)).epsilon(0.01));
    };
    settled(-10s + 1s, 0s, 1'000);
    settled(0s, 1min, 20);
    settled(1min, 2min, 500);
    CHECK(within(times, eight + 2min + 100ms, eight + 3min) == 0);
    settled(3min, 4min, 1'000);
  }

  TEST_CASE("Retry-After is in force for all workers with the answer that says it") {
    Workers workers(links(1'000), 64, 1);
    std::vector<Instant> times;
    workers.left = [&](Instant now, std::uint64_t) { times.push_back(now); };
    std::optional<Instant> told;
    workers.answered = [&](Instant now, std::uint64_t first) {
      if (first != 5'000) return;
      told = now;
      workers.pace.rate_limited(now - 10ms, now, 7s, 0.5);
    };
    workers.run_until(start + 60s);
    REQUIRE(told);
    CHECK(within(times, *told - 1s, *told) >= 999);
    // One may leave in the nanosecond of the answer.
    CHECK(within(times, *told + 1ns, *told + 7s) == 0);
    CHECK(within(times, *told + 7s, *told + 8s) > 100);
  }

  TEST_CASE("a day at 1,000 a second: no drift, no leak, and the watermark never goes back") {
    constexpr std::uint64_t rate = 1'000;
    constexpr std::uint64_t batch = 250;  // also what may leave at once
    constexpr std::size_t worker_count = 16;
    constexpr std::uint64_t day_links = rate * 86'400;
    Workers workers({.allowed = {.links_per_s = rate, .burst = batch}}, worker_count, batch);
    workers.latency = 300ms;

    RealFiles files;
    const Scratch scratch;
    const RunPaths paths{scratch.path()};
    Checkpoint first;
    first.plan = digest("plan");
    first.target = "emulator";
    first.ledger.links = 2 * day_links;
    auto log = RunLog::begin(files, paths, first);
    REQUIRE_MESSAGE(log, log);
    auto saver = RunSaver::open(files, paths);
    REQUIRE(saver);

    std::uint64_t watermark = 0;
    std::uint64_t refused = 0;
    bool goes_back = false;
    bool lags = false;
    workers.answered = [&](Instant, std::uint64_t from) {
      const bool refuses = from % 10'000'000 == 0;
      if (refuses) log->refuse(from, 1, R"({"message":"no"})"), ++refused;
      log->deliver(from + (refuses ? 1 : 0), batch - (refuses ? 1 : 0), 1);
      if (!log->flush()) FAIL("the disk");
      goes_back = goes_back || log->ledger().watermark() < watermark;
      watermark = log->ledger().watermark();
      lags = lags || workers.links() - watermark > 4 * worker_count * batch;
    };

    std::optional<std::ptrdiff_t> live;
    for (int hour = 0; hour < 24; ++hour) {
      for (int tenth = 0; tenth < 10; ++tenth) {
        workers.run_until(start + hour * 1h + (tenth + 1) * 6min);
        const auto snapshot = log->snapshot();
        REQUIRE(snapshot);
        REQUIRE(saver->save(*snapshot));
      }
      CAPTURE(hour);
      // The burst left at once, and since then to the nanosecond what the rate allows.
      const std::uint64_t due = batch + rate * 3'600 * static_cast<std::uint64_t>(hour + 1);
      CHECK(workers.links() >= due - batch);
      CHECK(workers.links() <= due);
      CHECK(!goes_back);
      CHECK(!lags);
      if (!live) live = live_bytes();                 // by now every buffer has its size
      CHECK(std::abs(live_bytes() - *live) < 1'000);  // the names of journals grow by a digit
      std::uintmax_t on_disk = 0;
      for (const auto& file : std::filesystem::directory_iterator(scratch.path()))
        on_disk += file.file_size();
      CHECK(on_disk < 20'000);
    }
    CHECK(log->delivered() + refused == log->settled());
    CHECK(log->settled() + worker_count * batch >= workers.links());
    const auto state = read_run(files, paths, first.plan);
    REQUIRE(state);
    REQUIRE(*state);
    CHECK((*state)->checkpoint.ledger.watermark == watermark);
    CHECK((*state)->checkpoint.refused() == refused);
  }
}

}  // namespace
}  // namespace idmerge::testing
