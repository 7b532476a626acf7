// SPDX-License-Identifier: MIT
#include "send/worker.hpp"

#include <numeric>
#include <vector>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::net;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using namespace std::chrono_literals;

namespace {

DialectOptions import_options(std::size_t batch_links_max) {
  DialectOptions options;
  options.api = Api::import;
  options.mode = ProjectMode::original;
  options.project_id = "12345";
  options.token = Secret("token-0123456789");
  options.username = Secret("etl.12345");
  options.batch_links_max = batch_links_max;
  return options;
}

Flight flight_of(std::size_t links) {
  Flight flight;
  flight.batch.links.resize(links);
  flight.begin(false, 3);
  return flight;
}

struct World {
  asio::io_context io{1};
  Endpoint endpoint = Endpoint::make(io, {.target = parse_target("http://127.0.0.1:9").value(),
                                          .tls = {},
                                          .proxy = std::nullopt})
                          .value();
  Lane lane{io, endpoint, 4};

  void load(std::size_t at, std::size_t links) {
    auto& batch = lane.flights[at].batch;
    batch.links.resize(links);
    batch.ordinals.resize(links);
    std::iota(batch.ordinals.begin(), batch.ordinals.end(), 100 * at);
    lane.flights[at].begin(false, 3);
  }
};

}  // namespace

TEST_SUITE("send/worker") {
  TEST_CASE(
      "a request is cut to what the service takes now, and is whole again when it takes more") {
    auto dialect = Dialect::make(import_options(8), "127.0.0.1:9", "").value();
    Flight flight = flight_of(8);
    flight.prepare(dialect, 0, 8);
    CHECK(flight.next().count == 8);
    flight.prepare(dialect, 0, 1);
    CHECK(flight.next().count == 1);
    CHECK(flight.parts.size() == 2);
    flight.prepare(dialect, 0, 4);
    CHECK(flight.next().count == 4);
    CHECK(flight.parts.size() == 2);
    // Its turn is for the links that it has.
    flight.passed = true;
    flight.prepare(dialect, 0, 8);
    CHECK(flight.next().count == 4);
    flight.prepare(dialect, 1, 8);  // other credentials
    CHECK(flight.next().count == 4);
    flight.passed = false;
    // What was sent has a history of its own.
    ++flight.next().tries.sent;
    flight.prepare(dialect, 1, 7);
    CHECK(flight.next().count == 4);
    flight.finish_next();
    flight.prepare(dialect, 1, 8);
    CHECK(flight.next().first == 4);
    CHECK(flight.next().count == 4);
    // Halves that the service asked for stay halves.
    flight.split_next();
    flight.prepare(dialect, 1, 1);
    flight.prepare(dialect, 1, 8);
    CHECK(flight.next().count == 2);
    CHECK(flight.parts.size() == 2);
  }

  TEST_CASE("a batch travels whole at first") {
    Flight flight = flight_of(5);
    CHECK(flight.next().first == 0);
    CHECK(flight.next().count == 5);
    CHECK(flight.links(flight.next()).size() == 5);
    flight.finish_next();
    CHECK(!flight.has_parts());
  }

  TEST_CASE("what a request does not carry comes next, and a request is made once") {
    auto dialect = Dialect::make(import_options(3), "127.0.0.1:9", "").value();
    Flight flight = flight_of(5);
    flight.prepare(dialect, 0, 100);
    CHECK(flight.next().first == 0);
    CHECK(flight.next().count == 3);
    const std::string request = flight.request;
    flight.prepare(dialect, 0, 100);
    CHECK(flight.parts.size() == 2);
    CHECK(flight.request == request);
    flight.prepare(dialect, 1, 100);  // other credentials
    CHECK(flight.parts.size() == 2);
    flight.finish_next();
    flight.prepare(dialect, 1, 100);
    CHECK(flight.next().first == 3);
    CHECK(flight.next().count == 2);
    flight.finish_next();
    CHECK(!flight.has_parts());
  }

  TEST_CASE("halves of halves end with every link alone, each once and in order") {
    Flight flight = flight_of(7);
    flight.next().tries = {.sent = 2, .failed = 3, .in_doubt = true};
    std::vector<std::size_t> alone;
    while (flight.has_parts()) {
      const Tries& tries = flight.next().tries;
      CHECK(tries.sent == 2);
      CHECK(tries.in_doubt);
      if (flight.next().count == 1) {
        CHECK(tries.failed == 0);
        alone.push_back(flight.next().first);
        flight.finish_next();
      } else {
        flight.split_next();
      }
    }
    CHECK(alone == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6});
  }

  TEST_CASE("the first flight that is due goes first, and a lane waits for the earliest") {
    World world;
    const Instant now = Instant{} + 1h;
    CHECK(!world.lane.has_parts());
    CHECK(world.lane.first_due(now) == nullptr);
    world.load(1, 1);
    world.load(2, 1);
    world.lane.flights[1].due = now + 2s;
    world.lane.flights[2].due = now + 1s;
    CHECK(world.lane.first_due(now) == nullptr);
    CHECK(world.lane.earliest_due() == now + 1s);
    CHECK(world.lane.first_due(now + 1s) == &world.lane.flights[2]);
    CHECK(world.lane.first_due(now + 2s) == &world.lane.flights[1]);
  }

  TEST_CASE("behind a flight that has left, the next one goes first, around the lane") {
    World world;
    const Instant now = Instant{} + 1h;
    auto& flights = world.lane.flights;
    for (std::size_t i = 0; i < 3; ++i)
      world.load(i, 1);
    for (const std::size_t expected : {0U, 1U, 2U, 0U}) {
      CHECK(world.lane.first_due(now) == &flights[expected]);
      world.lane.advance_past(flights[expected]);  // and is filled again at once
    }
    flights[1].due = now + 1s;
    CHECK(world.lane.first_due(now) == &flights[2]);
    world.lane.advance_past(flights[3]);
    CHECK(world.lane.first_due(now) == &flights[0]);
  }

  TEST_CASE("turns that are given up are not used any more") {
    World world;
    world.load(1, 1);
    world.lane.flights[1].passed = true;
    CHECK(world.lane.has_passed());
    world.lane.give_up_turns();
    CHECK(!world.lane.has_passed());
    CHECK(world.lane.has_parts());
  }

  TEST_CASE("a pipe grows while it is answered, and begins again with one request") {
    World world;
    CHECK(world.lane.pipe_max == 1);
    world.lane.adapt_pipe(true);
    CHECK(world.lane.pipe_max == 2);
    world.lane.adapt_pipe(true);
    world.lane.adapt_pipe(true);
    CHECK(world.lane.pipe_max == 4);
    world.lane.adapt_pipe(false);
    CHECK(world.lane.pipe_max == 1);
  }
}
