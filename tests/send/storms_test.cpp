// SPDX-License-Identifier: MIT
//
// Services that are closed at first, and then take so much: how soon, and how politely, does a run
// of the sender that ships use it? As a table, with a kill and a resume in the middle, too.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <vector>

#include <doctest/doctest.h>

#include "send/simulation.hpp"
#include "send/simulation_job.hpp"

namespace idmerge::testing {

using namespace plan;
using namespace send;
using namespace util;
namespace {

using namespace std::chrono_literals;

const Instant start = Instant{} + 1000h;

struct Storm {
  double limit_per_s = 0;         // links, or requests
  std::chrono::seconds closed{};  // 429 for all, at first
  std::uint64_t batch = 1;
  std::chrono::seconds window{1};  // that the service counts over
  bool counts_requests = false;
  bool says_retry_after = false;
  bool is_killed = false;  // and resumed, a minute after the opening
};

/// Counts over a rolling window, in a hundred slots.
class Service {
 public:
  explicit Service(const Storm& storm)
      : storm_(storm),
        slot_(std::chrono::nanoseconds(storm.window) / slots),
        most_(storm.limit_per_s * static_cast<double>(storm.window.count())) {}

  struct Answer {
    bool taken = true;  // else 429
    std::optional<std::chrono::seconds> retry_after = {};
  };

  Answer answer(Instant now, std::uint64_t links) {
    const auto at = (now - start) / slot_;
    for (; latest_ < at; ++latest_) {
      auto& oldest = by_slot_[static_cast<std::size_t>((latest_ + 1) % slots)];
      sum_ -= oldest;
      oldest = 0;
    }
    const double cost = storm_.counts_requests ? 1 : static_cast<double>(links);
    const auto opens = start + storm_.closed;
    const bool taken = now >= opens && sum_ + cost <= most_;
    if (now >= opens) note(now - opens, taken, links);
    if (taken) {
      sum_ += cost;
      by_slot_[static_cast<std::size_t>(at % slots)] += cost;
      return {};
    }
    if (!storm_.says_retry_after) return {.taken = false};
    const auto wait = now < opens ? opens - now : oldest_leaves(at) - now;
    return {.taken = false,
            .retry_after = std::max(1s, std::chrono::ceil<std::chrono::seconds>(wait))};
  }

  struct Minute {
    double links = 0, requests = 0, refused = 0;
  };
  std::vector<Minute> minutes;  // since the opening

 private:
  static constexpr std::int64_t slots = 100;

  void note(std::chrono::nanoseconds since, bool taken, std::uint64_t links) {
    minutes.resize(
        std::max<std::size_t>(minutes.size(), static_cast<std::size_t>(since / 1min) + 1));
    Minute& minute = minutes[static_cast<std::size_t>(since / 1min)];
    minute.requests += 1;
    if (taken) minute.links += static_cast<double>(links);
    if (!taken) minute.refused += 1;
  }

  Instant oldest_leaves(std::int64_t at) const {
    for (auto slot = std::max<std::int64_t>(0, at - slots + 1); slot <= at; ++slot) {
      if (by_slot_[static_cast<std::size_t>(slot % slots)] > 0)
        return start + slot_ * (slot + slots);
    }
    return start;
  }

  Storm storm_;
  std::chrono::nanoseconds slot_;
  double most_;
  std::array<double, slots> by_slot_{};
  double sum_ = 0;
  std::int64_t latest_ = 0;
};

constexpr double ceiling_per_s = 4'000;
constexpr std::size_t minutes_to_find = 2;
constexpr std::size_t minutes_measured = 3;

/// That counts: the third one of the process; one later where the documented backoff, which has
/// grown to a minute by then, may sleep through the first.
std::size_t first_minute(const Storm& storm) {
  const bool may_sleep = storm.closed >= 60s && !storm.says_retry_after;
  return minutes_to_find + (storm.is_killed ? 1 : 0) + (may_sleep ? 1 : 0);
}

double links_per_s(const Storm& storm) {
  const double unit = storm.counts_requests ? static_cast<double>(storm.batch) : 1;
  return std::min(ceiling_per_s, storm.limit_per_s * unit);
}

/// The bytes of a plan that no storm finishes.
const std::string& large_plan() {
  static const std::string bytes = [] {
    SimulatedJob job(400'000);
    return job.flaky.content(JobPaths{job.dir}.plan());
  }();
  return bytes;
}

std::vector<Service::Minute> weather(const Storm& storm) {
  Service service(storm);
  SimulatedJob job(1);
  job.flaky.put(JobPaths{job.dir}.plan(), large_plan());
  auto options = storm.batch == 1 ? job.identity_options() : job.import_options(storm.batch);
  options.rate = Rate{ceiling_per_s, false};
  options.connections = storm.batch == 1 ? 64 : 16;
  options.give_up_after = 1h;
  options.seed = 7;
  const auto run = [&](Instant begin, Instant end, bool is_killed) {
    Simulation simulation(7, begin);
    simulation.step_wall_clock(begin - start);
    simulation.service = [&](const SimulatedRequest& request) {
      const auto links = storm.batch == 1 ? 1 : links_of(request).size();
      const auto answer = service.answer(request.arrived, links);
      if (answer.taken) return taken(request, links);
      return status(429, "", answer.retry_after ? std::to_string(answer.retry_after->count()) : "");
    };
    StopRequest stop;
    simulation.is_dead = [&] { return job.flaky.killed(); };
    simulation.at(end, [&] {
      if (is_killed) job.flaky.kill();
      stop.ask(9);
      stop.ask(9);
    });
    REQUIRE(send_plan(options, job.dir, job.flaky, job.progress, stop, simulation));
    job.flaky.revive();
  };
  const auto opens = start + storm.closed;
  const auto end = opens + (first_minute(storm) + minutes_measured) * 1min;
  if (storm.is_killed) {
    run(start, opens + 60s, true);
    run(opens + 61s, end, false);
  } else {
    run(start, end, false);
  }
  return service.minutes;
}

void check(const Storm& storm) {
  auto minutes = weather(storm);
  const auto first = first_minute(storm);
  minutes.resize(first + minutes_measured);
  const double could = 60 * links_per_s(storm);
  double links = 0;
  double worst = std::numeric_limits<double>::infinity();
  double refused = 0;
  bool is_polite = true;
  for (std::size_t i = first; i < minutes.size(); ++i) {
    const auto& minute = minutes[i];
    links += minute.links;
    worst = std::min(worst, minute.links);
    refused = std::max(refused, minute.refused);
    is_polite = is_polite && minute.refused <= std::max(10.0, 0.05 * minute.requests);
  }
  const double used = links / could / minutes_measured;
  std::printf(
      "%7.0f %-9s %4lld s %5lld s %6llu %-4s %-6s %6.1f%% %6.1f%% %6.0f %6.1f%% %6.1f%%%s\n",
      storm.limit_per_s, storm.counts_requests ? "requests" : "links",
      static_cast<long long>(storm.window.count()), static_cast<long long>(storm.closed.count()),
      static_cast<unsigned long long>(storm.batch), storm.says_retry_after ? "yes" : "no",
      storm.is_killed ? "killed" : "", 100 * used, 100 * worst / could, refused,
      100 * minutes[0].links / could, 100 * minutes[1].links / could,
      used >= 0.9 && is_polite ? "" : " <--");
  // A batch that is more than the service takes in a second is cut, and what is cut off is a
  // request of its own, however small: up to a half is lost.
  const bool is_cut =
      !storm.counts_requests && static_cast<double>(storm.batch) >= storm.limit_per_s;
  CAPTURE(storm.limit_per_s);
  CAPTURE(storm.closed.count());
  CAPTURE(storm.batch);
  CAPTURE(storm.window.count());
  CAPTURE(storm.counts_requests);
  CAPTURE(storm.says_retry_after);
  CAPTURE(storm.is_killed);
  CHECK(used >= (is_cut ? 0.4 : 0.9));
  CHECK(is_polite);
}

/// All of them take a while: those that differ most, unless the run may be long.
bool is_tried(const Storm& storm, bool is_long) {
  if (links_per_s(storm) > 500) return false;  // the plan has no more
  const double requests_per_s = links_per_s(storm) / static_cast<double>(storm.batch);
  if (is_long) return requests_per_s <= 500;
  return requests_per_s <= 20 && storm.closed == 10s && storm.is_killed == storm.says_retry_after;
}

TEST_SUITE("send/storms") {
  TEST_CASE("closed at first, a service is used to nine tenths within two minutes of its opening") {
    const bool is_long = std::getenv("IDMERGE_LONG") != nullptr;
    std::printf("%7s %-9s %6s %7s %6s %-4s %-6s %7s %7s %6s %7s %7s\n", "limit/s", "counts",
                "window", "closed", "batch", "R-A", "", "used", "worst", "429", "min 1", "min 2");
    for (const double limit_per_s : {5.0, 20.0, 100.0, 500.0}) {
      for (const auto closed : {1s, 10s, 60s}) {
        for (const auto batch : {std::uint64_t{1}, std::uint64_t{20}, std::uint64_t{100}}) {
          for (const auto window : {1s, 60s}) {
            for (const bool counts_requests : {false, true}) {
              if (counts_requests && batch == 1) continue;  // the same as links
              for (const bool says : {false, true}) {
                for (const bool killed : {false, true}) {
                  const Storm storm{limit_per_s,     closed, batch, window,
                                    counts_requests, says,   killed};
                  if (is_tried(storm, is_long)) check(storm);
                }
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace idmerge::testing
