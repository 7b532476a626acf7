// SPDX-License-Identifier: MIT
#include "idmerge/disk/doubt.hpp"

#include <doctest/doctest.h>

#include "support/flaky_files.hpp"
#include "support/plan_maker.hpp"

using namespace idmerge;
using idmerge::testing::FlakyFiles;
using idmerge::testing::PlanSketch;

namespace {

RunPaths paths() {
  return {"/w"};
}

/// A plan of 40 links, of which 3, 10, 17, 24, 31 and 38 are held, and a run of it.
struct World {
  World() {
    const auto facts = idmerge::testing::make_plan(files, "/w/plan", PlanSketch{.links = 40});
    REQUIRE(facts);
    auto plan = PlanReader::open(files, "/w/plan");
    REQUIRE(plan);
    REQUIRE(plan->make_durable(files));
    first.plan = facts->digest;
    first.in_flight_max = 4;
    first.ahead_max = 5;
    first.boot = "monday";
    first.ledger.links = 40;
  }

  RunState state() {
    auto read = read_run(files, paths(), first.plan);
    REQUIRE_MESSAGE(read, read);
    REQUIRE(*read);
    return std::move(**read);
  }

  Doubt doubt(std::string_view boot = "monday") {
    const auto plan = PlanReader::open(files, "/w/plan");
    REQUIRE(plan);
    auto found = links_in_doubt(state(), *plan, boot);
    REQUIRE_MESSAGE(found, found);
    return std::move(*found);
  }

  void save(const Result<Snapshot>& snapshot) {
    REQUIRE(snapshot);
    auto saver = RunSaver::open(files, paths());
    REQUIRE(saver);
    REQUIRE(saver->save(*snapshot));
  }

  FlakyFiles files;
  Checkpoint first;
};

using Ranges = std::vector<LinkRange>;

}  // namespace

TEST_SUITE("disk/doubt") {
  TEST_CASE("where the plan cannot be read it is not known which, and that is an error") {
    World world;
    REQUIRE(RunLog::begin(world.files, paths(), world.first));
    auto bytes = world.files.content("/w/plan");
    {
      const auto plan = PlanReader::open(world.files, "/w/plan");
      REQUIRE(plan);
      auto& byte = bytes[plan->entry(0).columns.offset];
      byte = static_cast<char>(byte ^ 1);
    }
    world.files.put("/w/plan", bytes);
    const auto damaged = PlanReader::open(world.files, "/w/plan");
    REQUIRE(damaged);
    const auto doubt = links_in_doubt(world.state(), *damaged, "monday");
    REQUIRE_FALSE(doubt);
    CHECK(doubt.error().code == Errc::input);
  }

  TEST_CASE("after a kill the first pending links to be sent are in doubt, over held ones") {
    World world;
    auto log = RunLog::begin(world.files, paths(), world.first);
    REQUIRE(log);
    log->deliver(0, 2, 1);
    log->deliver(4, 1, 1);
    REQUIRE(log->flush());
    world.files.revive();
    const auto doubt = world.doubt();
    CHECK(doubt.died);
    CHECK(!doubt.power_lost);
    CHECK(doubt.ranges == Ranges{{2, 1}, {5, 3}});
    CHECK(doubt.links() == 4);
    for (std::uint64_t i = 0; i < 12; ++i)
      CHECK(doubt.contains(i) == (i == 2 || (i >= 5 && i <= 7)));
    CHECK(doubt.reaches(0, 3));
    CHECK(!doubt.reaches(3, 2));
    CHECK(doubt.reaches(7, 100));
    CHECK(!doubt.reaches(8, 100));
  }

  TEST_CASE("a power loss, known by another boot or none, adds what left since the checkpoint") {
    World world;
    REQUIRE(RunLog::begin(world.files, paths(), world.first));
    world.files.lose_power(FlakyFiles::Keep::synced);
    for (const auto* boot : {"tuesday", ""}) {
      const auto doubt = world.doubt(boot);
      CHECK(doubt.power_lost);
      CHECK(doubt.ranges == Ranges{{0, 3}, {4, 6}});
    }
    CHECK(world.doubt("monday").links() == 4);
  }

  TEST_CASE("an end in order leaves exactly what was not answered, and what is parked") {
    World world;
    auto log = RunLog::begin(world.files, paths(), world.first);
    REQUIRE(log);
    log->deliver(0, 1, 1);
    log->park(1, 10);
    world.save(log->last_snapshot(false, 5, {7, 4, 5}));
    const auto doubt = world.doubt("tuesday");
    CHECK(!doubt.died);
    CHECK(!doubt.power_lost);
    CHECK(doubt.ranges == Ranges{{1, 1}, {4, 2}, {7, 1}});
  }

  TEST_CASE("what a killed run left in doubt stays so until it is settled, whoever ends how") {
    World world;
    {
      auto log = RunLog::begin(world.files, paths(), world.first);
      REQUIRE(log);
    }
    world.files.revive();
    const auto resume = [&] {
      auto state = world.state();
      state.checkpoint.in_doubt = world.doubt().ranges;
      state.checkpoint.in_flight_max = 4;
      auto log = RunLog::resume(world.files, paths(), std::move(state));
      REQUIRE_MESSAGE(log, log);
      return std::move(*log);
    };
    {
      auto log = resume();
      log.deliver(1, 1, 1);
      world.save(log.last_snapshot(false, 143, {8}));  // stopped before it came to the others
    }
    CHECK(world.doubt().ranges == Ranges{{0, 1}, {2, 1}, {4, 1}, {8, 1}});
    {
      auto log = resume();
      log.refuse(0, 1, "{}");
      REQUIRE(log.flush());
    }
    world.files.revive();  // killed once more
    CHECK(world.doubt().ranges == Ranges{{2, 1}, {4, 3}, {8, 1}});
  }

  TEST_CASE("in a round of spares the first pending ones of its list are in doubt, and no others") {
    World world;
    const auto plan = PlanReader::open(world.files, "/w/plan");
    REQUIRE(plan);
    RunState state;
    state.checkpoint = world.first;
    state.checkpoint.round = 1;
    state.checkpoint.round_links = 7;
    state.checkpoint.ledger = {
        .links = 40, .watermark = 6, .above = {{9, 1}}, .parked = {}, .delivered = 2, .passed = 5};
    const std::vector<std::uint64_t> spares{5, 9, 12, 20, 21, 30, 33};
    const auto killed = links_in_doubt(state, *plan, "monday", spares);
    REQUIRE_MESSAGE(killed, killed);
    CHECK(killed->ranges == Ranges{{12, 1}, {20, 2}, {30, 1}});
    const auto lost = links_in_doubt(state, *plan, "tuesday", spares);
    REQUIRE(lost);
    CHECK(lost->ranges == Ranges{{12, 1}, {20, 2}, {30, 1}, {33, 1}});
    state.checkpoint.in_flight_max = 0;
    state.checkpoint.in_doubt = {{12, 1}};
    const auto ended = links_in_doubt(state, *plan, "monday");
    REQUIRE(ended);
    CHECK(ended->ranges == Ranges{{12, 1}});
  }

  TEST_CASE("as many links leave as the durable checkpoint foresaw") {
    World world;
    auto log = RunLog::begin(world.files, paths(), world.first);
    REQUIRE(log);
    for (int i = 0; i < 5; ++i) {
      CHECK(log->may_hand_out());
      log->hand_out();
    }
    CHECK(!log->may_hand_out());
    log->deliver(0, 3, 1);
    const auto snapshot = log->snapshot();
    REQUIRE(snapshot);
    CHECK(!log->may_hand_out());
    log->saved(snapshot->handed_out, snapshot->checkpoint.ahead_max);
    CHECK(log->may_hand_out());
  }

  TEST_CASE("ordinals in any order and number make ranges that are disjoint and not adjacent") {
    CHECK(ranges_of({5, 3, 4, 4, 9, 7, 3}) == Ranges{{3, 3}, {7, 1}, {9, 1}});
    CHECK(ranges_of({0}) == Ranges{{0, 1}});
    CHECK(ranges_of({}).empty());
  }
}
