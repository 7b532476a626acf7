// SPDX-License-Identifier: MIT
#include "idmerge/app/job_view.hpp"

#include "app_job.hpp"

using namespace idmerge;
using namespace idmerge::testing;

TEST_SUITE("app/job_view") {
  TEST_CASE("a planned job is seen whole, with its examples by name") {
    Stage stage;
    const auto job = stage.planned();
    const auto view = view_job(stage.files, job);
    REQUIRE_MESSAGE(view, view);
    CHECK(view->plan.id().size() == 12);
    CHECK(view->census.read == 8);
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
