// SPDX-License-Identifier: MIT
#include "idmerge/run/gate.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/await.hpp"

namespace idmerge::testing {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

TurnOptions links(double rate_per_s, double burst) {
  TurnOptions options;
  options.links = {.rate_per_s = rate_per_s, .burst = burst};
  return options;
}

/// A gate with its turnstile.
struct Turns {
  Turns(asio::io_context& io, const TurnOptions& options)
      : turnstile(options), gate(io, turnstile) {}

  bool try_pass(const Cost& cost) { return gate.try_pass(cost, steady_clock::now()); }

  void pause_until(Instant until) {
    if (turnstile.pause_until(until)) gate.renew();
  }
  void set_rate(const TurnOptions& options) {
    turnstile.set_rate(options, steady_clock::now());
    gate.renew();
  }

  Turnstile turnstile;
  Gate gate;
};

double seconds(Instant from, Instant to) {
  return std::chrono::duration<double>(to - from).count();
}

struct Passage {
  int lane;
  bool passed;
  Instant at;
};

Task<void> lane(Gate& gate, int number, int times, std::vector<Passage>& log) {
  for (int i = 0; i < times; ++i) {
    const bool passed = co_await gate.pass({});
    log.push_back({number, passed, steady_clock::now()});
    if (!passed) co_return;
  }
}

/// Started behind lanes, it acts when they wait and before any timer can have fired.
template <class F>
Task<void> when_waiting(F act) {
  act();
  co_return;
}

std::vector<Task<void>> lanes(Gate& gate, int count, int times, std::vector<Passage>& log) {
  std::vector<Task<void>> tasks;
  for (int i = 0; i < count; ++i)
    tasks.push_back(lane(gate, i, times, log));
  return tasks;
}

TEST_SUITE("run/gate") {
  TEST_CASE("with tokens at hand a lane passes without being suspended") {
    asio::io_context io(1);
    Turns gate(io, links(10, 3));
    CHECK(gate.try_pass({}));
    CHECK(gate.try_pass({}));
    CHECK(gate.try_pass({}));
    CHECK_FALSE(gate.try_pass({}));
    Turns open(io, links(0, 1));
    for (int i = 0; i < 1000; ++i)
      CHECK(open.try_pass({.links = 1e9, .bytes = 1e12}));
  }

  TEST_CASE("lanes pass in the order in which they came, at the pace, and none is lost") {
    asio::io_context io(1);
    Turns gate(io, links(200, 1));
    std::vector<Passage> log;
    const Instant start = steady_clock::now();
    await(io, join(lanes(gate.gate, 5, 12, log)));
    REQUIRE(log.size() == 60);
    for (std::size_t i = 0; i < log.size(); ++i) {
      // The first one passed at once and came back before the others had come at all.
      if (i < 56) CHECK(log[i].lane == (i == 0 ? 0 : static_cast<int>((i - 1) % 5)));
      CHECK(log[i].passed);
      // Never early; how late is a matter of the machine.
      CHECK(seconds(start, log[i].at) >= static_cast<double>(i) / 200 - 0.001);
    }
    CHECK(gate.gate.waiting() == 0);
  }

  TEST_CASE("a late wake-up is made up for, so that the mean holds") {
    // Never early. How late is a matter of the machine, so the best of some tries counts; with a
    // timer's delay lost at each link, none would come near.
    double best = 1e9;
    for (int tries = 0; tries < 20 && best >= 0.45; ++tries) {
      asio::io_context io(1);
      Turns gate(io, links(20'000, 2'000));
      std::vector<Passage> log;
      const Instant start = steady_clock::now();  // tokens come back from here on
      for (int i = 0; i < 2'000; ++i)
        REQUIRE(gate.try_pass({}));
      await(io, join(lanes(gate.gate, 16, 500, log)));
      const double took = seconds(start, log.back().at);
      CHECK(took >= 0.399);
      best = std::min(best, took);
    }
    CHECK(best < 0.45);
  }

  TEST_CASE("all limits hold together") {
    asio::io_context io(1);
    TurnOptions options = links(1, 10);
    options.requests = {.rate_per_s = 100, .burst = 1};
    options.bytes = {.rate_per_s = 1e3, .burst = 1e5};
    Turns gate(io, options);
    CHECK(gate.try_pass({.links = 5, .bytes = 1'000}));
    CHECK_FALSE(gate.try_pass({.links = 5, .bytes = 1'000}));  // requests
    await(io, sleep_for(20ms));
    CHECK_FALSE(gate.try_pass({.links = 8, .bytes = 1'000}));  // links
    CHECK_FALSE(gate.try_pass({.links = 1, .bytes = 9e5}));    // bytes: above what is left
    CHECK(gate.try_pass({.links = 1, .bytes = 0}));
  }

  TEST_CASE("a pause holds everyone who waits, and those who come") {
    asio::io_context io(1);
    Turns gate(io, links(1'000, 1));
    std::vector<Passage> log;
    auto tasks = lanes(gate.gate, 3, 20, log);
    const Instant start = steady_clock::now();
    tasks.push_back(when_waiting([&] {
      gate.pause_until(start + 150ms);
      gate.pause_until(start + 50ms);  // changes nothing
    }));
    await(io, join(std::move(tasks)));
    REQUIRE(log.size() == 60);
    for (auto passage = log.begin() + 1; passage != log.end(); ++passage)
      CHECK(seconds(start, passage->at) >= 0.150);
    // What was not used during the pause has not been saved up beyond the burst.
    const auto after = std::count_if(log.begin(), log.end(), [&](auto& p) {
      return p.at < start + 155ms && p.at >= start + 150ms;
    });
    CHECK(after <= 7);
  }

  TEST_CASE("a changed rate is in force at once for those who wait") {
    asio::io_context io(1);
    Turns gate(io, links(0.1, 1));
    CHECK(gate.try_pass({}));
    std::vector<Passage> log;
    auto tasks = lanes(gate.gate, 4, 5, log);
    const Instant start = steady_clock::now();
    tasks.push_back(when_waiting([&] { gate.set_rate(links(1'000, 1)); }));
    await(io, join(std::move(tasks)));
    CHECK(log.size() == 20);
    CHECK(seconds(start, log.back().at) < 100);  // not the 200 s of the old rate
  }

  TEST_CASE("a slower rate is in force at once, too: no claim of the old one survives") {
    asio::io_context io(1);
    Turns gate(io, links(100, 1));
    CHECK(gate.try_pass({}));
    std::vector<Passage> log;
    auto tasks = lanes(gate.gate, 1, 1, log);
    const Instant start = steady_clock::now();
    tasks.push_back(when_waiting([&] { gate.set_rate(links(5, 1)); }));
    await(io, join(std::move(tasks)));
    CHECK(seconds(start, log.front().at) >= 0.15);
  }

  TEST_CASE("what is paused until further notice waits for it, and then goes on at once") {
    asio::io_context io(1);
    TurnOptions none = links(0, 1);
    none.closed = true;
    Turns gate(io, none);
    CHECK_FALSE(gate.try_pass({}));
    std::vector<Passage> log;
    auto tasks = lanes(gate.gate, 4, 5, log);
    tasks.push_back(when_waiting([&] {
      CHECK(log.empty());
      gate.set_rate(none);
      gate.pause_until(steady_clock::now() + 1ms);
      gate.set_rate(links(1'000, 1));
    }));
    await(io, join(std::move(tasks)));
    CHECK(log.size() == 20);
  }

  TEST_CASE("a closed gate sends everyone away") {
    asio::io_context io(1);
    Turns gate(io, links(0.1, 1));
    CHECK(gate.try_pass({}));
    std::vector<Passage> log;
    auto tasks = lanes(gate.gate, 3, 5, log);
    tasks.push_back(when_waiting([&] { gate.gate.close(); }));
    await(io, join(std::move(tasks)));
    REQUIRE(log.size() == 3);
    for (const auto& passage : log)
      CHECK_FALSE(passage.passed);
    CHECK_FALSE(gate.try_pass({}));
    CHECK_FALSE(await(io, gate.gate.pass({})));
  }

  TEST_CASE("a pause holds the first one, too, though it has its reservation already") {
    asio::io_context io(1);
    Turns gate(io, links(10, 1));
    CHECK(gate.try_pass({}));
    std::vector<Passage> log;
    auto tasks = lanes(gate.gate, 1, 1, log);
    const Instant start = steady_clock::now();
    tasks.push_back(when_waiting([&] { gate.pause_until(start + 250ms); }));
    await(io, join(std::move(tasks)));
    CHECK(seconds(start, log.front().at) >= 0.25);
  }

  TEST_CASE("a cancelled lane gives its place up and claims nothing") {
    asio::io_context io(1);
    Turns gate(io, links(1, 1));
    CHECK(gate.try_pass({}));
    std::vector<Passage> log;
    auto tasks = lanes(gate.gate, 50, 5, log);
    const Instant start = steady_clock::now();
    tasks.push_back(when_waiting([] { throw std::runtime_error("stop"); }));
    CHECK_THROWS_WITH(await(io, join(std::move(tasks))), "stop");
    CHECK(gate.gate.waiting() == 0);
    CHECK(await(io, gate.gate.pass({})));
    CHECK(seconds(start, steady_clock::now()) < 25);  // the claims of dead lanes would make it 51
  }
}

}  // namespace
}  // namespace idmerge::testing
