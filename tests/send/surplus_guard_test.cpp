// SPDX-License-Identifier: MIT
#include "send/surplus_guard.hpp"

#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "send/simulation.hpp"

#include "support/plan_maker.hpp"

using namespace idmerge;
using namespace idmerge::plan;
using namespace idmerge::send;
using idmerge::testing::FlakyFiles;
using idmerge::testing::PlanSketch;
using idmerge::testing::SimulatedReaction;
using idmerge::testing::Simulation;

namespace {

struct Heard final : Progress {
  void note(Weight, std::string_view text) override { notes.emplace_back(text); }
  std::vector<std::string> notes;
};

/// A run of ten links, and one connection on which they are asked.
struct World {
  World() {
    const auto facts = idmerge::testing::make_plan(files, "/w/plan", PlanSketch{.links = 10});
    REQUIRE(facts);
    plan.emplace(PlanReader::open(files, "/w/plan").value());
    Checkpoint first;
    first.plan = facts->digest;
    first.ledger.links = first.ceiling = 10;
    log.emplace(RunLog::begin(files, {"/w"}, first).value());
    recorder.emplace(
        *log, simulation.snapshot_saver(RunSaver::open(files, {"/w"}).value()),
        [](const std::function<void()>&) {}, [](const Error&) {});
    cursor.emplace(*plan, *log);
    guard.emplace(pool, *recorder, *cursor, heard, "api.example");
    REQUIRE(await(simulation, connection.line->open()));
  }

  void answer(std::uint64_t link) {
    const auto request = "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
    REQUIRE(await(simulation, connection.line->exchange(request)).end ==
            net::ResponseEnd::answered);
    guard->note_answer(connection, std::array{link});
    recorder->deliver(link, 1, 1);
  }

  FlakyFiles files;
  Simulation simulation{1};
  Heard heard;
  std::optional<PlanReader> plan;
  std::optional<RunLog> log;
  std::optional<RunRecorder> recorder;
  std::optional<PlanCursor> cursor;
  ConnectionPool pool{[this] { return simulation.connection(); }};
  std::optional<SurplusGuard> guard;
  PooledConnection& connection = pool.take_closed();
};

}  // namespace

TEST_SUITE("send/surplus_guard") {
  TEST_CASE("what a connection with an answer too many settled is sent again, and said once") {
    World world;
    world.answer(0);
    world.answer(1);
    CHECK(world.recorder->settled() == 2);
    world.guard->look();
    CHECK(world.recorder->settled() == 2);
    world.guard->look(&world.connection);
    CHECK(world.recorder->settled() == 0);
    CHECK(world.cursor->has_again());
    REQUIRE(world.heard.notes.size() == 1);
    CHECK(world.heard.notes[0].find("api.example") == 0);
    CHECK(world.heard.notes[0].find("2 of its connection are sent again") != std::string::npos);
    world.guard->look(&world.connection);  // nothing was answered on it since
    CHECK(world.heard.notes.size() == 1);
  }

  TEST_CASE("what is durable stays, and that is said even if a warning was given before") {
    World world;
    world.answer(0);
    world.guard->look(&world.connection);
    CHECK(world.heard.notes.size() == 1);
    world.answer(1);
    world.recorder->save_when_due(Instant{} + std::chrono::hours(1), {});
    world.guard->look(&world.connection);
    REQUIRE(world.heard.notes.size() == 2);
    CHECK(world.heard.notes[1].find("1 that it answered before are on disk") != std::string::npos);
    CHECK(world.recorder->settled() == 1);
  }
}
