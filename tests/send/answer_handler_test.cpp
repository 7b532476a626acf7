// SPDX-License-Identifier: MIT
#include "send/answer_handler.hpp"

#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "send/simulation.hpp"

#include "support/flaky_files.hpp"
#include "support/plan_maker.hpp"

using namespace idmerge;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using namespace std::chrono_literals;
using idmerge::testing::FlakyFiles;
using idmerge::testing::PlanSketch;
using idmerge::testing::Simulation;

namespace {

const Instant now = Instant{} + 1h;

/// A worker with one request of one link in flight.
struct World : RunControl {
  World() {
    options.target = net::parse_target("http://127.0.0.1:9").value();
    options.service_api.token = Secret("token-0123456789");
    options.service_api.username = Secret("etl.12345");
    options.attempts = 2;
    const auto facts = idmerge::testing::make_plan(files, "/w/plan", PlanSketch{.links = 2});
    REQUIRE(facts);
    plan.emplace(PlanReader::open(files, "/w/plan").value());
    Checkpoint first;
    first.plan = facts->digest;
    first.ledger.links = first.ceiling = 2;
    log.emplace(RunLog::begin(files, {"/w"}, first).value());
    recorder.emplace(
        *log, simulation.snapshot_saver(RunSaver::open(files, {"/w"}).value()),
        [](const std::function<void()>&) {}, [](const Error&) {});
    cursor.emplace(*plan, *log);
    guard.emplace(pool, *recorder, *cursor, progress, "api.example");
    outcomes.emplace(*options.service, plan->facts().inputs, *recorder, RefusedMax{},
                     "/w/refused.ndjson", IdMask(true));
    session.emplace(ServiceSession::make(options, 0).value());
    handler.emplace(options, AnswerHandler::Parts{*session, *recorder, *outcomes, *guard, outage,
                                                  progress, chance, *this});
    worker.connection = &pool.take_closed();
    REQUIRE(cursor->take(1, request.batch).value() == Taken::links);
    request.begin(false, options.attempts);
    request.left = now - 1s;
    request.has_permit = true;
  }

  void take(const net::Answer& answer) { handler->take(worker, request, answer, now); }
  void take(unsigned status, std::string_view body, std::string_view retry_after = "") {
    net::Answer answer{.end = net::ResponseEnd::answered, .sent = true};
    answer.response.status = status;
    answer.response.content_type = "application/json";
    answer.response.body = body;
    answer.response.retry_after = retry_after;
    take(answer);
  }

  void stop(Error error, std::string_view what_is_unfit) override {
    stopped = std::move(error);
    unfit = what_is_unfit;
  }
  void accepted(std::size_t links, Instant) override { taken += links; }
  void rate_limited(Instant left, Instant, std::optional<std::chrono::seconds> asked) override {
    limited_left = left;
    asked_wait = asked;
  }

  FlakyFiles files;
  Simulation simulation{1};
  SendOptions options;
  Progress progress;
  std::optional<PlanReader> plan;
  std::optional<RunLog> log;
  std::optional<RunRecorder> recorder;
  std::optional<PlanCursor> cursor;
  ConnectionPool pool{[this] { return simulation.connection(); }};
  std::optional<SurplusGuard> guard;
  std::optional<OutcomeHandler> outcomes;
  OutageDetector outage{false};
  Chance chance{1};
  std::optional<ServiceSession> session;
  std::optional<AnswerHandler> handler;
  Worker worker{simulation, 1};
  RequestInFlight& request = worker.requests_in_flight.front();

  std::optional<Error> stopped;
  std::string unfit;
  std::size_t taken = 0;
  std::optional<Instant> limited_left;
  std::optional<std::chrono::seconds> asked_wait;
};

}  // namespace

TEST_SUITE("send/answer_handler") {
  TEST_CASE("an answer that settles the links ends the request, whatever it says about them") {
    World world;
    world.take(200, R"({"status":1})");
    CHECK(!world.request.has_slices());
    CHECK(world.recorder->settled() == 1);
    CHECK(world.recorder->refused() == 0);
    CHECK(world.taken == 1);
    World other;
    other.take(400, R"({"status":0,"error":"no"})");
    CHECK(!other.request.has_slices());
    CHECK(other.recorder->refused() == 1);
    CHECK(!other.stopped);
  }

  TEST_CASE("a rate limit goes to the run, with the time when the request was sent") {
    World world;
    world.take(429, "", "7");
    CHECK(world.limited_left == now - 1s);
    CHECK(world.asked_wait == 7s);
    CHECK(world.request.has_slices());
    CHECK(!world.request.has_permit);
    CHECK(world.request.next().tries.failed == 0);
    CHECK(world.request.due <= now);
  }

  TEST_CASE("the end of a kept connection keeps an unused permit and is met by one request alone") {
    World world;
    world.take(net::Answer{.stale = true});
    CHECK(world.worker.retry_first == &world.request);
    CHECK(world.request.has_permit);
    CHECK(!world.request.next().tries.in_doubt);
    world.take(net::Answer{.sent = true, .stale = true});
    CHECK(world.worker.retry_first == &world.request);
    CHECK(!world.request.has_permit);
    CHECK(world.request.next().tries.in_doubt);
  }

  TEST_CASE("failures wait, and while nothing has succeeded nothing is parked") {
    World world;
    for (int i = 0; i < 5; ++i)
      world.take(500, "");
    CHECK(world.request.next().tries.failed == 5);
    CHECK(world.request.due >= now + world.options.backoff_min);
    CHECK(world.recorder->ledger().parked().empty());
    world.outage.success(now);
    world.take(500, "");
    CHECK(!world.request.has_slices());
    CHECK(world.recorder->ledger().parked().size() == 1);
  }

  TEST_CASE("a service that is not the one we think ends the run, and says which option is wrong") {
    World world;
    world.take(404, "<html>");
    REQUIRE(world.stopped);
    CHECK(world.stopped->code == Errc::service);
    CHECK(world.unfit == "to");
    World known;
    known.outage.success(now);
    known.take(404, "<html>");
    CHECK(!known.stopped);
  }
}
