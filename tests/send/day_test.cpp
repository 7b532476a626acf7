// SPDX-License-Identifier: MIT
//
// A day of the sender that ships, in virtual time, with the log of the run on a real disk: every
// departure is known to the nanosecond, and what leaks or drifts has a day to show.
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
#include "send/simulation.hpp"
#include "send/simulation_job.hpp"

#include "support/allocations.hpp"
#include "support/seed.hpp"

namespace idmerge::testing {

using namespace io;
using namespace plan;
using namespace send;
using namespace util;
namespace {

using namespace std::chrono_literals;

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

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

TEST_SUITE("send/day") {
  TEST_CASE("another rate is in force for all workers within 100 ms, slower, faster, and none") {
    SimulatedJob job(22'000);
    Simulation simulation(seed());
    const auto eight = simulation.now() + 10s;  // it is ten seconds before
    auto options = job.identity_options();
    options.connections = 16;
    options.rate = RateSchedule::parse(
                       "07:00,200/s 08:00,20/s 08:01,100/s 08:02,pause "
                       "08:03,200/s")
                       .value();
    options.week_clock = [&] {
      return 8h + std::chrono::floor<std::chrono::seconds>(simulation.now() - eight);
    };
    options.max_duration = 10s + 4min;
    std::vector<Instant> times;
    simulation.leaves = [&](const SimulatedRequest& request) { times.push_back(request.left); };
    REQUIRE(job.send(simulation, options));
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
    settled(-10s + 1s, 0s, 200);
    settled(0s, 1min, 20);
    settled(1min, 2min, 100);
    CHECK(within(times, eight + 2min + 100ms, eight + 3min) == 0);
    settled(3min, 4min, 200);
  }

  TEST_CASE("a day of sending: no drift, no leak, and the watermark never goes back") {
    constexpr std::uint64_t rate = 10;
    constexpr std::uint64_t batch = 10;  // also what may leave at once
    constexpr std::uint64_t day_links = rate * 86'400;
    RealFiles files;
    const Scratch scratch;
    SimulatedJob job(day_links + 1'000, files, scratch.path("job"));
    Simulation simulation(seed());
    auto options = job.import_options(batch);
    options.connections = 4;
    options.rate = Rate{static_cast<double>(rate), false};
    options.sync_every = 1min;
    options.max_duration = 24h;
    options.max_refused_percent.reset();
    simulation.latency = 400ms;
    simulation.save_time = 100ms;

    std::uint64_t left = 0;
    std::uint64_t refused = 0;
    bool is_late = false;
    bool is_early = false;
    const Instant start = simulation.now();
    simulation.leaves = [&](const SimulatedRequest& request) {
      left += links_of(request).size();
      // The burst left at once, and since then to the millisecond what the rate allows.
      const auto due = static_cast<double>(batch) + rate * seconds(simulation.now() - start);
      is_early = is_early || static_cast<double>(left) > due + 1e-6;
      is_late = is_late || static_cast<double>(left) < due - 2 * batch;
    };
    simulation.service = [&](const SimulatedRequest& request) {
      const auto links = links_of(request);
      const bool refuses = links.size() == batch && links.front() / 100'000 != refused;
      if (!refuses) return taken(request, links.size());
      ++refused;
      return status(400,
                    R"({"code":400,"error":"some","num_records_imported":9,)"
                    R"("failed_records":[{"index":3,"message":"no"}],"status":"Bad Request"})");
    };

    const JobPaths paths{job.dir};
    const auto digest = PlanReader::open(files, paths.plan()).value().facts().digest;
    std::uint64_t watermark = 0;
    std::optional<std::ptrdiff_t> live;
    for (int hour = 1; hour <= 23; ++hour) {
      simulation.at(start + hour * 1h, [&, hour] {
        CAPTURE(hour);
        if (hour > 1) {  // by then every buffer has its size
          if (!live) live = live_bytes();
          CHECK(std::abs(live_bytes() - *live) < 20'000);
        }
        const auto state = read_run(files, paths.run(), digest);
        REQUIRE(state);
        const auto& ledger = (*state)->checkpoint.ledger;
        CHECK(ledger.watermark >= watermark);
        CHECK(ledger.watermark + 4 * batch * options.connections >= left);
        watermark = ledger.watermark;
        std::uintmax_t on_disk = 0;
        for (const auto& file : std::filesystem::directory_iterator(paths.run().dir))
          on_disk += file.file_size();
        CHECK(on_disk < 100'000);
      });
    }
    const auto report = job.send(simulation, options);
    REQUIRE(report);
    REQUIRE(report->stop);
    CHECK(report->stop->code == Errc::duration);
    CHECK(!is_early);
    CHECK(!is_late);
    CHECK(left >= day_links - batch);
    CHECK(report->refused == refused);
    CHECK(report->delivered + report->refused == left);
  }
}

}  // namespace
}  // namespace idmerge::testing
