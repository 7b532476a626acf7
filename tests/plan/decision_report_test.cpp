// SPDX-License-Identifier: MIT
#include "plan/decision_report.hpp"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/flaky_files.hpp"
#include "support/plan_maker.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::io;
using namespace idmerge::plan;
using idmerge::testing::FlakyFiles;
using idmerge::testing::PlanSketch;
using Kind = Decision::Kind;

namespace {

DecisionFile file_of(std::vector<Decision> decisions) {
  return {"d.csv", "digest", std::move(decisions)};
}

/// What a person hears.
std::vector<std::string> heard(const DecisionFile& file,
                               const std::vector<DecisionEffect>& answers) {
  struct Listener : Progress {
    void note(Weight weight, std::string_view text) override {
      CHECK(weight == Weight::warning);
      lines.emplace_back(text);
    }
    std::vector<std::string> lines;
  } listener;
  name_ineffective(file, answers, listener);
  return listener.lines;
}

struct Planned {
  std::string anon, user;
  Verdict verdict = Verdict::send;
  bool sided = true;
};

void write_plan(Files& files, const std::vector<Planned>& links) {
  const PlanSketch sketch;
  auto writer = PlanWriter::create(files, "/w/plan", sketch.preamble, sketch.options, false);
  REQUIRE(writer);
  std::vector<Verdict> verdicts;
  for (const auto& planned : links) {
    Link link;
    link.anon = planned.anon;
    link.user = planned.user;
    link.op = planned.sided ? Op::create : Op::merge;
    link.sided = planned.sided;
    writer->add(link);
    verdicts.push_back(planned.verdict);
  }
  writer->columns(verdicts, std::vector<std::uint32_t>(links.size()));
  REQUIRE(writer->write_rest(sketch.inputs, sketch.plan_summary));
  REQUIRE(writer->publish());
}

}  // namespace

TEST_SUITE("plan/decision_report") {
  TEST_CASE("decisions are about ids as they are sent") {
    const auto file = file_of({{"$device:a", Kind::user, "u1", 2},
                               {"a", Kind::user, "u1", 3},
                               {"b", Kind::never, "", 4}});
    CHECK(in_wire_form(file, false)->decisions.size() == 3);
    const auto wire = in_wire_form(file, true);
    REQUIRE(wire);
    REQUIRE(wire->decisions.size() == 2);
    CHECK(wire->decisions[0].anon == "a");
    CHECK(wire->decisions[1].anon == "b");
    CHECK(wire->digest == file.digest);
    const auto twice = in_wire_form(
        file_of({{"$device:a", Kind::user, "u1", 2}, {"a", Kind::later, "", 7}}), true);
    REQUIRE_FALSE(twice);
    CHECK(twice.error().code == Errc::usage);
    CHECK(twice.error().what.starts_with("--decisions: d.csv: line 7: contradicts line 2"));
  }

  TEST_CASE("the census gets each decision with the fingerprints of its ids, in order") {
    const Fingerprinter print(Secret16{1, 2, 3});
    const auto decided =
        decided_by(file_of({{"a1", Kind::user, "u1", 2}, {"a2", Kind::never, "", 3}}), print);
    REQUIRE(decided.size() == 2);
    CHECK(decided[0].anon == print("a1"));
    CHECK(decided[0].user == print("u1"));
    CHECK(decided[0].kind == Kind::user);
    CHECK(decided[1].anon == print("a2"));
    CHECK(decided[1].kind == Kind::never);
  }

  TEST_CASE("a decision without effect is explained, and what it means for the rows") {
    const auto file = file_of({{"a1", Kind::user, "u1", 7}});
    const std::vector<std::pair<DecisionEffect, std::string>> sentences{
        {DecisionEffect::unknown_id, "no row has this anonymous id: the decision has no effect"},
        {DecisionEffect::not_anonymous,
         "no pair with sides has this anonymous id, and only such pairs can be decided: the "
         "decision has no effect"},
        {DecisionEffect::unclaimed, "this user does not claim the anonymous id: its rows are held"},
        {DecisionEffect::both_sides,
         "the anonymous id is a user id elsewhere: its row stays held, also for this user; write "
         "never if it must not be sent"},
        {DecisionEffect::oversize,
         "the cluster of this user would have more ids than --max-cluster: the row stays held; "
         "write never if it must not be sent"}};
    for (const auto& [answer, sentence] : sentences)
      CHECK(heard(file, {answer}) == std::vector<std::string>{"d.csv: line 7: " + sentence});
    CHECK(heard(file, {DecisionEffect::yes}).empty());
  }

  TEST_CASE("many about ids that no longer come do not hide one that leaves a row held") {
    std::vector<Decision> decisions;
    std::vector<DecisionEffect> answers;
    for (std::uint64_t i = 0; i < 7; ++i) {
      decisions.push_back({"gone" + std::to_string(i), Kind::never, "", i + 2});
      answers.push_back(DecisionEffect::unknown_id);
    }
    decisions.push_back({"u3", Kind::user, "v1", 9});
    answers.push_back(DecisionEffect::both_sides);
    auto lines = heard(file_of(decisions), answers);
    REQUIRE(lines.size() == 7);
    CHECK(lines.front().starts_with("d.csv: line 9: the anonymous id is a user"));
    for (std::size_t i = 0; i < 5; ++i)
      CHECK(lines[i + 1].starts_with("d.csv: line " + std::to_string(i + 2) + ": no row has"));
    CHECK(lines.back() == "d.csv: and 2 more decisions like these");

    // As many as are named leave nothing to be counted.
    decisions.erase(decisions.begin(), decisions.begin() + 2);
    answers.erase(answers.begin(), answers.begin() + 2);
    lines = heard(file_of(decisions), answers);
    REQUIRE(lines.size() == 6);
    CHECK(lines.back().starts_with("d.csv: line 8: no row has"));
  }

  TEST_CASE(
      "a decision for a user of too large a cluster has no effect, in any block of the plan") {
    FlakyFiles files;
    std::vector<Planned> links{
        {"a1", "big", Verdict::oversize}, {"a2", "big", Verdict::oversize},
        {"a3", "big", Verdict::oversize}, {"a4", "big", Verdict::oversize},
        {"a5", "u5", Verdict::send},      {"a6", "big", Verdict::oversize, false},
        {"a6", "u6", Verdict::send},      {"a8", "big", Verdict::oversize},
        {"a8", "u8", Verdict::send}};
    for (int i = 0; i < 40'000; ++i)
      links.push_back({"filler" + std::to_string(i) + std::string(60, '-'), "u7"});
    links.push_back({"z1", "big", Verdict::oversize});
    write_plan(files, links);
    REQUIRE(PlanReader::open(files, "/w/plan")->blocks() > 2);

    const auto file = file_of({{"a1", Kind::user, "big", 2},
                               {"a2", Kind::user, "other", 3},
                               {"a3", Kind::never, "", 4},
                               {"a4", Kind::user, "big", 5},
                               {"a5", Kind::user, "u5", 6},
                               {"a6", Kind::user, "u6", 7},
                               {"a7", Kind::user, "big", 8},
                               {"a8", Kind::user, "u8", 9},
                               {"z1", Kind::user, "big", 10}});
    std::vector<DecisionEffect> answers{
        DecisionEffect::yes,        DecisionEffect::unclaimed, DecisionEffect::yes,
        DecisionEffect::both_sides, DecisionEffect::yes,       DecisionEffect::yes,
        DecisionEffect::unknown_id, DecisionEffect::yes,       DecisionEffect::yes};
    REQUIRE(find_oversize(files, "/w/plan", file, answers));
    CHECK(answers ==
          std::vector{DecisionEffect::oversize, DecisionEffect::unclaimed, DecisionEffect::yes,
                      DecisionEffect::both_sides, DecisionEffect::yes, DecisionEffect::yes,
                      DecisionEffect::unknown_id, DecisionEffect::yes, DecisionEffect::oversize});
  }

  TEST_CASE("a pair without sides says nothing about a decision of the same two ids") {
    FlakyFiles files;
    write_plan(files, {{"a1", "u1", Verdict::oversize, false}, {"a1", "u1", Verdict::send}});
    std::vector<DecisionEffect> answers{DecisionEffect::yes};
    REQUIRE(find_oversize(files, "/w/plan", file_of({{"a1", Kind::user, "u1", 2}}), answers));
    CHECK(answers == std::vector{DecisionEffect::yes});
  }

  TEST_CASE("a damaged plan is no answer, and is not read where nobody named a user") {
    const auto file = file_of({{"a1", Kind::user, "u1", 2}});
    for (const std::string part : {"nothing", "footer", "columns", "links"}) {
      CAPTURE(part);
      FlakyFiles files;
      if (part != "nothing") {
        write_plan(files, {{"a1", "u1", Verdict::oversize}});
        const auto entry = PlanReader::open(files, "/w/plan")->entry(0);
        auto bytes = files.content("/w/plan");
        auto& byte = part == "footer"    ? bytes.back()
                     : part == "columns" ? bytes[entry.columns.offset]
                                         : bytes[entry.links.offset];
        byte = static_cast<char>(byte ^ 1);
        files.put("/w/plan", bytes);
      }
      std::vector<DecisionEffect> answers{DecisionEffect::yes};
      const auto found = find_oversize(files, "/w/plan", file, answers);
      REQUIRE(!found);
      CHECK(found.error().code == Errc::input);
      answers = {DecisionEffect::unclaimed};
      CHECK(find_oversize(files, "/w/plan", file, answers));
      answers = {DecisionEffect::yes};
      CHECK(find_oversize(files, "/w/plan", file_of({{"a1", Kind::later, "", 2}}), answers));
    }
  }
}
