// SPDX-License-Identifier: MIT
#include "cli/job_summary.hpp"

#include "cli/report_text.hpp"
#include "cli/status.hpp"
#include "plan/job_paths.hpp"
#include "send/checkpoint.hpp"

#include "app_job.hpp"
#include "support/plan_maker.hpp"

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using namespace idmerge::testing;

TEST_SUITE("cli/job_summary") {
  TEST_CASE("a planned job is seen whole, with its examples by name") {
    Stage stage;
    const auto job = stage.planned();
    const auto view = view_job(stage.files, job);
    REQUIRE_MESSAGE(view, view);
    CHECK(view->plan.id().size() == 12);
    CHECK(view->plan_summary.read == 8);
    CHECK(view->pending() == 3);
    CHECK_FALSE(view->finished());
    REQUIRE(view->examples.size() == 3);
    CHECK(view->examples[2].user == "u,2");
    REQUIRE_FALSE(view->largest.empty());
    CHECK(view->largest[0].ids == 3);
    CHECK(view->largest[0].user == "user-1@example.com");
  }

  TEST_CASE("every row has one fate, before and after sending") {
    Stage stage;
    const auto job = stage.planned();
    const Tally planned{.read = 8,
                        .delivered = 0,
                        .duplicate = 1,
                        .skipped = 1,
                        .rejected = 1,
                        .held = 2,
                        .refused = 0,
                        .pending = 3};
    CHECK(tally_of(*view_job(stage.files, job)) == planned);
    REQUIRE(stage.code({"run", "--job", job, "--to", "emulator", "--max-rejected", "none",
                        "--max-held", "none"}) == 3);
    const auto rehearsed = view_rehearsal(stage.files, job);
    REQUIRE(rehearsed);
    auto sent = planned;
    sent.delivered = 3;
    sent.pending = 0;
    CHECK(tally_of(*rehearsed) == sent);
    CHECK(rehearsed->finished());
    // The rehearsal has spoiled nothing.
    CHECK(tally_of(*view_job(stage.files, job)) == planned);
  }

  TEST_CASE("a merge counts links between connected ids as duplicates") {
    Stage stage;
    const auto input = stage.scratch.write("m.ndjson",
                                           "{\"$distinct_ids\":[\"a\",\"b\"]}\n"
                                           "{\"$distinct_ids\":[\"b\",\"c\"]}\n"
                                           "{\"$distinct_ids\":[\"c\",\"a\"]}\n");
    REQUIRE_MESSAGE(stage.code({"plan", input, "--op", "merge"}) == 0, stage.said);
    const auto tally = tally_of(*view_job(stage.files, input + ".idmerge"));
    CHECK(tally.pending == 2);
    CHECK(tally.duplicate == 1);
  }

  TEST_CASE(
      "a spare that is sent is no duplicate any more, and the account adds up in each round") {
    Stage stage;
    const auto input = stage.scratch.write("m.ndjson",
                                           "{\"$distinct_ids\":[\"a\",\"b\"]}\n"
                                           "{\"$distinct_ids\":[\"b\",\"c\"]}\n"
                                           "{\"$distinct_ids\":[\"c\",\"a\"]}\n"
                                           "{\"$distinct_ids\":[\"x\",\"y\"]}\n"
                                           "{\"$distinct_ids\":[\"y\",\"z\"]}\n"
                                           "{\"$distinct_ids\":[\"z\",\"x\"]}\n");
    REQUIRE(stage.code({"plan", input, "--op", "merge"}) == 0);
    const auto job = input + ".idmerge";
    const auto plan = view_job(stage.files, job)->plan;
    const auto run_view = [&](const Checkpoint& now) {
      REQUIRE(save_checkpoint(stage.files, JobPaths{job}.run().checkpoint(), now));
      return view_job(stage.files, job);
    };
    Checkpoint now;
    now.plan = plan.digest;
    now.round = 1;
    now.round_links = 1;
    now.delivered_before = 3;
    now.refused_before = 1;
    now.ledger.links = 6;
    auto view = run_view(now);
    REQUIRE_MESSAGE(view, view);
    CHECK(view->to_send() == 5);
    auto tally = tally_of(*view);
    CHECK(tally.delivered == 3);
    CHECK(tally.refused == 1);
    CHECK(tally.pending == 1);
    CHECK(tally.duplicate == 1);
    CHECK(summary_json(*view, {}, IdMask(true))
              .find("\"links\":5,\"round\":1,\"spares\":1,\"delivered\":3,") != std::string::npos);
    CHECK(account_text(*view).find("1 of them connected already") != std::string::npos);
    const auto status = status_text(stage.files, job);
    REQUIRE(status);
    CHECK(status->find("4 of 5 links settled") != std::string::npos);
    CHECK(status->find("round 1: 1 spares in place of refused links") != std::string::npos);
    CHECK(status->find("go on: idmerge run --job") != std::string::npos);

    now.ledger = {
        .links = 6, .watermark = 6, .above = {}, .parked = {}, .delivered = 1, .passed = 5};
    view = run_view(now);
    REQUIRE_MESSAGE(view, view);
    tally = tally_of(*view);
    CHECK(tally.delivered == 4);
    CHECK(tally.pending == 0);
    // Nothing is pending, but another round may follow: the job is not finished.
    CHECK(status_text(stage.files, job)->find("go on: idmerge run --job") != std::string::npos);

    now.round_links = 3;  // more than there are spares
    CHECK_FALSE(run_view(now));
    now.round_links = 1;
    now.delivered_before = 2;  // a round has begun before all links were settled
    CHECK_FALSE(run_view(now));
  }

  TEST_CASE("a census that names what the plan does not have is refused") {
    Stage stage;
    const auto job = stage.planned();
    const auto planned = view_job(stage.files, job)->plan_summary;
    const auto opens = [&](const PlanSummary& plan_summary) {
      PlanSketch sketch;
      sketch.links = plan_summary.links;
      sketch.plan_summary = to_text(plan_summary);
      REQUIRE(make_plan(stage.files, JobPaths{job}.plan(), sketch));
      const auto view = view_job(stage.files, job);
      if (!view) CHECK(view.error().code == Errc::input);
      return view.has_value();
    };
    auto plan_summary = planned;
    plan_summary.unreadable_orders = {1, 0, 2, 3};
    CHECK(opens(plan_summary));
    plan_summary.unreadable_orders.file = 1;
    CHECK_FALSE(opens(plan_summary));
    plan_summary = planned;
    plan_summary.examples = {plan_summary.links};
    CHECK_FALSE(opens(plan_summary));
  }

  TEST_CASE("what is no job, or a damaged one, is refused") {
    Stage stage;
    CHECK(view_job(stage.files, stage.scratch.path("nothing")).error().code == Errc::usage);
    const auto job = stage.planned();
    auto plan = stage.scratch.read("pairs.csv.idmerge/plan");
    plan[plan.size() / 2] = static_cast<char>(plan[plan.size() / 2] ^ 1);
    stage.scratch.write("pairs.csv.idmerge/plan", plan);
    const auto damaged = view_job(stage.files, job);
    REQUIRE_FALSE(damaged);
    CHECK(damaged.error().code == Errc::input);
  }
}
