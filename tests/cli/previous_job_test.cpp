// SPDX-License-Identifier: MIT
#include "cli/previous_job.hpp"

#include <filesystem>

#include <fmt/format.h>

#include "emulator/server.hpp"

#include "app_job.hpp"

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::emulator;
using namespace idmerge::util;
using namespace idmerge::testing;

namespace {

/// `links` rows of as many links.
std::string rows(int links) {
  std::string out = "anonymous_id,user_id\n";
  for (int i = 0; i < links; ++i)
    out += fmt::format("a{},u{}\n", i, i % 2);
  return out;
}

/// Last night: two links, sent to an emulator.
struct Nights {
  Stage stage;
  std::unique_ptr<Emulator> service = *Emulator::start({});
  std::string last = sent("last.csv", 2);

  /// The job of an input that was sent whole.
  std::string sent(const std::string& name, int links) {
    const auto input = stage.scratch.write(name, rows(links));
    REQUIRE_MESSAGE(stage.code({"run", input, "--to", service->url()}) == 0, stage.said);
    return input + ".idmerge";
  }

  /// The exit code of tonight's command for an input, with what is behind it.
  int tonight(const std::string& command, const std::string& input,
              const std::vector<std::string>& more) {
    std::vector<std::string> words{command, input};
    if (command == "run") words.insert(words.end(), {"--to", service->url()});
    words.insert(words.end(), more.begin(), more.end());
    return stage.code(words);
  }

  std::string write(const std::string& name, int links) {
    return stage.scratch.write(name, rows(links));
  }

  bool was_sent(const std::string& input) {
    const auto view = view_job(stage.files, input + ".idmerge");
    return view && view->run;
  }

  std::vector<std::string> by(const std::string& job, const std::string& share = "150%") {
    return {"--max-links", share, "--last-job", job};
  }
};

/// What --max-links says of so many links, "" if nothing.
std::string judged(const Limit& most, std::uint64_t links,
                   const std::optional<PreviousJob>& last = {},
                   const std::string& last_job = "jobs/last") {
  Settings settings;
  settings.max_links = most;
  settings.last_job = last_job;
  const auto checked = check_links(settings, links, last);
  if (checked) return "";
  CHECK(checked.error().code == Errc::guard);
  return checked.error().what;
}

}  // namespace

TEST_SUITE("cli/previous_job") {
  TEST_CASE("a share is of the last job's links, and a count of nothing") {
    const Limit half_more{Limit::Kind::percent, 0, 150};
    const PreviousJob last{"jobs/last", 40'113'202};
    CHECK(judged(half_more, 60'169'803, last).empty());
    CHECK(judged(half_more, 60'169'804, last) ==
          "--max-links: 60,169,804 links are to be sent, over 150% of the 40,113,202 that "
          "jobs/last had to send: look at the summary, or raise the guard");
    CHECK(judged(half_more, 0, PreviousJob{"jobs/last", 0}).empty());
    CHECK_FALSE(judged(half_more, 1, PreviousJob{"jobs/last", 0}).empty());
    CHECK(judged(half_more, 1'000'000'000, {}, "none").empty());
    CHECK(judged({Limit::Kind::percent, 0, 50}, 6, PreviousJob{"jobs/last", 10}) != "");
    CHECK(judged({Limit::Kind::count, 7, 0}, 7).empty());
    CHECK(judged({Limit::Kind::count, 7, 0}, 8) ==
          "--max-links: 8 links are to be sent, over 7: look at the summary, or raise the guard");
    CHECK(judged({}, 8).empty());
  }

  TEST_CASE("more than the share stops plan, run and dry run before anything leaves") {
    Nights nights;
    auto& stage = nights.stage;
    const auto input = nights.write("p.csv", 4);
    const auto job = input + ".idmerge";
    for (const std::string command : {"plan", "run"}) {
      CHECK(nights.tonight(command, input, nights.by(nights.last)) == 6);
      CHECK(stage.heard("--max-links: 4 links are to be sent, over 150% of the 2 that " +
                        nights.last + " had to send: look at the summary, or raise the guard\n"));
      CHECK(stage.said.ends_with(" --max-links none\n"));
      CHECK(stage.scratch.read("p.csv.idmerge/summary.json").find("over 150% of the 2 that") !=
            std::string::npos);
      CHECK(stage.scratch.read("p.csv.idmerge/report.html").find("over 150% of the 2 that") !=
            std::string::npos);
    }
    auto dry = nights.by(nights.last);
    dry.emplace_back("-n");
    CHECK(nights.tonight("run", input, dry) == 6);
    // A job that is named alone, and a rehearsal, which goes nowhere else than it may.
    auto alone = nights.by(nights.last);
    alone.insert(alone.begin(), {"run", "--job", job, "--to", nights.service->url()});
    CHECK(stage.code(alone) == 6);
    alone[4] = "emulator";
    CHECK(stage.code(alone) == 6);
    CHECK_FALSE(nights.was_sent(input));
    CHECK(nights.tonight("run", input, nights.by(nights.last, "200%")) == 0);
    CHECK_FALSE(stage.heard("this guard is off"));
  }

  TEST_CASE("what has begun goes on without the last job") {
    Nights nights;
    const auto input = nights.write("p.csv", 3);
    auto first = nights.by(nights.last);
    first.insert(first.end(), {"--max-requests", "1", "--connections", "1"});
    REQUIRE(nights.tonight("run", input, first) == 8);
    const auto view = view_job(nights.stage.files, input + ".idmerge");
    CHECK(view->run->checkpoint.words.get("last-job") == nights.last);
    std::filesystem::remove_all(nights.last);
    CHECK(nights.tonight("plan", input, nights.by(nights.last)) == 0);
    CHECK(nights.tonight("run", input, nights.by(nights.last)) == 0);
  }

  TEST_CASE("the first night is said, and warned of") {
    Nights nights;
    const auto input = nights.write("p.csv", 9);
    CHECK(nights.tonight("plan", input, nights.by("none")) == 0);
    CHECK(
        nights.stage.heard("--max-links: 150%: there is no last job to compare with (--last-job "
                           "none): this guard is off"));
    CHECK(nights.tonight("run", input, nights.by("none")) == 0);
    CHECK(nights.stage.heard("this guard is off"));
  }

  TEST_CASE("a last job that says nothing stops before the first row") {
    Nights nights;
    auto& stage = nights.stage;
    const auto input = nights.write("p.csv", 1);
    const auto stops = [&](int code, const std::string& job, std::string_view why,
                           const std::vector<std::string>& more = {}) {
      auto words = nights.by(job);
      words.insert(words.end(), more.begin(), more.end());
      for (const std::string command : {"plan", "run"}) {
        CHECK_MESSAGE(nights.tonight(command, input, words) == code, stage.said);
        CHECK_MESSAGE(stage.heard("--last-job: " + job + std::string(why)), stage.said);
        CHECK_FALSE(stage.scratch.exists("p.csv.idmerge"));
      }
    };
    stops(
        2, stage.scratch.path("gone"),
        ": there is no such job: check the name, or write --last-job none while there is none yet");
    std::filesystem::create_directory(stage.scratch.path("other"));
    stage.scratch.write("other/x", "x");
    stops(2, stage.scratch.path("other"), ": is a directory, but not a job");
    stops(2, input, ": is not a directory");

    const auto planned = nights.write("planned.csv", 1);
    REQUIRE(nights.tonight("plan", planned, {}) == 0);
    const auto unfinished = planned + ".idmerge";
    stops(4, unfinished,
          ": is not finished: finish it (idmerge run --job " + unfinished +
              " --to 'us|eu|in|URL'), or name the job before it");
    REQUIRE(stage.code({"run", "--job", unfinished, "--to", "emulator"}) == 0);
    stops(4, unfinished, ": is not finished");  // a rehearsal finishes nothing
    const auto begun = nights.write("begun.csv", 2);
    REQUIRE(nights.tonight("run", begun, {"--max-requests", "1", "--connections", "1"}) == 8);
    stops(4, begun + ".idmerge",
          ": is not finished: finish it (idmerge run --job " + begun + ".idmerge), or name");

    stops(2, nights.last, ": was planned with --op 'create', not with 'alias'",
          {"--op", "alias", "--alias-field", "#1", "--distinct-id-field", "#2"});
    stops(2, nights.last, ": was planned with --op-field '', not with '#1'", {"--op-field", "#1"});
    stops(2, nights.last, ": was planned with --project-mode '', not with 'original'",
          {"--project-mode", "original"});

    auto batches = nights.by(nights.last);
    batches.insert(batches.end(), {"--api", "import", "--project-mode", "original"});
    CHECK(nights.tonight("plan", input, batches) == 2);
    CHECK(stage.heard(": was planned with --api 'identity', not with 'import'"));

    auto damaged = stage.scratch.read("last.csv.idmerge/plan");
    damaged[damaged.size() / 2] ^= 1;
    stage.scratch.write("last.csv.idmerge/plan", damaged);
    stops(4, nights.last, "/plan: ");
  }

  TEST_CASE("a run cares where the last job was sent, a rehearsal does not") {
    Nights nights;
    auto& stage = nights.stage;
    const auto input = nights.write("p.csv", 1);
    const auto elsewhere = *Emulator::start({});
    auto there = nights.by(nights.last);
    there.insert(there.begin(), {"run", input, "--to", elsewhere->url()});
    CHECK(stage.code(there) == 2);
    CHECK(stage.heard("--last-job: " + nights.last +
                      ": was sent to another target, project or token than " + elsewhere->url()));
    stage.environment["MIXPANEL_TOKEN"] = "another";
    CHECK(nights.tonight("run", input, nights.by(nights.last)) == 2);
    CHECK_FALSE(stage.scratch.exists("p.csv.idmerge"));
    CHECK(nights.tonight("plan", input, nights.by(nights.last)) == 0);
    there.emplace_back("--rehearse");
    CHECK(stage.code(there) == 0);
    stage.environment["MIXPANEL_TOKEN"] = "0123456789abcdef";
    CHECK(nights.tonight("run", input, nights.by(nights.last)) == 0);
  }

  TEST_CASE("no job is measured by itself") {
    Nights nights;
    const auto input = nights.write("p.csv", 1);
    const auto job = input + ".idmerge";
    REQUIRE(nights.tonight("plan", input, {}) == 0);
    CHECK(nights.tonight("run", input, nights.by(job + "/.")) == 2);
    CHECK(nights.stage.heard("/.: is the job itself: name the one that was finished before it"));
    CHECK_FALSE(nights.was_sent(input));
  }

  TEST_CASE("an empty night is a last job, too") {
    Nights nights;
    const auto empty = nights.sent("empty.csv", 0);
    CHECK(nights.tonight("run", nights.write("p.csv", 1), nights.by(empty)) == 6);
    CHECK(nights.stage.heard("over 150% of the 0 that"));
    CHECK(nights.tonight("run", nights.write("none.csv", 0), nights.by(empty)) == 0);
  }
}
