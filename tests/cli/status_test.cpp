// SPDX-License-Identifier: MIT
#include "cli/status.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <doctest/doctest.h>

#include "emulator/server.hpp"
#include "io/lock.hpp"
#include "plan/job_paths.hpp"
#include "send/checkpoint.hpp"
#include "send/open_run.hpp"
#include "send/rate_control.hpp"
#include "util/log.hpp"

#include "app_job.hpp"

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::emulator;
using namespace idmerge::io;
using namespace idmerge::net;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using namespace idmerge::testing;

TEST_SUITE("cli/status") {
  TEST_CASE("a planned job says that nothing is sent, and how to go on") {
    Stage stage;
    const auto job = stage.planned();
    const auto text = status_text(stage.files, job);
    REQUIRE_MESSAGE(text, text);
    CHECK(text->find("planned, nothing sent yet\n") != std::string::npos);
    CHECK(text->ends_with("go on: idmerge run --job " + job + " --to 'us|eu|in|URL'\n"));
  }

  TEST_CASE("a job at work is named with its owner, and asking needs no lock") {
    Stage stage;
    const auto job = stage.planned();
    const auto lock = Lock::take(stage.files, JobPaths{job}.run().lock(),
                                 {4711, "etl-7", "2026-11-23T18:00:00Z"});
    REQUIRE(lock);
    const auto text = status_text(stage.files, job);
    REQUIRE(text);
    CHECK(text->find("running: pid 4711 on etl-7") != std::string::npos);
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

  TEST_CASE("a run that died says how much is in doubt, and show lists it") {
    Stage stage;
    const auto job = stage.planned();
    Progress silent;
    SendOptions options;
    options.target = parse_target("http://127.0.0.1:9").value();
    {
      auto open_run = read_open_run(options, job, stage.files, silent);
      REQUIRE(open_run);
      auto log = begin_run(options, {}, *open_run, 2, stage.files);
      REQUIRE(log);
      log->attempt(0, 3);
      log->deliver(0, 1, 1);
      REQUIRE(log->flush());
    }
    const auto text = status_text(stage.files, job);
    REQUIRE(text);
    CHECK(text->find("\ndied\nat most 2 links may already have been delivered and will be sent "
                     "again\n") != std::string::npos);
    const auto settings = settings_of({"show", "--job", job, "--in-doubt"});
    REQUIRE(settings);
    std::string out;
    REQUIRE(show(stage.files, *settings, IdMask(true), [&](std::string_view piece) {
      out += piece;
      return Result<bool>(true);
    }));
    CHECK(std::count(out.begin(), out.end(), '\n') == 3);
    CHECK(out.find("c3301") == std::string::npos);
    CHECK(out.find("c3302,user-1@example.com,create,send,") != std::string::npos);
    CHECK(out.find("c3303,\"u,2\",create,send,") != std::string::npos);
  }

  TEST_CASE("the rate is shown with its origin: default, run, idmerge rate") {
    Stage stage;
    const auto job = stage.planned();
    const auto says = [&](std::string_view line) {
      const auto text = status_text(stage.files, job);
      REQUIRE_MESSAGE(text, text);
      return text->find(line) != std::string::npos;
    };
    const RunPaths run = JobPaths{job}.run();
    CHECK(says("\nrate: 500/s, the default\n"));
    REQUIRE(request_rate(stage.files, run, "20/s"));
    CHECK(says("\nrate: 20/s, set by idmerge rate\n"));
    REQUIRE(request_rate(stage.files, run, "00:00,pause"));
    CHECK(says("\nrate: 00:00,pause, set by idmerge rate; now pause\n"));
    REQUIRE(stage.files.replace(run.rate(), "fast\n"));
    CHECK(says("\nnote: " + run.rate() + ": \"fast\" is not a rate"));
    CHECK(says(": it is ignored\nrate: 500/s, the default\n"));
    auto emulator = Emulator::start({});
    REQUIRE(emulator);
    CHECK(stage.code({"run", "--job", job, "--to", (*emulator)->url(), "--rate", "200/s",
                      "--max-requests", "1", "--max-rejected", "none", "--max-held", "none"}) == 8);
    CHECK(says("\nrate: 200/s, set by the run's options\n"));
    REQUIRE(request_rate(stage.files, run, "30req/s"));
    CHECK(says("\nrate: 30req/s, set by idmerge rate\n"));
    CHECK(stage.code({"run", "--job", job}) == 3);
    CHECK(!says("\nrate: "));
  }

  TEST_CASE("what holds a run beside its rate stands below it, while it does") {
    Stage stage;
    const auto job = stage.planned();
    const RunPaths run = JobPaths{job}.run();
    auto emulator = Emulator::start({});
    REQUIRE(emulator);
    const auto run_with = [&](const std::string& rate_bytes, const std::string& requests) {
      return stage.code({"run", "--job", job, "--to", (*emulator)->url(), "--rate-bytes",
                         rate_bytes, "--max-requests", requests, "--max-rejected", "none",
                         "--max-held", "none"});
    };
    const auto behind_rate = [&](std::int64_t paused_until_s, std::uint64_t rate_per_s = 0) {
      auto checkpoint = load_checkpoint(stage.files, run.checkpoint()).value();
      REQUIRE(checkpoint);
      checkpoint->limit = {paused_until_s == 0 ? 0U : 100U, paused_until_s, rate_per_s};
      REQUIRE(save_checkpoint(stage.files, run.checkpoint(), *checkpoint));
      const auto text = status_text(stage.files, job);
      REQUIRE_MESSAGE(text, text);
      const auto begin = text->find("\nrate: 500/s, the default\n");
      REQUIRE(begin != std::string::npos);
      const auto lines = text->substr(begin + 1, text->find("\n  read", begin) - begin);
      return lines.substr(lines.find('\n') + 1);
    };
    REQUIRE(run_with("2MB/s", "1") == 8);
    CHECK(behind_rate(0) == "rate-bytes: 2MB/s, set by the run's options\n");
    REQUIRE(run_with("0", "1") == 8);
    CHECK(behind_rate(0).empty());
    const auto now_s = std::chrono::duration_cast<std::chrono::seconds>(
                           std::chrono::system_clock::now().time_since_epoch())
                           .count();
    CHECK(behind_rate(now_s).empty());
    const std::chrono::sys_seconds until(std::chrono::seconds(now_s + 1800));
    const auto paused = behind_rate(now_s + 1800);
    CHECK(paused.starts_with("paused: until " + rfc3339(until) + ", as the service requested ("));
    CHECK(paused.ends_with(" left); no run sends before\n"));
    CHECK(behind_rate(now_s + 100'000).empty());  // said while the clock was ahead
    // What is sent now stands below what is allowed.
    CHECK(behind_rate(now_s - 1, 1'234) ==
          "rate-limited by the service: 1,234 links/s at the last request\n");
  }

  TEST_CASE("a batch has another rate when nobody says one") {
    Stage stage;
    const auto input = stage.scratch.write("pairs.csv", "anonymous_id,user_id\na1,u1\n");
    REQUIRE(stage.code({"plan", input, "--api", "import", "--project-mode", "original"}) == 0);
    const auto text = status_text(stage.files, input + ".idmerge");
    REQUIRE_MESSAGE(text, text);
    CHECK(text->find("\nrate: 15000/s, the default\n") != std::string::npos);
  }

  TEST_CASE("what is no job is an error") {
    Stage stage;
    CHECK_FALSE(status_text(stage.files, stage.scratch.path("nothing")));
  }
}
