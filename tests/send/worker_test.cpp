// SPDX-License-Identifier: MIT
#include "send/worker.hpp"

#include <numeric>
#include <vector>

#include <doctest/doctest.h>

#include "send/import_api.hpp"
#include "send/simulation.hpp"

using namespace idmerge;
using namespace idmerge::net;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using namespace std::chrono_literals;

namespace {

ServiceApiOptions import_options(std::size_t batch_links_max) {
  ServiceApiOptions options;
  options.mode = ProjectMode::original;
  options.project_id = "12345";
  options.token = Secret("token-0123456789");
  options.username = Secret("etl.12345");
  options.batch_links_max = batch_links_max;
  return options;
}

RequestInFlight in_flight_of(std::size_t links) {
  RequestInFlight in_flight;
  in_flight.batch.links.resize(links);
  in_flight.begin(false, 3);
  return in_flight;
}

struct World {
  idmerge::testing::Simulation simulation{1};
  Worker worker{simulation, 4};

  void load(std::size_t at, std::size_t links) {
    auto& batch = worker.requests_in_flight[at].batch;
    batch.links.resize(links);
    batch.ordinals.resize(links);
    std::iota(batch.ordinals.begin(), batch.ordinals.end(), 100 * at);
    worker.requests_in_flight[at].begin(false, 3);
  }
};

}  // namespace

TEST_SUITE("send/worker") {
  TEST_CASE(
      "a request is cut to what the service takes now, and is whole again when it takes more") {
    auto service_api = import_api.make(import_options(8), "127.0.0.1:9", "").value();
    RequestInFlight in_flight = in_flight_of(8);
    in_flight.prepare(*service_api, 0, 8);
    CHECK(in_flight.next().count == 8);
    in_flight.prepare(*service_api, 0, 1);
    CHECK(in_flight.next().count == 1);
    CHECK(in_flight.slices.size() == 2);
    in_flight.prepare(*service_api, 0, 4);
    CHECK(in_flight.next().count == 4);
    CHECK(in_flight.slices.size() == 2);
    // Its turn is for the links that it has.
    in_flight.has_permit = true;
    in_flight.prepare(*service_api, 0, 8);
    CHECK(in_flight.next().count == 4);
    in_flight.prepare(*service_api, 1, 8);  // other credentials
    CHECK(in_flight.next().count == 4);
    in_flight.has_permit = false;
    // What was sent has a history of its own.
    ++in_flight.next().tries.sent;
    in_flight.prepare(*service_api, 1, 7);
    CHECK(in_flight.next().count == 4);
    in_flight.finish_next();
    in_flight.prepare(*service_api, 1, 8);
    CHECK(in_flight.next().first == 4);
    CHECK(in_flight.next().count == 4);
    // Halves that the service asked for stay halves.
    in_flight.split_next();
    in_flight.prepare(*service_api, 1, 1);
    in_flight.prepare(*service_api, 1, 8);
    CHECK(in_flight.next().count == 2);
    CHECK(in_flight.slices.size() == 2);
  }

  TEST_CASE("a batch travels whole at first") {
    RequestInFlight in_flight = in_flight_of(5);
    CHECK(in_flight.next().first == 0);
    CHECK(in_flight.next().count == 5);
    CHECK(in_flight.links(in_flight.next()).size() == 5);
    in_flight.finish_next();
    CHECK(!in_flight.has_slices());
  }

  TEST_CASE("what a request does not carry comes next, and a request is made once") {
    auto service_api = import_api.make(import_options(3), "127.0.0.1:9", "").value();
    RequestInFlight in_flight = in_flight_of(5);
    in_flight.prepare(*service_api, 0, 100);
    CHECK(in_flight.next().first == 0);
    CHECK(in_flight.next().count == 3);
    const std::string request = in_flight.request;
    in_flight.prepare(*service_api, 0, 100);
    CHECK(in_flight.slices.size() == 2);
    CHECK(in_flight.request == request);
    in_flight.prepare(*service_api, 1, 100);  // other credentials
    CHECK(in_flight.slices.size() == 2);
    in_flight.finish_next();
    in_flight.prepare(*service_api, 1, 100);
    CHECK(in_flight.next().first == 3);
    CHECK(in_flight.next().count == 2);
    in_flight.finish_next();
    CHECK(!in_flight.has_slices());
  }

  TEST_CASE("halves of halves end with every link alone, each once and in order") {
    RequestInFlight in_flight = in_flight_of(7);
    in_flight.next().tries = {.sent = 2, .failed = 3, .in_doubt = true};
    std::vector<std::size_t> alone;
    while (in_flight.has_slices()) {
      const Tries& tries = in_flight.next().tries;
      CHECK(tries.sent == 2);
      CHECK(tries.in_doubt);
      if (in_flight.next().count == 1) {
        CHECK(tries.failed == 0);
        alone.push_back(in_flight.next().first);
        in_flight.finish_next();
      } else {
        in_flight.split_next();
      }
    }
    CHECK(alone == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6});
  }

  TEST_CASE(
      "the first request in flight that is due goes first, and a worker waits for the earliest") {
    World world;
    const Instant now = Instant{} + 1h;
    CHECK(!world.worker.has_slices());
    CHECK(world.worker.next_to_send(now) == nullptr);
    world.load(1, 1);
    world.load(2, 1);
    world.worker.requests_in_flight[1].due = now + 2s;
    world.worker.requests_in_flight[2].due = now + 1s;
    CHECK(world.worker.next_to_send(now) == nullptr);
    CHECK(world.worker.earliest_due() == now + 1s);
    CHECK(world.worker.next_to_send(now + 1s) == &world.worker.requests_in_flight[2]);
    CHECK(world.worker.next_to_send(now + 2s) == &world.worker.requests_in_flight[1]);
  }

  TEST_CASE(
      "behind a request in flight that has left, the next one goes first, around the worker") {
    World world;
    const Instant now = Instant{} + 1h;
    auto& requests_in_flight = world.worker.requests_in_flight;
    for (std::size_t i = 0; i < 3; ++i)
      world.load(i, 1);
    for (const std::size_t expected : {0U, 1U, 2U, 0U}) {
      CHECK(world.worker.next_to_send(now) == &requests_in_flight[expected]);
      world.worker.advance_past(requests_in_flight[expected]);  // and is filled again at once
    }
    requests_in_flight[1].due = now + 1s;
    CHECK(world.worker.next_to_send(now) == &requests_in_flight[2]);
    world.worker.advance_past(requests_in_flight[3]);
    CHECK(world.worker.next_to_send(now) == &requests_in_flight[0]);
  }

  TEST_CASE("a request with a permit goes first, and none that is sent already goes again") {
    World world;
    const Instant now = Instant{} + 1h;
    for (std::size_t i = 0; i < 3; ++i)
      world.load(i, 1);
    auto& requests_in_flight = world.worker.requests_in_flight;
    requests_in_flight[2].has_permit = true;
    CHECK(world.worker.next_to_send(now) == &requests_in_flight[2]);
    world.worker.pipelined = {&requests_in_flight[2]};
    CHECK(world.worker.next_to_send(now) == &requests_in_flight[0]);
    world.worker.pipelined.push_back(&requests_in_flight[0]);
    world.worker.pipelined.push_back(&requests_in_flight[1]);
    CHECK(world.worker.next_to_send(now) == nullptr);
  }

  TEST_CASE("turns that are given up are not used any more") {
    World world;
    world.load(1, 1);
    world.worker.requests_in_flight[1].has_permit = true;
    CHECK(world.worker.holds_permit());
    world.worker.give_up_permits();
    CHECK(!world.worker.holds_permit());
    CHECK(world.worker.has_slices());
  }
}
