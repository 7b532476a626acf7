// SPDX-License-Identifier: MIT
//
// The whole sender in a simulation: scheduler, connection pool, workers, retry policy, recorder,
// log. What is checked are the promises of a run, whatever befalls it; the components have tests of
// their own. IDMERGE_SEED=N IDMERGE_WORLDS=1 replays the seed that a failure names.
#include "send/simulation.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

#include "plan/plan_file.hpp"
#include "send/run_log.hpp"
#include "send/simulation_job.hpp"
#include "send/spare_rounds.hpp"

#include "support/seed.hpp"

namespace idmerge::testing {

using namespace io;
using namespace net;
using namespace plan;
using namespace send;
using namespace util;
namespace {

using namespace std::chrono_literals;
using End = SimulatedReaction::End;

/// What the service knows of a link.
struct Known {
  int taken = 0;
  int answered = 0;        // of these, with an answer that surely came
  std::uint64_t life = 0;  // in which it was answered last
};

/// A service where everything goes wrong now and then.
class Weather {
 public:
  Weather(std::uint64_t seed, double mishaps) : chance_(seed), mishaps_(mishaps) {}

  SimulatedReaction react(const SimulatedRequest& request, std::uint64_t life) {
    const auto links = links_of(request);
    for (const auto link : links) {
      const Known& known = known_[link];
      CHECK_MESSAGE((known.answered == 0 || known.life != life),
                    "sent again, though its answer came: ", link);
    }
    if (chance_.next() >= mishaps_) return take(request, links, life);
    switch (chance_.bits() % 9) {
      case 0:
        return status(503);
      case 1:
        return status(429);
      case 2:
        return status(429, "", std::to_string(1 + chance_.bits() % 3));
      case 3:
        return {.end = End::hang};
      case 4:  // before the service took it
        return {.end = End::reset};
      case 5: {  // after
        take(request, links, 0);
        return {.end = End::reset};
      }
      case 6:
        take(request, links, 0);
        return {.end = End::hang};
      case 7: {
        auto reaction = take(request, links, life);
        reaction.closes = true;
        return reaction;
      }
      default: {
        auto reaction = take(request, links, life);
        reaction.takes = std::chrono::milliseconds(chance_.bits() % 200);
        return reaction;
      }
    }
  }

  const std::map<std::uint64_t, Known>& known() const { return known_; }

 private:
  /// `life` 0: the answer will not come.
  SimulatedReaction take(const SimulatedRequest& request, const std::vector<std::uint64_t>& links,
                         std::uint64_t life) {
    for (const auto link : links) {
      Known& known = known_[link];
      ++known.taken;
      if (life == 0) continue;
      ++known.answered;
      known.life = life;
    }
    return taken(request, links.size());
  }

  Chance chance_;
  double mishaps_;
  std::map<std::uint64_t, Known> known_;
};

/// The account of a job on disk.
struct Account {
  explicit Account(SimulatedJob& job) {
    const auto plan = PlanReader::open(job.files, JobPaths{job.dir}.plan());
    REQUIRE(plan);
    const auto state = read_run(job.files, JobPaths{job.dir}.run(), plan->facts().digest);
    REQUIRE(state);
    if (!*state) return;
    checkpoint = (*state)->checkpoint;
    const auto doubt = find_in_doubt(job.files, JobPaths{job.dir}.run(), *plan, **state);
    REQUIRE(doubt);
    in_doubt = doubt->links;
    ledger = Ledger::restore(checkpoint.ledger).value();
  }
  Checkpoint checkpoint;
  LinkSet in_doubt;
  Ledger ledger{0};
};

SendOptions options_for(SimulatedJob& job, std::uint64_t seed) {
  Chance chance(seed);
  const auto batch = 1 + chance.bits() % 7;
  auto options = chance.bits() % 2 == 0 ? job.identity_options() : job.import_options(batch);
  options.connections = static_cast<std::uint32_t>(1 + chance.bits() % 12);
  options.pipeline = static_cast<std::uint32_t>(1 + chance.bits() % 4);
  options.rate = Rate{10 + 190 * chance.next(), false};
  options.burst = 10;
  options.timeout = 1s;
  options.backoff_min = 100ms;
  options.backoff_max = 2s;
  options.seed = seed | 1;
  return options;
}

TEST_SUITE("send/simulation") {
  TEST_CASE("the same seed gives the same run, to the nanosecond") {
    using Departure = std::tuple<Instant, std::uint64_t, std::uint64_t>;
    const auto departures = [](std::uint64_t seed) {
      SimulatedJob job(100);
      Weather weather(seed, 0.3);
      Simulation simulation(seed);
      std::vector<Departure> left;
      simulation.leaves = [&](const SimulatedRequest& request) {
        left.emplace_back(request.left, request.line, links_of(request).front());
      };
      simulation.service = [&](const auto& request) { return weather.react(request, 1); };
      const auto report = job.send(simulation, options_for(job, seed));
      REQUIRE(report);
      CHECK(report->delivered == 100);
      return left;
    };
    CHECK(departures(7) == departures(7));
    CHECK(departures(7) != departures(8));
  }

  TEST_CASE("whatever happens on the way, each link is settled once and the rate is kept") {
    const auto base = seed();
    for (std::uint64_t i = 0; i < worlds(150); ++i) {
      INFO("IDMERGE_SEED=", base + i, " IDMERGE_WORLDS=1");
      Chance chance(base + i);
      const auto links = 50 + chance.bits() % 200;
      SimulatedJob job(links);
      const auto options = options_for(job, base + i);
      Weather weather(base + i, chance.next() * 0.5);
      RateMeter meter(options.rate.at({}).rate.per_s, *options.burst);
      Simulation simulation(base + i);
      CAPTURE(options.connections);
      CAPTURE(options.pipeline);
      CAPTURE(options.service->name);
      CAPTURE(options.service_api.batch_links_max.value_or(0));
      simulation.interleaved = &job.flaky;
      simulation.opens = [&]() -> Result<void> {
        if (chance.next() < 0.1) return Error{Errc::outage, "connection refused"};
        return {};
      };
      simulation.leaves = [&](const SimulatedRequest& request) {
        meter.left(request.left, static_cast<double>(links_of(request).size()));
      };
      simulation.service = [&](const auto& request) { return weather.react(request, 1); };
      const auto report = job.send(simulation, options);
      REQUIRE(report);
      CHECK_MESSAGE(!report->stop, report->stop->what);
      CHECK(report->delivered == links);
      CHECK(meter.most() <= *options.burst + 1e-6);
      const Account account(job);
      CHECK(account.ledger.is_done());
      CHECK(account.ledger.delivered() == links);
      CHECK(weather.known().size() == links);
      for (const auto& [link, known] : weather.known())
        CHECK(known.answered == 1);
    }
  }

  TEST_CASE("a kill at any step, and the run after it sends again only what is in doubt") {
    for (const std::uint32_t pipeline : {1U, 3U}) {
      bool was_killed = true;
      for (std::uint64_t step = 0; was_killed; ++step) {
        CAPTURE(pipeline);
        CAPTURE(step);
        SimulatedJob job(14);
        auto options = job.identity_options();
        options.connections = 2;
        options.pipeline = pipeline;
        options.rate = Rate{50, false};
        options.burst = 2;
        options.sync_every = 60ms;
        std::map<std::uint64_t, Known> known;
        std::uint64_t life = 1;
        RateMeter meter(50, 2);
        LinkSet in_doubt;
        const auto service = [&](const SimulatedRequest& request) {
          const auto link = links_of(request).front();
          CHECK((known[link].taken == 0 || in_doubt.contains(link)));
          ++known[link].taken;
          known[link].life = life;
          return taken(request, 1);
        };
        const auto leaves = [&](const SimulatedRequest& request) { meter.left(request.left, 1); };
        Instant end;
        was_killed = false;
        {
          Simulation simulation(step);
          simulation.service = service;
          simulation.leaves = leaves;
          simulation.interleaved = &job.flaky;
          // A step is what the disk or the network does.
          std::uint64_t steps = 0;
          const auto count = [&] {
            if (was_killed || steps++ != step) return;
            was_killed = true;
            job.flaky.kill();
            job.stop.ask(9);
            job.stop.ask(9);
          };
          simulation.step = count;
          job.flaky.before_step = count;
          simulation.is_dead = [&] { return was_killed; };
          static_cast<void>(job.send(simulation, options));
          simulation.settle();
          end = simulation.now();
        }
        job.flaky.before_step = nullptr;
        job.flaky.revive();
        const Account before(job);
        in_doubt = before.in_doubt;
        CHECK(in_doubt.size() <= 2 * options.connections * pipeline);
        for (std::uint64_t link = 0; link < 14; ++link) {
          if (before.ledger.links() > link && before.ledger.is_settled(link)) {
            CHECK(known[link].taken == 1);
          }
        }
        ++life;
        Simulation simulation(step, end);
        simulation.service = service;
        simulation.leaves = leaves;
        StopRequest calm;
        const auto report = send_plan(options, job.dir, job.files, job.progress, calm, simulation);
        REQUIRE_MESSAGE(report, report.error().what);
        CHECK(report->delivered == 14);
        CHECK(meter.is_kept());
        for (std::uint64_t link = 0; link < 14; ++link)
          CHECK(known[link].taken >= 1);
      }
    }
  }

  TEST_CASE("a Retry-After holds all workers from the answer on, and the next process too") {
    SimulatedJob job(400);
    auto options = job.identity_options();
    options.connections = 20;
    options.rate = Rate{200, false};
    options.burst = 1;
    std::optional<Instant> told;
    const auto service = [&](const SimulatedRequest& request) {
      if (links_of(request).front() != 150 || told) return taken(request, 1);
      told = request.arrived;
      return status(429, "", "60");
    };
    std::vector<Instant> left;
    const auto leaves = [&](const SimulatedRequest& request) { left.push_back(request.left); };
    Instant end;
    {
      Simulation simulation(1);
      simulation.service = service;
      simulation.leaves = leaves;
      options.max_duration = 10s;
      const auto report = job.send(simulation, options);
      REQUIRE(report);
      REQUIRE(report->stop);
      CHECK(report->stop->code == Errc::duration);
      end = simulation.now();
    }
    REQUIRE(told);
    // An answer takes 15 ms at most; a second is what a date or a rounding may take off.
    const auto in_pause = [&](Instant at) { return at > *told + 15ms && at < *told + 59s; };
    CHECK(std::none_of(left.begin(), left.end(), in_pause));
    const auto before = left.size();
    Simulation simulation(2, end);
    simulation.service = service;
    simulation.leaves = leaves;
    simulation.step_wall_clock(end - (Instant{} + 1000h));
    options.max_duration.reset();
    const auto report = job.send(simulation, options);
    REQUIRE(report);
    CHECK_MESSAGE(!report->stop, report->stop->what);
    CHECK(report->delivered == 400);
    CHECK(left.size() > before);
    CHECK(std::none_of(left.begin(), left.end(), in_pause));
  }

  TEST_CASE("no more connections are opened than the rate needs") {
    SimulatedJob job(200);
    auto options = job.identity_options();
    options.connections = 16;
    options.rate = Rate{20, false};
    options.burst = 1;
    Simulation simulation(3);
    std::set<std::uint64_t> lines;
    simulation.leaves = [&](const SimulatedRequest& request) { lines.insert(request.line); };
    const auto report = job.send(simulation, options);
    REQUIRE(report);
    CHECK(report->delivered == 200);
    CHECK(simulation.connections_opened() <= 2);
    CHECK(lines.size() == simulation.connections_opened());
  }

  TEST_CASE("many connections open at once, and none of them takes more than its permit") {
    SimulatedJob job(300);
    auto options = job.import_options(3);
    options.connections = 64;
    options.rate = Rate{100, false};
    options.burst = 3;
    Simulation simulation(4);
    simulation.latency = 400ms;  // so that one connection is not enough
    simulation.handshake = 900ms;
    RateMeter meter(100, 3);
    Instant last{};
    simulation.leaves = [&](const SimulatedRequest& request) {
      meter.left(request.left, static_cast<double>(links_of(request).size()));
      last = request.left;
    };
    simulation.service = [&](const SimulatedRequest& request) {
      const auto links = links_of(request).size();
      // Every tenth request ends its connection, so that others are opened all the time.
      auto reaction = taken(request, links);
      reaction.closes = links_of(request).front() % 10 == 0;
      return reaction;
    };
    const Instant start = simulation.now();
    const auto report = job.send(simulation, options);
    REQUIRE(report);
    CHECK(report->delivered == 300);
    CHECK(meter.is_kept());
    // Three seconds of it, and two to open the first connections.
    CHECK(last - start < 6s);
  }

  TEST_CASE("a request that ends its connection costs others neither their answers nor attempts") {
    SimulatedJob job(60);
    auto options = job.identity_options();
    options.connections = 3;
    options.pipeline = 4;
    options.attempts = 3;
    options.backoff_min = 10ms;
    options.backoff_max = 20ms;
    std::map<std::uint64_t, int> asked;
    std::set<std::uint64_t> fresh;  // connections on which nothing was asked
    Simulation simulation(5);
    simulation.service = [&](const SimulatedRequest& request) {
      const auto link = links_of(request).front();
      ++asked[link];
      if (link == 17) return SimulatedReaction{.end = End::reset};
      return taken(request, 1);
    };
    const auto report = job.send(simulation, options);
    REQUIRE(report);
    CHECK(!report->stop);
    CHECK(report->delivered == 59);
    CHECK(report->parked == 1);
    for (const auto& [link, times] : asked) {
      if (link != 17) CHECK(times == 1);
    }
    // Met the end of a kept connection, then as often as --attempts, then once more at the end.
    CHECK(asked[17] <= 1 + 3 + 1);
  }

  TEST_CASE("an outage parks nothing, ends the run in time, and the next one goes on") {
    SimulatedJob job(50);
    auto options = job.identity_options();
    options.connections = 8;
    options.attempts = 2;
    options.give_up_after = 60s;
    Simulation simulation(6);
    simulation.service = [](const auto&) { return status(500); };
    const Instant start = simulation.now();
    const auto report = job.send(simulation, options);
    REQUIRE(report);
    REQUIRE(report->stop);
    CHECK(report->stop->code == Errc::outage);
    CHECK(report->parked == 0);
    CHECK(simulation.now() - start < 75s);
    Simulation later(7, simulation.now());
    const auto resumed = job.send(later, options);
    REQUIRE(resumed);
    CHECK(resumed->delivered == 50);
  }

  TEST_CASE("an answer too many takes back what is not durable, and nothing is sent for ever") {
    const auto base = seed();
    for (std::uint64_t i = 0; i < worlds(30); ++i) {
      INFO("IDMERGE_SEED=", base + i, " IDMERGE_WORLDS=1");
      SimulatedJob job(80);
      auto options = job.identity_options();
      options.connections = 4;
      options.rate = Rate{100, false};
      options.burst = 1;
      Chance chance(base + i);
      std::map<std::uint64_t, int> taken_times;
      std::map<std::uint64_t, std::vector<std::uint64_t>> by_line;
      std::set<std::uint64_t> doubled;
      Simulation simulation(base + i);
      simulation.service = [&](const SimulatedRequest& request) {
        const auto link = links_of(request).front();
        by_line[request.line].push_back(link);
        if (taken_times[link]++ > 0) CHECK(doubled.contains(link));
        auto reaction = taken(request, 1);
        reaction.surplus = chance.next() < 0.05 ? 1 : 0;
        // Whatever came on this connection may be sent again, and what still comes on it.
        if (reaction.surplus > 0) {
          doubled.insert(by_line[request.line].begin(), by_line[request.line].end());
        }
        return reaction;
      };
      const auto report = job.send(simulation, options);
      REQUIRE(report);
      CHECK_MESSAGE(!report->stop, report->stop->what);
      CHECK(report->delivered == 80);
      CHECK(taken_times.size() == 80);
    }
  }
}

}  // namespace
}  // namespace idmerge::testing
