// SPDX-License-Identifier: MIT
#include "plan/held_file.hpp"

#include <random>
#include <string>

#include <doctest/doctest.h>

#include "plan/planner.hpp"

#include "support/scratch.hpp"
#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::io;
using namespace idmerge::plan;
using namespace idmerge::util;
using idmerge::testing::Scratch;

namespace {

struct Job {
  Scratch scratch;
  RealFiles files;
  JobPaths paths;

  Job(const std::string& table, PlanOptions options) {
    options.row_reader.inputs = {scratch.write("t.csv", table)};
    paths.dir = scratch.path("job");
    Progress progress;
    const auto made = make_plan(options, paths.dir, files, progress);
    REQUIRE_MESSAGE(made, (made ? "" : made.error().what));
  }

  std::string write(std::uint64_t memory_bytes) {
    const auto plan = PlanReader::open(files, paths.plan());
    REQUIRE(plan);
    SpillDir dir(files, paths.dir, paths.dir);
    REQUIRE(write_held(files, paths, "", *plan, dir, memory_bytes));
    return scratch.read("job/held.ndjson");
  }
};

std::size_t count(const std::string& text, std::string_view word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++found;
  return found;
}

}  // namespace

TEST_SUITE("plan/held_file") {
  TEST_CASE("of an id that many users claim the first line names ten and the others the first") {
    std::string table = "anonymous_id,user_id\n";
    for (int i = 1; i <= 14; ++i)
      table += "shared,u" + std::to_string(i) + "\n";
    Job job(table, {});
    for (const std::uint64_t memory : {0U, 1U}) {
      CAPTURE(memory);
      const auto text = job.write(memory);
      CHECK(count(text, "\n") == 14);
      const auto first = text.substr(0, text.find('\n'));
      CHECK(count(first, "\"user_id\"") == 10);
      CHECK(first.find("\"u10\"") != std::string::npos);
      CHECK(first.find("\"u11\"") == std::string::npos);
      CHECK(first.find("\"more_clashes\":4") != std::string::npos);
      CHECK(count(text, "\"more_clashes\":12") == 13);
      const auto last = text.substr(text.rfind("{\"anonymous_id\":\"shared\""));
      CHECK(count(last, "\"user_id\"") == 2);
      CHECK(last.find("\"user_id\":\"u1\"") != std::string::npos);
    }
  }

  TEST_CASE("every line of a small conflict names all others") {
    for (const int users : {2, 3}) {
      std::string table = "anonymous_id,user_id\n";
      for (int i = 1; i <= users; ++i)
        table += "shared,u" + std::to_string(i) + "\n";
      Job job(table, {});
      const auto text = job.write(0);
      CHECK(count(text, "\"user_id\"") == static_cast<std::size_t>(users * users));
      CHECK(count(text, "\"more_clashes\"") == 0);
    }
  }

  TEST_CASE("the file grows with the input, however many claim an id and however long ids are") {
    const std::string long_id(200, 'x');
    for (const std::size_t long_ids : {0U, 12U}) {
      const auto size_of = [&](std::size_t rows) {
        std::string table = "anonymous_id,user_id\n";
        for (std::size_t i = 0; i < rows; ++i) {
          table +=
              "shared,u" + std::to_string(1'000'000 + i) + (i < long_ids ? long_id : "") + "\n";
        }
        Job job(table, {});
        const auto text = job.write(0);
        CHECK(count(text, "\n") == rows);
        CHECK(count(text, long_id) == long_ids);  // each in its own line only
        return text.size();
      };
      const auto few = size_of(2'000);
      const auto many = size_of(4'000);
      CHECK(many - few < 2'000 * 600);
      CHECK(many < 2 * few + few / 10);
    }
  }

  TEST_CASE("an id too long to repeat is found by its place") {
    const std::string long_id(129, 'x');
    for (const bool too_long : {false, true}) {
      const auto first = long_id.substr(too_long ? 0 : 1);
      Job job("anonymous_id,user_id\na1," + first + "\na1,u2\n", {});
      const auto text = job.write(0);
      CHECK(count(text, first) == (too_long ? 1 : 2));
      CHECK(count(text, "{\"id_bytes\":129,\"file\":") == (too_long ? 1 : 0));
    }
  }

  TEST_CASE("a claim that only a decision holds is not said to clash with another") {
    PlanOptions options;
    options.row_reader.op_field = "op";
    options.row_reader.alias_field = "anonymous_id";
    options.row_reader.distinct_id_field = "user_id";
    options.decisions.decisions = {{"a1", Decision::Kind::later, "", 1},
                                   {"a2", Decision::Kind::user, "nobody", 2},
                                   {"a3", Decision::Kind::later, "", 3},
                                   {"a4", Decision::Kind::later, "", 4}};
    Job job(
        "anonymous_id,user_id,op\n"
        "a1,u1,create\n"
        "a2,u1,create\n"
        "a3,u1,create\n"
        "a3,u2,create\n"
        "a4,u1,create\n"
        "a4,u1,alias\n",
        options);
    for (const std::uint64_t memory : {0U, 1U}) {
      CAPTURE(memory);
      const auto text = job.write(memory);
      CHECK(count(text, "\n") == 6);
      CHECK(count(text, "\"reason\":\"conflict\"") == 6);
      CHECK(count(text, "is claimed by more than one user") == 2);
      CHECK(count(text, "is later, or names a user that does not claim it") == 4);
      CHECK(count(text, "\"clashes_with\":[]") == 4);
      for (const std::string id : {"a1", "a2", "a4"}) {
        const auto line = text.substr(text.find("\"" + id + "\""));
        CHECK(line.substr(0, line.find('\n')).find("more than one user") == std::string::npos);
      }
    }
  }

  TEST_CASE("lines are the same, in the same order, however little memory there is") {
    std::mt19937_64 random(idmerge::testing::seed());
    const auto id = [&](const char* side, std::uint64_t below) {
      return side + std::to_string(1 + random() % below);
    };
    for (const auto policy : {OnConflict::hold, OnConflict::earliest}) {
      std::string table = "anonymous_id,user_id,at\n";
      for (int i = 0; i < 20'000; ++i) {
        const bool swapped = random() % 40 == 0;
        table += id(swapped ? "u" : "a", 15'000) + "," + id(swapped ? "a" : "u", 4000) + "," +
                 std::to_string(random() % 100) + "\n";  // some of a kind
      }
      PlanOptions options;
      options.resolver.on_conflict = policy;
      options.resolver.max_cluster = 6;
      options.row_reader.order_field = "at";
      Job job(table, options);
      const auto all = job.write(0);
      for (const std::string reason : {"conflict", "both-sides", "oversize", "outranked"}) {
        CAPTURE(reason);
        const bool expected = policy == OnConflict::earliest || reason != "outranked";
        CHECK((count(all, "\"reason\":\"" + reason + "\"") > 10) == expected);
      }
      CHECK((count(all, "\"won_by\"") > 10) == (policy == OnConflict::earliest));
      for (const std::uint64_t memory : {1U, 1U << 20U, 8U << 20U}) {
        CAPTURE(memory);
        CHECK((job.write(memory) == all));
      }
    }
  }

  TEST_CASE(
      "what planning leaves is what the plan says, also where clusters hold more than claims") {
    std::string table = "anonymous_id,user_id,at\n";
    for (int i = 0; i < 4000; ++i)
      table += "a" + std::to_string(i) + ",u" + std::to_string(i / 4) + ",5\n";
    for (int i = 0; i < 20; ++i)
      table += "a" + std::to_string(i * 150) + ",u" + std::to_string(900 + i) + ",6\n";
    table += "u7,a8,5\n";
    for (int i = 0; i < 30; ++i)
      table += "b" + std::to_string(i) + ",crowd,5\n";
    for (const std::uint32_t max_cluster : {0U, 20U}) {
      CAPTURE(max_cluster);
      PlanOptions options;
      options.resolver.max_cluster = max_cluster;
      {
        auto latest = options;
        latest.resolver.on_conflict = OnConflict::latest;
        latest.row_reader.order_field = "at";
        latest.decisions.decisions = {{"a150", Decision::Kind::never, "", 1}};
        Job job(table, latest);
        const auto planned = job.scratch.read("job/held.ndjson");
        CHECK(count(planned, "\"reason\":\"outranked\"") == 19);
        CHECK(count(planned, "\"won_by\"") == 19);
        CHECK((planned == job.write(0)));
      }
      Job job(table, options);
      const auto planned = job.scratch.read("job/held.ndjson");
      CHECK(count(planned, "\"reason\":\"conflict\"") == 40);
      CHECK(count(planned, "\"reason\":\"both-sides\"") == 2);
      CHECK(count(planned, "\"reason\":\"oversize\"") == (max_cluster == 0 ? 0 : 30));
      CHECK((planned == job.write(0)));
    }
  }
}
