// SPDX-License-Identifier: MIT
#include "send/outcome_handler.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "send/identity_api.hpp"
#include "send/sync_thread.hpp"

#include "support/flaky_files.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using idmerge::testing::FlakyFiles;

namespace {

/// A run of some links, all of one batch.
struct World {
  explicit World(std::size_t links, RefusedMax max = {}, IdMask mask = IdMask(true),
                 LinkSet in_doubt = {}) {
    for (std::size_t i = 0; i < links; ++i) {
      batch.ordinals.push_back(i);
      Link link;
      link.anon = "a";
      link.user = "u";
      batch.links.push_back(link);
    }
    Checkpoint first;
    first.ledger.links = links;
    first.in_doubt = std::move(in_doubt);
    auto begun = RunLog::begin(files, {"/w"}, first);
    REQUIRE(begun);
    log.emplace(std::move(*begun));
    auto saver = RunSaver::open(files, {"/w"});
    REQUIRE(saver);
    recorder.emplace(
        *log, std::make_unique<SyncThread>(std::move(*saver)), [](const std::function<void()>&) {},
        [](const Error&) {});
    outcome_handler.emplace(service, inputs, *recorder, max, "/w/refused.ndjson", mask);
  }

  const Ledger& ledger() const { return log->ledger(); }

  ServiceFacts service = identity_api;
  FlakyFiles files;
  std::vector<PlanInput> inputs{{.size_bytes = 1,
                                 .content = {},
                                 .rows = 1,
                                 .blank_lines = 0,
                                 .format = "csv",
                                 .path = "pairs.csv"}};
  Batch batch;
  std::optional<RunLog> log;
  std::optional<RunRecorder> recorder;
  std::optional<OutcomeHandler> outcome_handler;
};

Outcome refused(std::string message) {
  Outcome outcome;
  outcome.kind = OutcomeKind::refused;
  outcome.message = std::move(message);
  return outcome;
}

}  // namespace

TEST_SUITE("send/outcome_handler") {
  TEST_CASE("a batch is delivered but for its refusals, also where ordinals have gaps") {
    World world(10);
    world.batch.ordinals.erase(world.batch.ordinals.begin() + 4);  // 0 1 2 3 5 6 7 8 9
    Outcome outcome;
    outcome.kind = OutcomeKind::delivered;
    outcome.refusals = {{0, "bad"}, {2, "worse"}};  // of the part: ordinals 1 and 3
    world.outcome_handler->deliver(world.batch, {1, 8, {.sent = 1}}, outcome, 200);
    CHECK(world.ledger().delivered() == 6);
    CHECK(world.ledger().refused() == 2);
    CHECK(!world.ledger().is_settled(0));
    CHECK(!world.ledger().is_settled(4));
    REQUIRE(world.log->flush());
    const auto letters = world.files.content("/w/refused.ndjson");
    CHECK(std::count(letters.begin(), letters.end(), '\n') == 2);
    CHECK(letters.find("\"message\":\"bad\"") < letters.find("\"message\":\"worse\""));
  }

  TEST_CASE("'already linked' is a delivery only of a link in doubt, and it is listed") {
    World world(6, {}, IdMask(true), {{4, 1}});
    const auto linked = refused("errAnonDistinctIdAssignedAlready");
    world.outcome_handler->refuse(world.batch, {0, 1, {.sent = 1}}, linked, 400);
    CHECK(world.ledger().refused() == 1);
    world.outcome_handler->refuse(world.batch, {1, 1, {.sent = 2, .in_doubt = true}}, linked, 400);
    CHECK(world.ledger().refused() == 1);
    CHECK(world.ledger().delivered() == 1);
    CHECK(world.ledger().ambiguous() == 1);
    // Not when it is said to be somebody else's.
    world.outcome_handler->refuse(world.batch, {2, 1, {.sent = 2, .in_doubt = true}},
                                  refused("already linked to another user"), 400);
    CHECK(world.ledger().refused() == 2);
    // Of a part, that link alone which was in doubt since an earlier run.
    Outcome outcome;
    outcome.kind = OutcomeKind::delivered;
    outcome.refusals = {{0, linked.message}, {1, linked.message}, {2, linked.message}};
    world.outcome_handler->deliver(world.batch, {3, 3, {.sent = 1}}, outcome, 400);
    CHECK(world.ledger().refused() == 4);
    CHECK(world.ledger().ambiguous() == 2);
    REQUIRE(world.log->flush());
    const auto listed = world.files.content("/w/ambiguous.ndjson");
    CHECK(std::count(listed.begin(), listed.end(), '\n') == 2);
    CHECK(listed.find("{\"link\":1,") == 0);
    CHECK(listed.find("\n{\"link\":4,") != std::string::npos);
    const auto letters = world.files.content("/w/refused.ndjson");
    CHECK(std::count(letters.begin(), letters.end(), '\n') == 4);
  }

  TEST_CASE("a number of refusals stops the job when it is exceeded") {
    World world(10, {.percent = std::nullopt, .links = 3});
    world.outcome_handler->refuse(world.batch, {0, 3, {.sent = 1}}, refused("no"), 400);
    CHECK(!world.outcome_handler->too_many_refused());
    world.outcome_handler->refuse(world.batch, {3, 1, {.sent = 1}}, refused("no again"), 400);
    REQUIRE(world.outcome_handler->too_many_refused());
    CHECK(world.outcome_handler->too_many_refused()->code == Errc::guard);
    CHECK(world.outcome_handler->too_many_refused()->what.find("4 of 4") != std::string::npos);
    CHECK(world.outcome_handler->too_many_refused()->what.ends_with(
        "no again: see /w/refused.ndjson"));
  }

  TEST_CASE("ids in the service's words are masked where people read them, not in the list") {
    for (const bool shows : {true, false}) {
      CAPTURE(shows);
      World world(1, {.percent = std::nullopt, .links = 0}, IdMask(shows));
      world.outcome_handler->refuse(world.batch, {0, 1, {.sent = 1}},
                                    refused("user u-12345 is not u"), 400);
      REQUIRE(world.outcome_handler->too_many_refused());
      const auto& what = world.outcome_handler->too_many_refused()->what;
      CHECK((what.find("with: user u-12345 is not u:") != std::string::npos) == shows);
      CHECK((what.find("12345") != std::string::npos) == shows);
      REQUIRE(world.log->flush());
      const auto letters = world.files.content("/w/refused.ndjson");
      CHECK(letters.find("\"message\":\"user u-12345 is not u\"") != std::string::npos);
    }
  }

  TEST_CASE("a share of refusals means nothing before 1,000 answers") {
    World world(1'001, {.percent = 1.0, .links = std::nullopt});
    world.outcome_handler->refuse(world.batch, {0, 999, {.sent = 1}}, refused("no"), 400);
    CHECK(!world.outcome_handler->too_many_refused());
    world.outcome_handler->refuse(world.batch, {999, 1, {.sent = 1}}, refused("no"), 400);
    CHECK(world.outcome_handler->too_many_refused());
  }
}
