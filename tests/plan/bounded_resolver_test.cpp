// SPDX-License-Identifier: MIT
#include "plan/bounded_resolver.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plan/planner.hpp"

#include "support/flaky_files.hpp"
#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::io;
using namespace idmerge::plan;
using namespace idmerge::util;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Scratch;

TEST_SUITE("plan/bounded_resolver") {
  TEST_CASE("decisions that mean nothing are named alike, in memory and on disk") {
    struct Listener : Progress {
      void note(Weight weight, std::string_view text) override {
        if (weight == Weight::warning) warnings.emplace_back(text);
      }
      std::vector<std::string> warnings;
    };
    std::string text = "anonymous_id,user_id\n";
    for (int i = 0; i < 20'000; ++i)
      text += "a" + std::to_string(i) + ",u" + std::to_string(i / 3) + "\n";
    text += "u3,v1\nu4,v2\nb1,u5\nb2,u5\n";
    Scratch scratch;
    PlanOptions options;
    options.row_reader.inputs = {scratch.write("t.csv", text)};
    options.resolver.max_cluster = 4;
    using Kind = Decision::Kind;
    options.decisions.path = "decisions.csv";
    options.decisions.decisions = {{"a1", Kind::never, {}, 2},  {"nobody", Kind::never, {}, 3},
                                   {"a2", Kind::user, "u9", 4}, {"a19999", Kind::user, "u6666", 5},
                                   {"u9", Kind::never, {}, 6},  {"u3", Kind::user, "v1", 7},
                                   {"u4", Kind::never, {}, 8},  {"b1", Kind::user, "u5", 9},
                                   {"b2", Kind::later, {}, 10}};
    RealFiles files;
    for (const std::uint64_t memory : {0U, 1U}) {
      CAPTURE(memory);
      options.memory_bytes = memory;
      Listener heard;
      REQUIRE(make_plan(options, scratch.path("job"), files, heard));
      const std::vector<std::string> expected{
          "4: this user does not claim", "7: the anonymous id is a user id elsewhere",
          "9: the cluster of this user", "6: no pair with sides", "3: no row has"};
      REQUIRE(heard.warnings.size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i)
        CHECK(heard.warnings[i].starts_with("decisions.csv: line " + expected[i]));
    }
  }

  TEST_CASE("what is counted of rows before the spill counts after it") {
    std::string text = "anonymous_id,user_id\n$device:a,u\n";
    for (int i = 0; i < 60'000; ++i)
      text += "a" + std::to_string(i) + ",u" + std::to_string(i) + "\n";
    Scratch scratch;
    PlanOptions options;
    options.row_reader.inputs = {scratch.write("t.csv", text)};
    RealFiles files;
    Progress silent;
    std::vector<Digest> digests;
    for (const std::uint64_t memory : {0U, 1U, 1U << 20U, 2U << 20U, 4U << 20U, 8U << 20U}) {
      options.memory_bytes = memory;
      const auto plan =
          make_plan(options, scratch.path("job" + std::to_string(memory)), files, silent);
      REQUIRE_MESSAGE(plan, plan);
      CHECK(parse_plan_summary(plan->plan_summary)->warnings.prefixed == 1);
      digests.push_back(plan->digest);
    }
    for (const auto& digest : digests)
      CHECK(digest == digests[0]);
  }

  TEST_CASE("the space needed is logged before work starts, and a disk too small is refused then") {
    struct Listener : Progress {
      void note(Weight, std::string_view text) override { notes.emplace_back(text); }
      void planning(const PlanningNow& now) override { rows = std::max(rows, now.rows); }
      std::vector<std::string> notes;
      std::uint64_t rows = 0;
    };
    std::string text = "anonymous_id,user_id\n";
    for (int i = 0; i < 30'000; ++i)
      text += "anonymous-" + std::to_string(i) + ",user-" + std::to_string(i) + "\n";
    Scratch scratch;
    PlanOptions options;
    options.row_reader.inputs = {scratch.write("t.csv", text)};
    options.memory_bytes = 1000;
    FlakyFiles files;
    Listener announced;
    REQUIRE(make_plan(options, "/w/job", files, announced));
    REQUIRE(announced.notes.size() == 1);
    CHECK(announced.notes[0].find("of disk will be used") != std::string::npos);

    files.free = 100'000;
    Listener refused;
    const auto made = make_plan(options, "/w/other", files, refused);
    REQUIRE(!made);
    CHECK(made.error().code == Errc::outage);
    CHECK(made.error().what.find("--spill-dir") != std::string::npos);
    CHECK(refused.rows == 0);
    CHECK(!files.exists("/w/other/plan.part"));
    options.memory_bytes = 0;
    CHECK(make_plan(options, "/w/other", files, refused));

    // On two disks each has to have room for its own.
    options.memory_bytes = 1000;
    options.spill_dir = "/spill";
    files.free = 1'500'000;
    REQUIRE(files.make_dir("/spill"));
    files.free_elsewhere["/spill"] = 3'000'000;
    Listener both;
    REQUIRE(make_plan(options, "/w/third", files, both));
    REQUIRE(both.notes.size() == 1);
    CHECK(both.notes[0].find(" for the spill in /spill, where 2.9MiB are free, and up to ") !=
          std::string::npos);
    CHECK(both.notes[0].find(" for the plan in /w/third, where 1.4MiB are free") !=
          std::string::npos);
    files.free = 500'000;
    const auto job_full = make_plan(options, "/w/fourth", files, refused);
    REQUIRE(!job_full);
    CHECK(job_full.error().what.find("/w/fourth: ") == 0);
    CHECK(job_full.error().what.find("give --job a larger disk") != std::string::npos);
    files.free = 1'500'000;
    files.free_elsewhere["/spill"] = 1'500'000;
    const auto spill_full = make_plan(options, "/w/fourth", files, refused);
    REQUIRE(!spill_full);
    CHECK(spill_full.error().what.find("/spill: ") == 0);
  }
}
