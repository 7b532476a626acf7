// SPDX-License-Identifier: MIT
#include "idmerge/app/status.hpp"

#include "idmerge/disk/job.hpp"
#include "idmerge/disk/lock.hpp"
#include "idmerge/emulator/server.hpp"

#include "app_job.hpp"

using namespace idmerge;
using namespace idmerge::testing;

TEST_SUITE("app/status") {
  TEST_CASE("a planned job says that nothing is sent, and how to go on") {
    Stage stage;
    const auto job = stage.planned();
    const auto text = status_text(stage.files, job);
    REQUIRE_MESSAGE(text, text);
    CHECK(text->find("planned, nothing sent yet\n") != std::string::npos);
    CHECK(text->ends_with("go on: idmerge run --job " + job + " --to us|eu|in|URL\n"));
  }

  TEST_CASE("a job at work is named with its owner, and asking needs no lock") {
    Stage stage;
    const auto job = stage.planned();
    const auto lock = Lock::take(stage.files, JobPaths{job}.run().lock(),
                                 {4711, "etl-7", "2026-11-23T18:00:00Z"});
    REQUIRE(lock);
    const auto text = status_text(stage.files, job);
    REQUIRE(text);
    CHECK(text->find("at work: pid 4711 on etl-7") != std::string::npos);
    CHECK(text->find("go on:") == std::string::npos);
  }

  TEST_CASE("a finished job is finished") {
    Stage stage;
    const auto job = stage.planned();
    auto emulator = Emulator::start({});
    REQUIRE(emulator);
    REQUIRE_MESSAGE(stage.code({"run", "--job", job, "--to", (*emulator)->url(), "--max-rejected",
                                "none", "--max-held", "none"}) == 3,
                    stage.said);
    const auto text = status_text(stage.files, job);
    REQUIRE(text);
    CHECK(text->find("\nfinished\n") != std::string::npos);
    CHECK(text->find("3 of 3 links settled (100 %)") != std::string::npos);
    CHECK(text->find("go on:") == std::string::npos);
  }

  TEST_CASE("what is no job is an error") {
    Stage stage;
    CHECK_FALSE(status_text(stage.files, stage.scratch.path("nothing")));
  }
}
