// SPDX-License-Identifier: MIT
#include "send/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "send/simulation.hpp"
#include "send/worker.hpp"

namespace idmerge::testing {

using namespace net;
using namespace send;
namespace {

using namespace std::chrono_literals;

RateLimiterOptions links(double rate_per_s, double burst) {
  RateLimiterOptions options;
  options.links = {.rate_per_s = rate_per_s, .burst = burst};
  return options;
}

/// A scheduler with its rate limiter and with workers, of which so many have a connection.
struct Permits {
  explicit Permits(const RateLimiterOptions& options, std::size_t count = 1)
      : Permits(options, count, count) {}
  Permits(const RateLimiterOptions& options, std::size_t count, std::size_t connected)
      : rate_limiter(options),
        pool([this] { return simulation.connection(); }),
        scheduler(simulation, rate_limiter, pool) {
    for (std::size_t i = 0; i < count; ++i)
      workers.push_back(std::make_unique<Worker>(simulation, 1));
    for (std::size_t i = 0; i < connected; ++i) {
      workers[i]->connection = &pool.take_closed();
      REQUIRE(await(simulation, workers[i]->connection->line->open()));
    }
  }

  /// Which workers have a connection.
  std::vector<int> connected() const {
    std::vector<int> numbers;
    for (std::size_t i = 0; i < workers.size(); ++i) {
      if (workers[i]->is_connected()) numbers.push_back(static_cast<int>(i));
    }
    return numbers;
  }

  bool try_acquire(const Cost& cost) { return scheduler.try_acquire(cost, simulation.now()); }

  void pause_until(Instant until) {
    if (rate_limiter.pause_until(until)) scheduler.renew();
  }
  void set_rate(const RateLimiterOptions& options) {
    rate_limiter.set_rate(options, simulation.now());
    scheduler.renew();
  }

  Simulation simulation{1};
  RateLimiter rate_limiter;
  ConnectionPool pool;
  Scheduler scheduler;
  std::vector<std::unique_ptr<Worker>> workers;
};

/// So many turns and no more.
RateLimiterOptions only(double permits) {
  return links(1e-6, permits);
}

/// No turn, until only() is set.
RateLimiterOptions nothing() {
  RateLimiterOptions options = only(100);
  options.closed = true;
  return options;
}

double seconds(Instant from, Instant to) {
  return std::chrono::duration<double>(to - from).count();
}

struct Passage {
  int worker;
  bool has_permit;
  Instant at;
};

Task<void> worker(Permits& permits, int number, int times, std::vector<Passage>& log) {
  for (int i = 0; i < times; ++i) {
    auto& worker = *permits.workers[static_cast<std::size_t>(number)];
    const auto has_permit = co_await permits.scheduler.acquire(worker, {});
    log.push_back({number, has_permit && *has_permit, permits.simulation.now()});
    if (!log.back().has_permit) co_return;
    CHECK(worker.is_connected());
  }
}

/// A worker that cannot open a connection.
Task<void> in_vain(Permits& permits, std::size_t number) {
  const auto has_permit = co_await permits.scheduler.acquire(*permits.workers[number], {});
  REQUIRE(!has_permit);
  CHECK(has_permit.error().code == Errc::outage);
}

/// A worker that passes once and says so; when so many have, the others are sent away.
Task<void> once(Permits& permits, int number, std::size_t turns_in_all, std::vector<int>& order) {
  std::vector<Passage> log;
  co_await worker(permits, number, 1, log);
  if (!log.front().has_permit) co_return;
  order.push_back(number);
  if (order.size() == turns_in_all) permits.scheduler.close();
}

/// Started behind workers, it acts when they wait and before any timer can have fired.
template <class F>
Task<void> when_waiting(F act) {
  act();
  co_return;
}

std::vector<Task<void>> workers(Permits& permits, int times, std::vector<Passage>& log) {
  std::vector<Task<void>> tasks;
  for (std::size_t i = 0; i < permits.workers.size(); ++i)
    tasks.push_back(worker(permits, static_cast<int>(i), times, log));
  return tasks;
}

/// The order in which workers pass that come in this order while nothing may, when so many may.
std::vector<int> order_of(Permits& permits, const std::vector<int>& come,
                          std::size_t turns_in_all) {
  std::vector<int> order;
  std::vector<Task<void>> tasks;
  for (const int number : come)
    tasks.push_back(once(permits, number, turns_in_all, order));
  tasks.push_back(when_waiting([&] { permits.set_rate(only(static_cast<double>(turns_in_all))); }));
  await(permits.simulation, join(std::move(tasks)));
  return order;
}

TEST_SUITE("send/scheduler") {
  TEST_CASE("with tokens at hand a worker passes without being suspended") {
    Permits scheduler(links(10, 3));
    CHECK(scheduler.try_acquire({}));
    CHECK(scheduler.try_acquire({}));
    CHECK(scheduler.try_acquire({}));
    CHECK_FALSE(scheduler.try_acquire({}));
    Permits open(links(0, 1));
    for (int i = 0; i < 1000; ++i)
      CHECK(open.try_acquire({.links = 1e9, .bytes = 1e12}));
  }

  TEST_CASE("workers pass in the order in which they came, at the pace, and none is lost") {
    Permits scheduler(links(200, 1), 5);
    std::vector<Passage> log;
    const Instant start = scheduler.simulation.now();
    await(scheduler.simulation, join(workers(scheduler, 12, log)));
    REQUIRE(log.size() == 60);
    for (std::size_t i = 0; i < log.size(); ++i) {
      // The first one passed at once and came back before the others had come at all.
      if (i < 56) CHECK(log[i].worker == (i == 0 ? 0 : static_cast<int>((i - 1) % 5)));
      CHECK(log[i].has_permit);
      CHECK(seconds(start, log[i].at) ==
            doctest::Approx(static_cast<double>(i) / 200).epsilon(1e-6));
    }
    CHECK(scheduler.scheduler.waiting() == 0);
  }

  TEST_CASE("a late wake-up is made up for, so that the mean holds") {
    // The timer waits a millisecond at least, in which twenty permits become due.
    Permits scheduler(links(20'000, 2'000), 16);
    std::vector<Passage> log;
    const Instant start = scheduler.simulation.now();  // tokens come back from here on
    for (int i = 0; i < 2'000; ++i)
      REQUIRE(scheduler.try_acquire({}));
    await(scheduler.simulation, join(workers(scheduler, 500, log)));
    const double took = seconds(start, log.back().at);
    CHECK(took >= 0.3999);
    CHECK(took < 0.402);
  }

  TEST_CASE("all limits hold together") {
    RateLimiterOptions options = links(1, 10);
    options.requests = {.rate_per_s = 100, .burst = 1};
    options.bytes = {.rate_per_s = 1e3, .burst = 1e5};
    Permits scheduler(options);
    CHECK(scheduler.try_acquire({.links = 5, .bytes = 1'000}));
    CHECK_FALSE(scheduler.try_acquire({.links = 5, .bytes = 1'000}));  // requests
    await(scheduler.simulation, sleep_for(scheduler.simulation, 20ms));
    CHECK_FALSE(scheduler.try_acquire({.links = 8, .bytes = 1'000}));  // links
    CHECK_FALSE(scheduler.try_acquire({.links = 1, .bytes = 9e5}));    // bytes: above what is left
    CHECK(scheduler.try_acquire({.links = 1, .bytes = 0}));
  }

  TEST_CASE("a pause holds everyone who waits, and those who come") {
    Permits scheduler(links(1'000, 1), 3);
    std::vector<Passage> log;
    auto tasks = workers(scheduler, 20, log);
    const Instant start = scheduler.simulation.now();
    tasks.push_back(when_waiting([&] {
      scheduler.pause_until(start + 150ms);
      scheduler.pause_until(start + 50ms);  // changes nothing
    }));
    await(scheduler.simulation, join(std::move(tasks)));
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
    Permits scheduler(links(0.1, 1), 4);
    CHECK(scheduler.try_acquire({}));
    std::vector<Passage> log;
    auto tasks = workers(scheduler, 5, log);
    const Instant start = scheduler.simulation.now();
    tasks.push_back(when_waiting([&] { scheduler.set_rate(links(1'000, 1)); }));
    await(scheduler.simulation, join(std::move(tasks)));
    CHECK(log.size() == 20);
    CHECK(seconds(start, log.back().at) < 0.03);  // not the 200 s of the old rate
  }

  TEST_CASE("a slower rate is in force at once, too: no claim of the old one survives") {
    Permits scheduler(links(20, 1));
    CHECK(scheduler.try_acquire({}));
    std::vector<Passage> log;
    auto tasks = workers(scheduler, 1, log);
    const Instant start = scheduler.simulation.now();
    tasks.push_back(when_waiting([&] { scheduler.set_rate(links(5, 1)); }));
    await(scheduler.simulation, join(std::move(tasks)));
    CHECK(seconds(start, log.front().at) == doctest::Approx(0.2).epsilon(0.01));
  }

  TEST_CASE("what is paused until further notice waits for it, and then goes on at once") {
    RateLimiterOptions none = links(0, 1);
    none.closed = true;
    Permits scheduler(none, 4);
    CHECK_FALSE(scheduler.try_acquire({}));
    std::vector<Passage> log;
    auto tasks = workers(scheduler, 5, log);
    tasks.push_back(when_waiting([&] {
      CHECK(log.empty());
      scheduler.set_rate(none);
      scheduler.pause_until(scheduler.simulation.now() + 1ms);
      scheduler.set_rate(links(1'000, 1));
    }));
    await(scheduler.simulation, join(std::move(tasks)));
    CHECK(log.size() == 20);
  }

  TEST_CASE("a closed scheduler sends everyone away") {
    Permits scheduler(links(0.1, 1), 3);
    CHECK(scheduler.try_acquire({}));
    std::vector<Passage> log;
    auto tasks = workers(scheduler, 5, log);
    tasks.push_back(when_waiting([&] { scheduler.scheduler.close(); }));
    await(scheduler.simulation, join(std::move(tasks)));
    REQUIRE(log.size() == 3);
    for (const auto& passage : log)
      CHECK_FALSE(passage.has_permit);
    CHECK_FALSE(scheduler.try_acquire({}));
    CHECK_FALSE(await(scheduler.simulation, scheduler.scheduler.acquire(*scheduler.workers[0], {}))
                    .value());
  }

  TEST_CASE("a pause holds the first one, too, though it has its reservation already") {
    Permits scheduler(links(10, 1));
    CHECK(scheduler.try_acquire({}));
    std::vector<Passage> log;
    auto tasks = workers(scheduler, 1, log);
    const Instant start = scheduler.simulation.now();
    tasks.push_back(when_waiting([&] { scheduler.pause_until(start + 250ms); }));
    await(scheduler.simulation, join(std::move(tasks)));
    CHECK(seconds(start, log.front().at) >= 0.25);
  }

  TEST_CASE("a cancelled worker gives its place up and claims nothing") {
    Permits scheduler(links(1, 1), 50);
    CHECK(scheduler.try_acquire({}));
    std::vector<Passage> log;
    auto tasks = workers(scheduler, 5, log);
    const Instant start = scheduler.simulation.now();
    tasks.push_back(when_waiting([] { throw std::runtime_error("stop"); }));
    CHECK_THROWS_WITH(await(scheduler.simulation, join(std::move(tasks))), "stop");
    CHECK(scheduler.scheduler.waiting() == 0);
    CHECK(await(scheduler.simulation, scheduler.scheduler.acquire(*scheduler.workers[0], {}))
              .value());
    CHECK(seconds(start, scheduler.simulation.now()) <
          25);  // the claims of dead workers would make it 51
  }

  TEST_CASE("a turn takes the idle connection of another worker, and no new one is opened") {
    Permits permits(nothing(), 4, 1);
    CHECK(order_of(permits, {1, 2, 3, 0}, 1) == std::vector{1});
    CHECK(permits.connected() == std::vector{1});
  }

  TEST_CASE("what is known about a connection goes with it") {
    Permits permits(nothing(), 2, 1);
    permits.workers[0]->connection->pipelined_max = 8;
    CHECK(order_of(permits, {1, 0}, 1) == std::vector{1});
    CHECK(permits.workers[0]->pipelined_max() == 1);
    CHECK(permits.workers[1]->pipelined_max() == 8);
  }

  TEST_CASE("when all are busy another is opened, and no more of them than there are turns") {
    Permits permits(nothing(), 6, 1);
    CHECK(order_of(permits, {1, 2, 3, 4, 5, 0}, 3) == std::vector{1, 2, 3});
    CHECK(permits.connected() == std::vector{1, 2, 3});
  }

  TEST_CASE("who brings a connection brings it for the first in line") {
    Permits permits(only(1), 3, 1);
    permits.simulation.handshake = 1h;
    std::vector<int> order;
    std::vector<Task<void>> tasks;
    tasks.push_back(in_vain(permits, 2));  // opens a connection for the only turn
    tasks.push_back(once(permits, 1, 2, order));
    tasks.push_back(once(permits, 0, 2, order));
    tasks.push_back(when_waiting([&] {
      permits.scheduler.close();
      permits.workers[2]->connection->line->close();
    }));
    await(permits.simulation, join(std::move(tasks)));
    CHECK(order == std::vector{1});
  }

  TEST_CASE("who is long in opening a connection holds up nobody") {
    Permits permits(links(200, 1), 4, 1);
    int opened = 0;
    permits.simulation.step = [&] { permits.simulation.handshake = opened++ == 0 ? 1h : 20ms; };
    std::vector<Passage> log;
    std::vector<Task<void>> tasks;
    tasks.push_back(in_vain(permits, 2));
    tasks.push_back([](Permits& of, std::vector<Passage>& to) -> Task<void> {
      std::vector<Task<void>> others;
      others.push_back(worker(of, 0, 20, to));
      others.push_back(worker(of, 3, 20, to));
      co_await join(std::move(others));
      REQUIRE(of.workers[2]->connection != nullptr);
      CHECK(!of.workers[2]->is_connected());  // it is at it still
      of.workers[2]->connection->line->close();
    }(permits, log));
    await(permits.simulation, join(std::move(tasks)));
    CHECK(log.size() == 40);
    for (const auto& passage : log)
      CHECK(passage.has_permit);
  }

  TEST_CASE("a connection that cannot be opened costs no turn, and the next in line gets it") {
    Permits permits(nothing(), 2, 0);
    int opened = 0;
    permits.simulation.opens = [&]() -> Result<void> {
      if (opened++ == 0) return Error{Errc::outage, "connection refused"};
      return {};
    };
    std::vector<int> order;
    std::vector<Task<void>> tasks;
    tasks.push_back(in_vain(permits, 0));
    tasks.push_back(once(permits, 1, 1, order));
    tasks.push_back(when_waiting([&] { permits.set_rate(only(1)); }));
    await(permits.simulation, join(std::move(tasks)));
    CHECK(order == std::vector{1});
  }

  TEST_CASE("who is suspected of having ended a connection gets none of another worker's") {
    Permits permits(nothing(), 2, 1);
    permits.workers[1]->retry_first = &permits.workers[1]->requests_in_flight[0];
    std::vector<int> order;
    std::vector<Task<void>> tasks;
    tasks.push_back(once(permits, 1, 1, order));
    tasks.push_back(once(permits, 0, 1, order));
    tasks.push_back(when_waiting([&] {
      permits.scheduler.hand_over(*permits.workers[0]);
      CHECK(permits.pool.idle() == 1);
      permits.set_rate(only(1));
    }));
    await(permits.simulation, join(std::move(tasks)));
    CHECK(order == std::vector{0});  // while the other one opened its own
    CHECK(permits.connected() == std::vector{0, 1});
  }

  TEST_CASE("a worker that has ended leaves its connection to one that waits") {
    Permits permits(nothing(), 3, 1);
    std::vector<int> order;
    std::vector<Task<void>> tasks;
    tasks.push_back(once(permits, 1, 1, order));
    tasks.push_back(once(permits, 2, 1, order));
    tasks.push_back(when_waiting([&] {
      permits.scheduler.hand_over(*permits.workers[0]);
      CHECK(permits.connected().empty());
      CHECK(permits.pool.idle() == 1);
      permits.scheduler.hand_over(*permits.workers[0]);  // it has none any more
      CHECK(permits.pool.idle() == 1);
      permits.set_rate(only(1));
    }));
    await(permits.simulation, join(std::move(tasks)));
    CHECK(order == std::vector{1});
    CHECK(permits.connected() == std::vector{1});
  }
}

}  // namespace
}  // namespace idmerge::testing
