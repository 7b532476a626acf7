// SPDX-License-Identifier: MIT
#include "send/connection_pool.hpp"

#include <doctest/doctest.h>

#include "send/simulation.hpp"

using namespace idmerge;
using namespace idmerge::send;
using idmerge::testing::SimulatedReaction;
using idmerge::testing::Simulation;

namespace {

struct World {
  Simulation simulation{1};
  ConnectionPool pool{[this] { return simulation.connection(); }};

  PooledConnection& open() {
    PooledConnection& connection = pool.take_closed();
    REQUIRE(await(simulation, connection.line->open()));
    return connection;
  }

  void ask(PooledConnection& connection) {
    const auto answer = await(
        simulation, connection.line->exchange("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"));
    REQUIRE(answer.end == net::ResponseEnd::answered);
    connection.answered = connection.line->number();
    ++connection.carried;
  }

  void pass(std::chrono::nanoseconds time) { await(simulation, sleep_for(simulation, time)); }
};

}  // namespace

TEST_SUITE("send/connection_pool") {
  TEST_CASE("an idle connection is found before another one is opened, the one used last first") {
    World world;
    auto& a = world.open();
    auto& b = world.open();
    CHECK(world.pool.find_idle(nullptr) == nullptr);
    world.pool.release(a);
    world.pool.release(b);
    CHECK(world.pool.idle() == 2);
    CHECK(world.pool.find_idle(nullptr) == &b);
    CHECK(world.pool.find_idle(&a) == &a);
    CHECK(&world.pool.take(a) == &a);
    CHECK(world.pool.find_idle(&a) == &b);  // its own is in use
    world.pool.take(b);
    CHECK(world.pool.find_idle(&a) == nullptr);
    CHECK(world.pool.size() == 2);
  }

  TEST_CASE("a closed connection is opened again instead of another one, and starts anew") {
    World world;
    auto& a = world.open();
    a.adapt_pipeline(8);
    CHECK(a.pipelined_max == 2);
    a.adapt_pipeline(8);
    a.adapt_pipeline(8);
    a.adapt_pipeline(8);
    CHECK(a.pipelined_max == 8);
    a.line->close();
    world.pool.release(a);
    CHECK(world.pool.idle() == 0);
    CHECK(&world.open() == &a);
    CHECK(a.pipelined_max == 1);
    CHECK(world.pool.size() == 1);
    a.line->close();
    a.pipelined_max = 8;
    a.adapt_pipeline(8);
    CHECK(a.pipelined_max == 1);
  }

  TEST_CASE("a surplus answer is found where it came, and that connection is no longer idle") {
    World world;
    auto& a = world.open();
    auto& b = world.open();
    world.ask(a);
    world.simulation.service = [](const auto&) { return SimulatedReaction{.surplus = 1}; };
    world.ask(b);
    world.pool.release(a);
    world.pool.release(b);
    world.pass(std::chrono::seconds(1));
    const auto surplus = world.pool.look_for_surplus(nullptr);
    CHECK(surplus.lines == std::vector{b.line->number()});
    CHECK(surplus.carried == 1);
    CHECK(world.pool.find_idle(&b) == &a);
    CHECK(world.pool.idle() == 1);
    CHECK(world.pool.look_for_surplus(nullptr).lines.empty());
    CHECK(&world.pool.take_closed() == &b);
  }

  TEST_CASE("where one was seen already is counted, and only if it gave an answer") {
    World world;
    auto& a = world.open();
    CHECK(world.pool.look_for_surplus(&a).lines.empty());
    world.ask(a);
    CHECK(world.pool.look_for_surplus(&a).lines.size() == 1);
    CHECK(world.pool.look_for_surplus(&a).lines.empty());
  }

  TEST_CASE("all are closed, idle or not") {
    World world;
    auto& a = world.open();
    auto& b = world.open();
    world.pool.release(b);
    world.pool.close();
    CHECK(!a.is_open());
    CHECK(!b.is_open());
    CHECK(world.pool.idle() == 0);
    CHECK(&world.pool.take_closed() == &b);
  }
}
