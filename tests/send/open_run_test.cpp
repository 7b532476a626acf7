// SPDX-License-Identifier: MIT
#include "send/open_run.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "plan/planner.hpp"

#include "support/flaky_files.hpp"
#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::io;
using namespace idmerge::net;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Scratch;

namespace fs = std::filesystem;

namespace {

struct World {
  World() {
    PlanOptions plan;
    plan.row_reader.inputs = {
        scratch.write("pairs.csv", "anonymous_id,user_id\na1,u1\na2,u2\na3,u3\n")};
    REQUIRE(make_plan(plan, job, files, progress));
    options.target = parse_target("http://127.0.0.1:9").value();
    options.service_api.token = Secret("token-0123456789");
    options.words.set("target", "http://127.0.0.1:9");
  }

  Result<OpenRun> read() { return read_open_run(options, job, files, progress); }

  Scratch scratch;
  std::string job = scratch.path("job");
  RealFiles files;
  Progress progress;
  SendOptions options;
};

}  // namespace

TEST_SUITE("send/open_run") {
  TEST_CASE("before the next sync leave at most the burst and four seconds' worth of the pace") {
    const SendOptions options;
    const std::uint64_t in_flight_max = 2 * options.connections;
    const auto ahead = [&](double links_per_s, double requests_per_s, double burst) {
      return ahead_max(
                 options,
                 {.links_per_s = links_per_s, .requests_per_s = requests_per_s, .burst = burst},
                 in_flight_max) -
             in_flight_max;
    };
    CHECK(ahead(500, 0, 50) == 2'050);
    CHECK(ahead(0, 30, 3) == 123);     // requests of one link
    CHECK(ahead(500, 30, 50) == 170);  // the slower of the two
    CHECK(ahead(0, 0, 0) + in_flight_max == Ledger::window_max);
    CHECK(ahead(1e9, 0, 1) + in_flight_max == Ledger::window_max);
    // Batches of 2,000: as many links a request.
    CHECK(ahead_max(options, {.requests_per_s = 2, .burst = 10}, in_flight_max * 2'000) ==
          in_flight_max * 2'000 + 10 + 16'000);
  }

  TEST_CASE("a job that was never run has everything before it") {
    World world;
    auto open_run = world.read();
    REQUIRE(open_run);
    CHECK(!open_run->state);
    CHECK(open_run->to_send == 3);
    CHECK(open_run->report().pending == 3);
    CHECK(!open_run->report().nothing_to_do);
    CHECK(open_run->in_doubt.links.empty());
    const auto log =
        begin_run(world.options, {.links_per_s = 500, .burst = 50}, *open_run, 32, world.files);
    REQUIRE(log);
    CHECK(log->ledger().links() == 3);
  }

  TEST_CASE("after a death, what may be delivered is known, and the pinned time stays") {
    World world;
    std::int64_t pinned_time_s = 0;
    {
      auto open_run = world.read();
      REQUIRE(open_run);
      open_run->pinned_time_s = pinned_time_s = 1'700'000'000;
      auto log =
          begin_run(world.options, {.links_per_s = 500, .burst = 50}, *open_run, 2, world.files);
      REQUIRE(log);
      log->attempt(0, 3);
      log->deliver(0, 1, 1);
      REQUIRE(log->flush());
    }
    std::optional<OpenRun> open_run;
    if (auto read = world.read(); read) open_run.emplace(std::move(*read));
    REQUIRE(open_run);
    CHECK(open_run->pinned_time_s == pinned_time_s);
    CHECK(open_run->in_doubt.links == LinkSet{{1, 2}});
    CHECK(open_run->report().delivered == 1);
    CHECK(open_run->report().resent_at_most == 2);
    // It stays unknown until it is settled, also for the run after one that ends in order.
    {
      auto log =
          begin_run(world.options, {.links_per_s = 500, .burst = 50}, *open_run, 2, world.files);
      REQUIRE(log);
      log->deliver(1, 1, 1);
      const auto last = log->last_snapshot(false, 143);
      REQUIRE(last);
      REQUIRE(RunSaver::open(world.files, open_run->paths)->save(*last));
    }
    open_run.reset();  // and its lock
    CHECK(world.read()->in_doubt.links == LinkSet{{2, 1}});
  }

  TEST_CASE("what a death has torn is told to people, before the links that are sent again") {
    struct Heard : Progress {
      void note(Weight weight, std::string_view line) override { lines.emplace_back(weight, line); }
      std::vector<std::pair<Weight, std::string>> lines;
    } heard;
    World world;
    {
      auto open_run = world.read();
      REQUIRE(open_run);
      auto log =
          begin_run(world.options, {.links_per_s = 500, .burst = 50}, *open_run, 2, world.files);
      REQUIRE(log);
      log->attempt(0, 3);
      log->deliver(0, 1, 1);
      REQUIRE(log->flush());
    }
    const std::string journal = "job/runs/1-of-1/journal.1";
    world.scratch.write(journal, world.scratch.read(journal) + "torn");
    const auto open_run = read_open_run(world.options, world.job, world.files, heard);
    REQUIRE(open_run);
    CHECK(open_run->report().delivered == 1);
    REQUIRE(heard.lines.size() == 2);
    CHECK(heard.lines[0].first == Weight::warning);
    CHECK(heard.lines[0].second.starts_with(world.scratch.path(journal) + ": "));
    CHECK(heard.lines[1].first == Weight::info);
    CHECK(heard.lines[1].second.starts_with("re-sending at most 2 links"));
  }

  TEST_CASE("a finished job has nothing to do") {
    World world;
    {
      auto open_run = world.read();
      REQUIRE(open_run);
      auto log =
          begin_run(world.options, {.links_per_s = 500, .burst = 50}, *open_run, 2, world.files);
      REQUIRE(log);
      log->deliver(0, 3, 1);
      const auto last = log->last_snapshot(true, 0);
      REQUIRE(last);
      REQUIRE(RunSaver::open(world.files, open_run->paths)->save(*last));
    }
    const auto open_run = world.read();
    REQUIRE(open_run);
    CHECK(open_run->is_finished());
    CHECK(open_run->report().nothing_to_do);
    CHECK(open_run->report().delivered == 3);
  }

  TEST_CASE("a plan with a damaged block is refused before the first link, not in the middle") {
    World world;
    std::optional<OpenRun> open_run;
    if (auto read = world.read(); read) open_run.emplace(std::move(*read));
    REQUIRE(open_run);
    auto bytes = world.scratch.read("job/plan");
    bytes[bytes.find("a3u3")] = 'b';
    world.scratch.write("job/plan", bytes);
    const auto begun =
        begin_run(world.options, {.links_per_s = 500, .burst = 50}, *open_run, 2, world.files);
    REQUIRE(!begun);
    CHECK(begun.error().code == Errc::input);
    CHECK(begun.error().what.find("block 0 was changed") != std::string::npos);
    CHECK(!world.scratch.exists("job/runs/1-of-1/checkpoint"));
  }

  TEST_CASE("plan and checkpoint survive a power loss from before the first link on") {
    World world;
    FlakyFiles disk;
    PlanOptions plan;
    plan.row_reader.inputs = {world.scratch.path("pairs.csv")};
    REQUIRE(make_plan(plan, "/w/job", disk, world.progress));
    {
      auto open_run = read_open_run(world.options, "/w/job", disk, world.progress);
      REQUIRE(open_run);
      REQUIRE(begin_run(world.options, {.links_per_s = 500, .burst = 50}, *open_run, 2, disk));
    }
    disk.lose_power(FlakyFiles::Keep::synced);
    const auto open_run = read_open_run(world.options, "/w/job", disk, world.progress);
    REQUIRE_MESSAGE(open_run, open_run);
    CHECK(open_run->state);
    CHECK(open_run->plan.check_blocks());
  }

  TEST_CASE("one process a job, and another target is refused") {
    World world;
    {
      auto open_run = world.read();
      REQUIRE(open_run);
      const auto second = world.read();
      REQUIRE(!second);
      CHECK(second.error().code == Errc::locked);
      REQUIRE(
          begin_run(world.options, {.links_per_s = 500, .burst = 50}, *open_run, 2, world.files));
    }
    world.options.service_api.token = Secret("another-token-42");
    auto open_run = world.read();
    REQUIRE(open_run);
    const auto moved =
        begin_run(world.options, {.links_per_s = 500, .burst = 50}, *open_run, 2, world.files);
    REQUIRE(!moved);
    CHECK(moved.error().code == Errc::usage);
  }

  TEST_CASE("the checkpoint foresees what the stricter of two limits lets through in seconds") {
    SendOptions options;
    options.connections = 4;
    const auto ahead = [&](double links_per_s, double requests_per_s) {
      return ahead_max(options,
                       {.links_per_s = links_per_s, .requests_per_s = requests_per_s, .burst = 10},
                       80);  // of 10 links a request
    };
    CHECK(ahead(0, 0) == Ledger::window_max);
    CHECK(ahead(100, 0) == 80 + 10 + 400);
    CHECK(ahead(0, 5) == 80 + 10 + 4 * 5 * 10);
    CHECK(ahead(20, 5) == 80 + 10 + 4 * 20);
    CHECK(ahead(1e9, 0) == Ledger::window_max);
  }

  TEST_CASE("the fingerprint of a target tells tokens apart and shows none") {
    World world;
    const auto open_run = world.read();
    REQUIRE(open_run);
    const auto print = target_fingerprint(world.options, open_run->plan.facts());
    CHECK(print.size() == 24);
    CHECK(print.find("0123456789") == std::string::npos);
    world.options.service_api.token = Secret("another-token-42");
    CHECK(target_fingerprint(world.options, open_run->plan.facts()) != print);
  }

  TEST_CASE("a plan that took the place of the one that was agreed to is not sent") {
    World world;
    world.options.plan = world.read()->plan.facts().digest;
    CHECK(world.read());
    world.options.plan->front() ^= 1;
    const auto other = world.read();
    REQUIRE(!other);
    CHECK(other.error().code == Errc::input);
    CHECK(other.error().what.find("another plan took the place of") != std::string::npos);
  }

  TEST_CASE(
      "a copy says that it is one, as long as the machine runs, and what was moved does not") {
    struct Heard : Progress {
      void note(Weight, std::string_view line) override { lines += line; }
      std::string lines;
    } heard;
    World world;
    {
      auto open_run = world.read();
      REQUIRE(open_run);
      auto log =
          begin_run(world.options, {.links_per_s = 500, .burst = 50}, *open_run, 2, world.files);
      REQUIRE(log);
      CHECK(log->facts().words.get("directory") == open_run->hold->identity());
    }
    const auto said_of = [&](const std::string& job) {
      heard.lines.clear();
      REQUIRE(read_open_run(world.options, job, world.files, heard));
      return heard.lines.find("is a copy of the directory in which") != std::string::npos;
    };
    const auto copy = world.scratch.path("copy");
    fs::copy(world.job, copy, fs::copy_options::recursive);
    CHECK_FALSE(said_of(world.job));
    CHECK(said_of(copy));
    fs::rename(world.job, world.scratch.path("moved"));
    CHECK_FALSE(said_of(world.scratch.path("moved")));
    {
      auto open_run = read_open_run(world.options, copy, world.files, world.progress);
      REQUIRE(open_run);
      REQUIRE(
          begin_run(world.options, {.links_per_s = 500, .burst = 50}, *open_run, 2, world.files));
    }
    CHECK_FALSE(said_of(copy));  // it has a run of its own now
    // After a restart, the numbers of directories may be others.
    fs::copy(copy, world.scratch.path("late"), fs::copy_options::recursive);
    const JobPaths late{world.scratch.path("late")};
    auto checkpoint = load_checkpoint(world.files, late.run().checkpoint()).value().value();
    checkpoint.boot = "another";
    REQUIRE(save_checkpoint(world.files, late.run().checkpoint(), checkpoint));
    CHECK_FALSE(said_of(late.dir));
  }

  TEST_CASE("a rehearsal that is under way loses nothing to a second one") {
    World world;
    world.options.rehearsal = true;
    auto first = world.read();
    REQUIRE(first);
    REQUIRE(begin_run(world.options, {.links_per_s = 500, .burst = 50}, *first, 2,
                      first->hold->files()));
    const auto second = world.read();
    REQUIRE(!second);
    CHECK(second.error().code == Errc::locked);
    CHECK(*world.files.stat(first->paths.checkpoint()));
  }
}
