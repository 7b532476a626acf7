// SPDX-License-Identifier: MIT
#include "idmerge/run/bounded_census.hpp"

#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "idmerge/run/planner.hpp"

#include "support/flaky_files.hpp"
#include "support/scratch.hpp"

using namespace idmerge;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Scratch;

TEST_SUITE("run/bounded_census") {
  TEST_CASE("rules that need all ids in memory are refused when memory runs out") {
    std::string text = "anonymous_id,user_id,at\n";
    for (int i = 0; i < 20'000; ++i)
      text += "a" + std::to_string(i) + ",u" + std::to_string(i / 3) + ",1\n";
    Scratch scratch;
    PlanOptions options;
    options.intake.inputs = {scratch.write("t.csv", text)};
    options.intake.order_field = "at";
    options.memory_bytes = 1;
    RealFiles files;
    Progress progress;
    SUBCASE("orders") {
      options.census.on_conflict = OnConflict::latest;
    }
    SUBCASE("decisions") {
      options.decisions.decisions.push_back(
          {.anon = "a1", .says = Decision::Says::never, .user = {}});
    }
    const auto made = make_plan(options, scratch.path("job"), files, progress);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Errc::usage);
    CHECK(made.error().what.find("--memory") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(scratch.path("job/plan")));
    options.memory_bytes = 0;
    CHECK(make_plan(options, scratch.path("job"), files, progress));
  }

  TEST_CASE("what is needed is said before work starts, and a disk too small is refused then") {
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
    options.intake.inputs = {scratch.write("t.csv", text)};
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
  }
}
