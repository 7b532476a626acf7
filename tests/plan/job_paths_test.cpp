// SPDX-License-Identifier: MIT
#include "plan/job_paths.hpp"

#include <array>
#include <atomic>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/flaky_files.hpp"
#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::io;
using namespace idmerge::plan;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Harm;
using idmerge::testing::Scratch;

TEST_SUITE("plan/job_paths") {
  TEST_CASE("a job is made for us alone, and made again changes nothing") {
    const Scratch scratch;
    RealFiles files;
    const auto job = make_job(files, (scratch / "a.idmerge") + "/");
    REQUIRE_MESSAGE(job, job);
    CHECK(job->dir == scratch / "a.idmerge");
    CHECK((*files.stat(job->dir))->mode == 0700);
    CHECK((*files.stat(job->run().dir))->mode == 0700);
    CHECK(*files.read_all(job->dir + "/.gitignore", 10) == "*\n");
    CHECK(job->run().journal(12) == job->dir + "/runs/1-of-1/journal.12");
    std::ofstream(job->plan()) << "x";
    CHECK(make_job(files, job->dir));
    CHECK(open_job(files, job->dir));
  }

  TEST_CASE("missing directories above a job are made, for us alone") {
    const Scratch scratch;
    RealFiles files;
    REQUIRE(make_job(files, scratch / "jobs/2026/tonight"));
    CHECK((*files.stat(scratch / "jobs"))->mode == 0700);
    CHECK((*files.stat(scratch / "jobs/2026"))->mode == 0700);
    CHECK(make_job(files, scratch / "jobs/2026/tomorrow"));
    std::ofstream(scratch / "file") << "x";
    const auto below_file = make_job(files, scratch / "file/jobs/tonight");
    REQUIRE_FALSE(below_file);
    CHECK(below_file.error().code == Errc::usage);
  }

  TEST_CASE("an empty directory may become a job, one with other files may not") {
    const Scratch scratch;
    RealFiles files;
    REQUIRE(files.make_dir(scratch / "empty"));
    CHECK(make_job(files, scratch / "empty"));
    REQUIRE(files.make_dir(scratch / "home"));
    std::ofstream(scratch / "home/letter.txt") << "x";
    const auto job = make_job(files, scratch / "home");
    REQUIRE_FALSE(job);
    CHECK(job.error().code == Errc::usage);
    CHECK_FALSE(open_job(files, scratch / "home"));
    CHECK(files.list(scratch / "home")->size() == 1);
  }

  TEST_CASE("what a killed maker leaves is durable once another one has come to the end") {
    for (std::uint64_t step = 0;; ++step) {
      FlakyFiles files;
      files.harm(step, Harm::kill);
      const bool is_whole = make_job(files, "/w/job").has_value();
      files.revive();
      REQUIRE(make_job(files, "/w/job"));
      files.lose_power(FlakyFiles::Keep::synced);
      CAPTURE(step);
      CHECK(open_job(files, "/w/job"));
      CHECK(files.exists("/w/job/runs/1-of-1"));
      if (!is_whole) continue;
      CHECK(step > 8);
      break;
    }
  }

  TEST_CASE("a directory that somebody else could have prepared is refused") {
    const Scratch scratch;
    RealFiles files;
    REQUIRE(make_job(files, scratch / "real"));
    REQUIRE(::symlink((scratch / "real").c_str(), (scratch / "link").c_str()) == 0);
    for (const auto& path : {scratch / "link", (scratch / "link") + "/"}) {
      const auto job = open_job(files, path);
      REQUIRE_FALSE(job);
      CHECK(job.error().what.find("symbolic link") != std::string::npos);
      CHECK_FALSE(make_job(files, path));
    }
    REQUIRE(::chmod((scratch / "real").c_str(), 0770) == 0);
    CHECK_FALSE(open_job(files, scratch / "real"));
    REQUIRE(::chmod((scratch / "real").c_str(), 0700) == 0);
    if (::geteuid() == 0) {
      REQUIRE(::chown((scratch / "real").c_str(), 12345, 12345) == 0);
      const auto job = make_job(files, scratch / "real");
      REQUIRE_FALSE(job);
      CHECK(job.error().what.find("user 12345") != std::string::npos);
    }
    std::ofstream(scratch / "file") << "x";
    CHECK_FALSE(make_job(files, scratch / "file"));
    CHECK_FALSE(open_job(files, scratch / "none"));
  }

  TEST_CASE("a place inside of a job that somebody else could have prepared is refused") {
    const Scratch scratch;
    RealFiles files;
    const auto job = make_job(files, scratch / "a");
    REQUIRE(job);
    for (const auto& part : {job->dir + "/runs", job->run().dir}) {
      CAPTURE(part);
      REQUIRE(::chmod(part.c_str(), 0777) == 0);
      const auto open = open_job(files, job->dir);
      REQUIRE_FALSE(open);
      CHECK(open.error().what == part + ": is writable by others: remove that with chmod go-w");
      REQUIRE(::chmod(part.c_str(), 0700) == 0);
      REQUIRE(files.rename(part, scratch / "elsewhere"));
      CHECK(open_job(files, job->dir));  // what a copy may leave out
      REQUIRE(::symlink((scratch / "elsewhere").c_str(), part.c_str()) == 0);
      const auto linked = open_job(files, job->dir);
      REQUIRE_FALSE(linked);
      CHECK(linked.error().what.find("symbolic link") != std::string::npos);
      REQUIRE(files.remove(part));
      REQUIRE(files.rename(scratch / "elsewhere", part));
    }
  }

  TEST_CASE("several processes may make the same job at once") {
    const Scratch scratch;
    for (int round = 0; round < 50; ++round) {
      const auto dir = scratch / ("job" + std::to_string(round));
      std::atomic<int> waiting = 4;
      std::array<std::optional<Error>, 4> failed;
      std::vector<std::thread> makers;
      for (auto& mine : failed) {
        makers.emplace_back([&] {
          RealFiles files;
          --waiting;
          while (waiting > 0)
            std::this_thread::yield();
          const auto job = make_job(files, dir);
          if (!job) mine = job.error();
        });
      }
      for (auto& maker : makers)
        maker.join();
      for (const auto& error : failed)
        CHECK_MESSAGE(!error, (error ? error->what : ""));
    }
  }

  TEST_CASE("what is no job is said before what is wrong with its permissions") {
    const Scratch scratch;
    RealFiles files;
    REQUIRE(files.make_dir(scratch / "tmp"));
    std::ofstream(scratch / "tmp/letter.txt") << "x";
    std::ofstream(scratch / "tmp/plan") << "of somebody";
    REQUIRE(::chmod((scratch / "tmp").c_str(), 01777) == 0);
    CHECK(open_job(files, scratch / "tmp").error().what.find("not a job") != std::string::npos);
    CHECK(make_job(files, scratch / "tmp").error().what.find("no job") != std::string::npos);
  }

  TEST_CASE("a copy without dot files is known by its plan") {
    const Scratch scratch;
    RealFiles files;
    const auto job = make_job(files, scratch / "a");
    REQUIRE(job);
    std::ofstream(job->plan()) << "idmplan\n...";
    REQUIRE(files.remove(job->dir + "/.gitignore"));
    CHECK(open_job(files, job->dir));
    CHECK(make_job(files, job->dir));
    CHECK(*files.read_all(job->dir + "/.gitignore", 10) == "*\n");
  }

  TEST_CASE("a rehearsal starts from nothing and leaves the run alone") {
    const Scratch scratch;
    RealFiles files;
    const auto job = make_job(files, scratch / "a");
    REQUIRE(job);
    REQUIRE(files.replace(job->run().checkpoint(), "real"));
    for (int i = 0; i < 2; ++i) {
      const auto run = make_rehearsal(files, *job);
      REQUIRE(run);
      if (i > 0) CHECK(files.list(run->dir)->size() == 2);  // it may be under way
      REQUIRE(empty_rehearsal(files, *run));
      CHECK(files.list(run->dir)->size() == (i > 0 ? 1 : 0));  // the lock is held
      REQUIRE(files.replace(run->checkpoint(), "played"));
      REQUIRE(files.replace(run->lock(), ""));
    }
    CHECK(*files.read_all(job->run().checkpoint(), 10) == "real");
  }

  TEST_CASE("killed or without power while it is made, a job is made by the next call") {
    for (const auto harm : {Harm::kill, Harm::tear, Harm::full}) {
      for (int power = 0; power < 3; ++power) {
        std::uint64_t step = 0;
        for (bool was_made = false; !was_made; ++step) {
          CAPTURE(static_cast<int>(harm));
          CAPTURE(power);
          CAPTURE(step);
          FlakyFiles files;
          files.harm(step, harm, harm == Harm::full);
          was_made = make_job(files, "/w/job").has_value();
          if (power == 0) files.revive();
          if (power == 1) files.lose_power(FlakyFiles::Keep::synced);
          if (power == 2) files.lose_power(FlakyFiles::Keep::some, step);
          if (files.exists("/w/job")) CHECK(open_job(files, "/w/job"));
          const auto again = make_job(files, "/w/job");
          REQUIRE_MESSAGE(again, again);
          CHECK(files.content("/w/job/.gitignore") == "*\n");
          CHECK(files.exists(again->run().dir));
        }
        CHECK(step > 8);
      }
    }
  }
}
