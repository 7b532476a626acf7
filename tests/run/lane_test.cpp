// SPDX-License-Identifier: MIT
#include "idmerge/run/lane.hpp"

#include <vector>

#include <doctest/doctest.h>

using namespace idmerge;

namespace {

struct World {
  explicit World(std::size_t links) {
    lane.batch.links.resize(links);
    lane.begin();
  }

  asio::io_context io{1};
  Endpoint endpoint = Endpoint::make(io, {.target = parse_target("http://127.0.0.1:9").value(),
                                          .tls = {},
                                          .proxy = std::nullopt})
                          .value();
  Lane lane{io, endpoint};
};

}  // namespace

TEST_SUITE("run/lane") {
  TEST_CASE("a batch travels whole at first") {
    World world(5);
    const Part part = world.lane.take();
    CHECK(part.first == 0);
    CHECK(part.count == 5);
    CHECK(world.lane.links(part).size() == 5);
    CHECK(!world.lane.has_parts());
  }

  TEST_CASE("what a request does not carry comes next") {
    World world(5);
    const Part carried = world.lane.keep_rest(world.lane.take(), 3);
    CHECK(carried.first == 0);
    CHECK(carried.count == 3);
    const Part rest = world.lane.keep_rest(world.lane.take(), 2);
    CHECK(rest.first == 3);
    CHECK(rest.count == 2);
    CHECK(!world.lane.has_parts());
  }

  TEST_CASE("halves of halves end with every link alone, each once and in order") {
    World world(7);
    std::vector<std::size_t> alone;
    while (world.lane.has_parts()) {
      const Part part = world.lane.take();
      if (part.count == 1) {
        alone.push_back(part.first);
      } else {
        world.lane.split(part);
      }
    }
    CHECK(alone == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6});
  }
}
