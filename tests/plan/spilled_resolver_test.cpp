// SPDX-License-Identifier: MIT
#include "plan/spilled_resolver.hpp"

#include <functional>
#include <map>
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "plan/plan_summary.hpp"
#include "plan/planner.hpp"

#include "support/flaky_files.hpp"
#include "support/scratch.hpp"
#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::io;
using namespace idmerge::plan;
using namespace idmerge::util;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Harm;
using idmerge::testing::Scratch;

namespace {

constexpr std::size_t preamble_bytes = 48;
constexpr std::size_t footer_bytes = 248;

/// All of a plan but its preamble, and the footer that has the preamble's digest.
std::string said(const Scratch& scratch, const std::string& job) {
  const auto bytes = scratch.read(job + "/plan");
  return bytes.substr(preamble_bytes, bytes.size() - preamble_bytes - footer_bytes);
}

PlanFacts plan_of(Scratch& scratch, PlanOptions options, const std::string& job,
                  std::uint64_t memory_bytes) {
  RealFiles files;
  Progress progress;
  options.memory_bytes = memory_bytes;
  const auto made = make_plan(options, scratch.path(job), files, progress);
  REQUIRE_MESSAGE(made, (made ? "" : made.error().what));
  return *made;
}

/// Is the plan the same, and are the lines about held and rejected rows, with no memory at all,
/// with too little, and with as much as it wants?
void check_same(Scratch& scratch, const PlanOptions& options) {
  const auto much = plan_of(scratch, options, "much", 0);
  for (const std::uint64_t memory : {std::uint64_t{1}, std::uint64_t{1} << 20U}) {
    CAPTURE(memory);
    const auto little = plan_of(scratch, options, "little", memory);
    CHECK(little.id() == much.id());
    CHECK(little.plan_summary == much.plan_summary);
    CHECK((said(scratch, "little") == said(scratch, "much")));
    CHECK((scratch.read("little/held.ndjson") == scratch.read("much/held.ndjson")));
    CHECK((scratch.read("little/rejected.ndjson") == scratch.read("much/rejected.ndjson")));
  }
}

/// One row of a shape of graph.
using Edge = std::pair<std::uint64_t, std::uint64_t>;
using Shape = std::function<Edge(std::mt19937_64&, std::uint64_t row)>;

struct NamedShape {
  const char* name;
  Shape edge;
};

const NamedShape shapes[]{
    {"stars",
     [](auto& random, auto) {
       const auto n = random() % 900;
       return Edge(n, 10'000 + n / 9);
     }},
    {"chains", [](auto&, auto row) { return Edge(row, row + (row % 7 == 6 ? 100'000 : 1)); }},
    {"rings", [](auto&, auto row) { return Edge(row, row % 5 == 4 ? row - 4 : row + 1); }},
    {"cliques",
     [](auto& random, auto) {
       const auto clique = random() % 40 * 20;
       const auto one = random() % 20;
       return Edge(clique + one, clique + (one + 1 + random() % 19) % 20);
     }},
    {"giant",
     [](auto& random, auto) {
       const auto a = random() % 1500;
       return Edge(a, 1500 + (a + random() % 2) % 1500);
     }},
    {"conflicts", [](auto& random, auto) { return Edge(random() % 600, 10'000 + random() % 300); }},
    {"both sides",
     [](auto& random, auto) {
       const auto a = random() % 700;
       return Edge(a, a + 1 + random() % 700);
     }},
};

}  // namespace

TEST_SUITE("plan/spilled_resolver") {
  TEST_CASE("every shape of graph has the same plan on disk as in memory") {
    const auto base = idmerge::testing::seed();
    std::uint64_t world = 0;
    for (const auto& shape : shapes) {
      for (const char* op : {"create", "alias", "merge", "unsided", "mixed"}) {
        CAPTURE(shape.name);
        CAPTURE(op);
        std::mt19937_64 random(base + world++);
        Scratch scratch;
        const std::string_view verb = op;
        const bool unsided = verb == "unsided";
        const bool mixed = verb == "mixed";
        const std::string_view names = verb == "alias" ? "alias,distinct_id"
                                       : mixed         ? "anonymous_id,user_id,alias,distinct_id,op"
                                                       : "anonymous_id,user_id";
        PlanOptions options;
        options.resolver.on_conflict = static_cast<OnConflict>(random() % 4);
        const bool ranked = options.resolver.on_conflict == OnConflict::earliest ||
                            options.resolver.on_conflict == OnConflict::latest;
        if (ranked || random() % 4 == 0) options.row_reader.order_field = "at";
        std::map<std::string, Decision> decisions;
        std::string text = std::string(names) + ",at\n";
        for (std::uint64_t row = 0; row < 3000; ++row) {
          auto [a, b] = shape.edge(random, row);
          if (random() % 8 == 0) std::tie(a, b) = shape.edge(random, row / 2);
          if (unsided && random() % 2 == 0) std::swap(a, b);
          const auto one = (a % 97 == 5 ? "$device:$device:" : "id-") + std::to_string(a + 1);
          auto other = "id-" + std::to_string(b + 1);
          if (random() % 200 == 0) other = "null";
          if (random() % 200 == 0) other.clear();
          text += one + "," + other;
          if (mixed) {
            text +=
                "," + one + "," + other + "," + std::string(name(static_cast<Op>(random() % 3)));
          }
          text += ",";
          const auto order = random() % 100;
          text += order == 0 ? "" : order == 1 ? "soon" : std::to_string(random() % 400);
          text += "\n";
          if (random() % 40 != 0) continue;
          Decision decision;
          decision.anon = random() % 30 == 0 ? "nobody" + std::to_string(row) : one;
          decision.kind = static_cast<Decision::Kind>(random() % 3);
          if (decision.kind == Decision::Kind::user) {
            decision.user = random() % 5 == 0 ? "id-77" : other;
          }
          decisions.emplace(decision.anon, decision);
        }
        if (random() % 2 == 0) {
          for (const auto& [anon, decision] : decisions)
            options.decisions.decisions.push_back(decision);
        }
        options.row_reader.inputs = {scratch.write("t.csv", text)};
        if (verb == "alias") options.row_reader.op = Op::alias;
        if (verb == "merge" || unsided) options.row_reader.op = Op::merge;
        if (unsided) options.row_reader.id_fields = "anonymous_id,user_id";
        if (mixed) options.row_reader.op_field = "op";
        options.resolver.collapse = random() % 4 != 0;
        options.resolver.max_cluster = random() % 2 == 0 ? 12 : 499;
        check_same(scratch, options);
      }
    }
  }

  TEST_CASE("orders, several files and many blocks: memory runs out in the middle") {
    std::mt19937_64 random(idmerge::testing::seed());
    Scratch scratch;
    std::vector<std::string> inputs;
    for (int file = 0; file < 3; ++file) {
      std::string text = "anonymous_id,user_id,at\n";
      for (int i = 0; i < 60'000; ++i) {
        const auto n = random() % 90'000;
        text += "anonymous-" + std::to_string(n) + ",user-" +
                std::to_string(n / 3 + (random() % 50 == 0 ? 1 : 0)) + "," +
                (random() % 9 == 0 ? random() % 2 == 0 ? "" : "soon"
                                   : std::to_string(random() % 1000)) +
                "\n";
      }
      inputs.push_back(scratch.write("t" + std::to_string(file) + ".csv", text));
    }
    PlanOptions options;
    options.row_reader.inputs = inputs;
    options.row_reader.order_field = "at";
    for (const auto policy : {OnConflict::hold, OnConflict::earliest, OnConflict::latest}) {
      options.resolver.on_conflict = policy;
      check_same(scratch, options);
      const auto report = parse_plan_summary(plan_of(scratch, options, "again", 1).plan_summary);
      REQUIRE(report);
      CHECK(report->unreadable_orders.rows > 8'000);
      CHECK(report->unreadable_orders.file == 0);
    }
  }

  TEST_CASE("a disk that fails or a process that dies in the middle leaves no plan and no spill") {
    std::string text = "anonymous_id,user_id\n";
    for (int i = 0; i < 30'000; ++i)
      text += "anonymous-" + std::to_string(i) + ",user-" + std::to_string(i / 3) + "\n";
    Scratch scratch;
    PlanOptions options;
    options.row_reader.inputs = {scratch.write("t.csv", text)};
    options.memory_bytes = 1;
    Progress progress;
    std::uint64_t steps = 0;
    {
      FlakyFiles files;
      REQUIRE(make_plan(options, "/w/job", files, progress));
      steps = files.steps();
      const auto names = files.list("/w/job");
      REQUIRE(names);
      CHECK(*names == std::vector<std::string>{".gitignore", "held.ndjson", "plan",
                                               "rejected.ndjson", "runs"});
    }
    REQUIRE(steps > 200);
    for (const auto kind : {Harm::full, Harm::fail, Harm::kill}) {
      // The last step gives the lock back, when all is done.
      for (std::uint64_t step = 10; step + 1 < steps; step += 1 + steps / 25) {
        CAPTURE(step);
        FlakyFiles files;
        files.harm(step, kind, kind != Harm::kill);
        const auto made = make_plan(options, "/w/job", files, progress);
        files.revive();
        CHECK(!made);
        if (!made) CHECK(made.error().code == Errc::outage);
        // The same command again finishes, and nothing of the first try is left.
        const auto again = make_plan(options, "/w/job", files, progress);
        REQUIRE_MESSAGE(again, (again ? "" : again.error().what));
        CHECK(files.list("/w/job")->size() == 5);
      }
    }
  }
}
