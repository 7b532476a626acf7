// SPDX-License-Identifier: MIT
#include "send/in_doubt.hpp"

#include <doctest/doctest.h>

#include "support/flaky_files.hpp"
#include "support/plan_maker.hpp"

using namespace idmerge;
using namespace idmerge::plan;
using namespace idmerge::send;
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
    first.ceiling = 9;
    first.boot = "monday";
    first.ledger.links = 40;
  }

  RunState state() {
    auto read = read_run(files, paths(), first.plan);
    REQUIRE_MESSAGE(read, read);
    REQUIRE(*read);
    return std::move(**read);
  }

  InDoubt in_doubt(std::string_view boot = "monday") {
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

}  // namespace

TEST_SUITE("send/in_doubt") {
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
    const auto in_doubt = links_in_doubt(world.state(), *damaged, "tuesday");
    REQUIRE_FALSE(in_doubt);
    CHECK(in_doubt.error().code == Errc::input);
  }

  TEST_CASE("after a kill those are in doubt that had left and are not settled, and no others") {
    World world;
    auto log = RunLog::begin(world.files, paths(), world.first);
    REQUIRE(log);
    log->attempt(0, 3);
    log->attempt(4, 4);
    log->attempt(9, 1);
    log->deliver(0, 2, 1);
    log->refuse(4, 1, "{}");
    log->withdraw(6, 1);  // "too many requests", say
    log->withdraw(9, 1);
    REQUIRE(log->flush());
    log->attempt(11, 2);  // never flushed, so never sent
    world.files.revive();
    const auto in_doubt = world.in_doubt();
    CHECK(in_doubt.died);
    CHECK(!in_doubt.power_lost);
    CHECK(in_doubt.links == LinkSet{{2, 1}, {5, 1}, {7, 1}});
  }

  TEST_CASE("a snapshot takes along what is under way, and later journals go on from there") {
    World world;
    auto log = RunLog::begin(world.files, paths(), world.first);
    REQUIRE(log);
    log->attempt(0, 3);
    world.save(log->snapshot());
    log->attempt(4, 2);
    log->withdraw(1, 1);
    log->deliver(2, 1, 1);
    REQUIRE(log->flush());
    world.files.revive();
    CHECK(world.in_doubt().links == LinkSet{{0, 1}, {4, 2}});
  }

  TEST_CASE("a link that is parked stays in doubt if it was sent, and only then") {
    World world;
    auto log = RunLog::begin(world.files, paths(), world.first);
    REQUIRE(log);
    log->attempt(0, 2);
    log->withdraw(1, 1);
    log->park(0, 10);
    log->park(1, 10);
    CHECK(log->is_in_doubt(0));
    CHECK(!log->is_in_doubt(1));
    CHECK(!log->was_in_doubt(0));
    REQUIRE(log->flush());
    world.files.revive();
    CHECK(world.in_doubt().links == LinkSet{{0, 1}});
    // Its last try may have left since the checkpoint that a power loss goes back to.
    CHECK(world.in_doubt("tuesday").links.contains(1));
  }

  TEST_CASE(
      "after a power loss, known by another boot or none, all below the ceiling are in doubt") {
    World world;
    REQUIRE(RunLog::begin(world.files, paths(), world.first));
    world.files.lose_power(FlakyFiles::Keep::synced);
    for (const auto* boot : {"tuesday", ""}) {
      const auto in_doubt = world.in_doubt(boot);
      CHECK(in_doubt.power_lost);
      CHECK(in_doubt.links == LinkSet{{0, 3}, {4, 5}});  // 3 is held, 9 the ceiling
    }
    CHECK(world.in_doubt("monday").links.empty());
  }

  TEST_CASE("where the journal is gone or does not fit, only the ceiling says what had left") {
    for (const bool gone : {true, false}) {
      World world;
      {
        auto log = RunLog::begin(world.files, paths(), world.first);
        REQUIRE(log);
        log->attempt(0, 1);
        REQUIRE(log->flush());
      }
      if (gone) {
        REQUIRE(world.files.remove("/w/journal.1"));
      } else {
        auto journal = Journal::create(world.files, "/w/journal.1", world.first.plan, 1, 77);
        REQUIRE(journal);
        journal->add({.first = 0, .kind = EntryKind::attempted});
        REQUIRE(journal->flush());
      }
      CHECK(world.state().journal_lost);
      CHECK(world.in_doubt().links == LinkSet{{0, 3}, {4, 5}});
    }
  }

  TEST_CASE("an end in order leaves exactly what was not answered") {
    World world;
    auto log = RunLog::begin(world.files, paths(), world.first);
    REQUIRE(log);
    log->attempt(0, 3);
    log->attempt(4, 4);
    log->deliver(0, 1, 1);
    log->withdraw(2, 1);
    log->withdraw(6, 1);
    log->park(1, 10);
    log->park(2, 10);
    world.save(log->last_snapshot(false, 5));
    const auto in_doubt = world.in_doubt("tuesday");
    CHECK(!in_doubt.died);
    CHECK(!in_doubt.power_lost);
    CHECK(in_doubt.links == LinkSet{{1, 1}, {4, 2}, {7, 1}});
  }

  TEST_CASE("what a killed run left in doubt stays so until it is settled, whoever ends how") {
    World world;
    {
      auto log = RunLog::begin(world.files, paths(), world.first);
      REQUIRE(log);
      log->attempt(0, 3);
      log->attempt(4, 1);
      REQUIRE(log->flush());
    }
    world.files.revive();
    const auto resume = [&] {
      auto state = world.state();
      state.checkpoint.in_doubt = world.in_doubt().links;
      state.checkpoint.in_flight_max = 4;
      auto log = RunLog::resume(world.files, paths(), std::move(state));
      REQUIRE_MESSAGE(log, log);
      return std::move(*log);
    };
    {
      auto log = resume();
      CHECK(log.was_in_doubt(2));
      log.attempt(0, 3);
      log.withdraw(0, 3);  // nothing was taken now, and before that nobody knows
      log.deliver(1, 1, 1);
      log.attempt(8, 1);
      world.save(log.last_snapshot(false, 143));  // stopped before it came to the others
    }
    CHECK(world.in_doubt().links == LinkSet{{0, 1}, {2, 1}, {4, 1}, {8, 1}});
    {
      auto log = resume();
      log.attempt(0, 1);
      log.attempt(2, 1);
      log.withdraw(2, 1);
      log.refuse(0, 1, "{}");
      REQUIRE(log.flush());
    }
    world.files.revive();  // killed once more
    CHECK(world.in_doubt().links == LinkSet{{2, 1}, {4, 1}, {8, 1}});
  }

  TEST_CASE("in a round of spares those of its list below the ceiling are in doubt") {
    World world;
    const auto plan = PlanReader::open(world.files, "/w/plan");
    REQUIRE(plan);
    RunState state;
    state.checkpoint = world.first;
    state.checkpoint.round = 1;
    state.checkpoint.round_links = 7;
    state.checkpoint.ceiling = 33;
    state.checkpoint.in_doubt = {{12, 1}};
    state.checkpoint.ledger = {
        .links = 40, .watermark = 6, .above = {{9, 1}}, .parked = {}, .delivered = 2, .passed = 5};
    const std::vector<std::uint64_t> spares{5, 9, 12, 20, 21, 30, 33};
    const auto killed = links_in_doubt(state, *plan, "monday", spares);
    REQUIRE_MESSAGE(killed, killed);
    CHECK(killed->links == LinkSet{{12, 1}});
    const auto lost = links_in_doubt(state, *plan, "tuesday", spares);
    REQUIRE(lost);
    CHECK(lost->links == LinkSet{{12, 1}, {20, 2}, {30, 1}});
    state.checkpoint.in_flight_max = 0;
    const auto ended = links_in_doubt(state, *plan, "tuesday");
    REQUIRE(ended);
    CHECK(ended->links == LinkSet{{12, 1}});
  }

  TEST_CASE("of version 3 the whole window counts as sent, and all that is parked") {
    World world;
    const auto plan = PlanReader::open(world.files, "/w/plan");
    REQUIRE(plan);
    RunState state;
    state.checkpoint = world.first;
    state.checkpoint.old_window = OldWindow{5};
    state.checkpoint.ceiling = 0;
    state.checkpoint.ledger = {
        .links = 40, .watermark = 2, .above = {{4, 1}}, .parked = {{1, 9}}, .delivered = 2};
    const auto killed = links_in_doubt(state, *plan, "monday");
    REQUIRE_MESSAGE(killed, killed);
    CHECK(killed->links == LinkSet{{1, 2}, {5, 3}});
    const auto lost = links_in_doubt(state, *plan, "tuesday");
    REQUIRE(lost);
    CHECK(lost->links == LinkSet{{1, 2}, {5, 5}, {11, 3}});
    state.checkpoint.in_flight_max = 0;
    const auto ended = links_in_doubt(state, *plan, "monday");
    REQUIRE(ended);
    CHECK(ended->links == LinkSet{{1, 1}});
    state.checkpoint.in_flight_max = 4;
    state.checkpoint.round = 1;
    state.checkpoint.round_links = 7;
    const std::vector<std::uint64_t> spares{5, 9, 12, 20, 21, 30, 33};
    const auto in_round = links_in_doubt(state, *plan, "monday", spares);
    REQUIRE(in_round);
    CHECK(in_round->links == LinkSet{{1, 1}, {5, 1}, {9, 1}, {12, 1}, {20, 1}});
  }

  TEST_CASE(
      "links leave up to the ceiling of the durable checkpoint, and half of it calls for more") {
    World world;
    auto log = RunLog::begin(world.files, paths(), world.first);
    REQUIRE(log);
    for (std::uint64_t i = 0; i < 9; ++i) {
      CHECK(log->may_hand_out(i));
      log->hand_out(i);
      log->raise_ceiling(i + 1 + 9);
      CHECK(log->needs_ceiling() == (i >= 4));
    }
    CHECK(!log->may_hand_out(9));
    const auto snapshot = log->snapshot();
    REQUIRE(snapshot);
    CHECK(snapshot->checkpoint.ceiling == 18);
    CHECK(!log->may_hand_out(9));
    log->raise_ceiling(12);  // never lowered
    log->saved(snapshot->checkpoint.ceiling);
    CHECK(log->may_hand_out(17));
    CHECK(!log->may_hand_out(18));
    CHECK(!log->needs_ceiling());
  }
}
