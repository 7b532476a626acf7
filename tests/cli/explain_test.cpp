// SPDX-License-Identifier: MIT
#include "cli/explain.hpp"

#include <chrono>

#include <fmt/format.h>

#include "emulator/server.hpp"
#include "plan/job_paths.hpp"
#include "plan/plan_file.hpp"
#include "send/progress_log.hpp"
#include "send/run_log.hpp"

#include "app_job.hpp"

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::emulator;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using namespace idmerge::testing;

namespace {

std::string said_of(Stage& stage, std::vector<std::string> arguments, IdMask mask = IdMask(true)) {
  arguments.insert(arguments.begin(), "explain");
  const auto settings = settings_of(arguments);
  REQUIRE_MESSAGE(settings, settings);
  std::string out;
  const auto ids = asked_ids(settings->explain, "");
  REQUIRE(ids);
  const auto done = explain_ids(stage.files, *settings, *ids, mask, [&](std::string_view text) {
    out += text;
    return Result<bool>(true);
  });
  return done ? out : out + "error: " + done.error().what;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Leave a run of a job in which the first link was refused, with this dead letter.
void refuse_first_link(Stage& stage, const std::string& job, std::string_view letter) {
  const auto paths = JobPaths{job}.run();
  for (const auto& name : stage.files.list(paths.dir).value())
    REQUIRE(stage.files.remove(paths.dir + "/" + name));
  const auto plan = PlanReader::open(stage.files, JobPaths{job}.plan());
  REQUIRE(plan);
  Checkpoint begun;
  begun.plan = plan->facts().digest;
  begun.ledger.links = plan->facts().links;
  auto log = RunLog::begin(stage.files, paths, begun);
  REQUIRE_MESSAGE(log, log);
  log->refuse(0, 3, letter);
  const auto last = log->last_snapshot(false, 5);
  REQUIRE(last);
  REQUIRE(RunSaver::open(stage.files, paths).value().save(*last));
}

const std::string first = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
const std::string claimed = "3f2504e0-4f89-41d3-9a0c-0305e82c3306";

}  // namespace

TEST_SUITE("cli/explain") {
  TEST_CASE("before a run an id has its rows, its cluster and a pending link") {
    Stage stage;
    const auto job = stage.planned();
    const auto input = stage.scratch.path("pairs.csv");
    CHECK(said_of(stage, {first, "--job", job}) ==
          first + "\n  rows that name it: 1\n    " + input + ": line 2: first: " + first +
              " -> user-1@example.com\n  links that name it: 1\n    " + first +
              " -> user-1@example.com (create, from " + input +
              ": line 2): pending: planned, nothing sent yet\n  its cluster: 3 ids\n    " + first +
              "\n    user-1@example.com\n    3f2504e0-4f89-41d3-9a0c-0305e82c3302\n");
    const auto held = said_of(stage, {claimed, "--job", job});
    CHECK(
        contains(held, claimed + " -> u3 (create, from " + input + ": line 8): held: conflict\n"));
    CHECK(
        contains(held, claimed + " -> u4 (create, from " + input + ": line 9): held: conflict\n"));
    CHECK(!contains(held, "its cluster"));
    CHECK(contains(said_of(stage, {"u3", "--job", job}),
                   "conflicting held links\n    " + claimed + " -> u4"));
    CHECK(
        contains(said_of(stage, {"null", "--job", job}), ": line 7: rejected: the id is a place"));
    CHECK(said_of(stage, {"x\x1b[2J", "--job", job}) ==
          "x\\x1b[2J\n  not found in this job\nerror: " + job +
              ": not found: 1 of the 1 ids: check their spelling, byte for byte");
    CHECK(
        contains(said_of(stage, {"null", "x", "y", "--job", job}), ": not found: 2 of the 3 ids"));
  }

  TEST_CASE("a link that a person decided against is skipped, before a run and after it") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", "anonymous_id,user_id\na1,u1\na1,u2\n");
    const auto decisions = stage.scratch.write("d.csv", "anonymous_id,decision\na1,u2\n");
    REQUIRE(stage.code({"plan", input, "--decisions", decisions}) == 0);
    const auto job = input + ".idmerge";
    const auto is_skipped = [&] {
      CHECK(contains(said_of(stage, {"u1", "--job", job}),
                     "a1 -> u1 (create, from " + input +
                         ": line 2): skipped: void: a person decided against it\n"));
      CHECK(contains(said_of(stage, {"u1", "--job", job, "--format", "ndjson"}),
                     "\"verdict\":\"void\",\"fate\":\"skipped\"}"));
    };
    is_skipped();
    EmulatorOptions emulator;
    emulator.listen = "127.0.0.1:0";
    const auto service = Emulator::start(std::move(emulator));
    REQUIRE(service);
    REQUIRE(stage.code({"run", "--job", job, "--to", (*service)->url()}) == 0);
    is_skipped();
    const auto sent = said_of(stage, {"u2", "--job", job});
    CHECK_MESSAGE(contains(sent, "line 3): delivered, between "), sent);
  }

  TEST_CASE("an id of the deny list is said to be denied, also when the list has changed") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", "anonymous_id,user_id\na1,qa-1\na1,u1\n");
    const auto list = stage.scratch.write("deny", "qa-1\n");
    REQUIRE(stage.code({"plan", input, "--deny-file", list, "--max-rejected", "none"}) == 0);
    stage.scratch.write("deny", "u1\n");
    const auto job = input + ".idmerge";
    CHECK(said_of(stage, {"qa-1", "--job", job}) ==
          "qa-1\n  rows that name it: 1\n    " + input +
              ": line 2: rejected: denied: --deny-file denies one of its ids\n");
    CHECK(contains(said_of(stage, {"a1", "--job", job, "--format", "ndjson"}),
                   "\"line\":2,\"byte_offset\":21,\"is\":\"rejected\",\"reason\":\"denied\"},"
                   "{\"file\":"));
  }

  TEST_CASE("when a link was answered is told as closely as the timeline knows") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", "anonymous_id,user_id\na1,u1\na2,u1\na3,u2\n");
    REQUIRE(stage.code({"plan", input}) == 0);
    const auto job = input + ".idmerge";
    EmulatorOptions emulator;
    emulator.listen = "127.0.0.1:0";
    const auto service = Emulator::start(std::move(emulator));
    REQUIRE(service);
    REQUIRE(stage.code({"run", "--job", job, "--to", (*service)->url()}) == 0);
    const auto paths = JobPaths{job}.run();
    const auto digest = PlanReader::open(stage.files, JobPaths{job}.plan())->facts().digest;
    const auto written =
        parse_progress_log(stage.files.read_all(paths.progress_log(), 10'000).value(), digest);
    REQUIRE(written.size() >= 2);
    CHECK(written.front().settled == 0);
    CHECK(written.back().settled == written.back().end);
    CHECK(written.back().end > 0);
    const auto whole = said_of(stage, {"a1", "--job", job});
    CHECK_MESSAGE(contains(whole, ": delivered, between "), whole);

    // As if it had taken a week, and the links had been answered on its third day.
    const std::int64_t begun = written.front().time_s;
    constexpr std::int64_t day_s = 86'400;
    const auto end = written.back().end;
    std::string lines;
    for (const ProgressLogEntry& entry : {ProgressLogEntry{begun, 0, 0, 0},
                                          {begun + 2 * day_s, 0, 0, 0},
                                          {begun + 2 * day_s + 10, 0, end, end},
                                          {begun + 7 * day_s, 0, end, end}})
      lines += progress_log_line(entry, digest);
    REQUIRE(stage.files.replace(paths.progress_log(), lines));
    const auto moment = [](std::int64_t unix_s) {
      return rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(unix_s)));
    };
    const auto from = moment(begun + 2 * day_s);
    const auto to = moment(begun + 2 * day_s + 11);
    const auto said = said_of(stage, {"a1", "--job", job});
    CHECK_MESSAGE(contains(said, ": delivered, between " + from + " and " + to), said);
    const auto object = said_of(stage, {"a1", "--job", job, "--format", "ndjson"});
    CHECK_MESSAGE(contains(object, "\"between\":[\"" + from + "\",\"" + to + "\"]"), object);
    // It is only to be more exact by: without it there is an answer, too.
    REQUIRE(stage.files.remove(paths.progress_log()));
    CHECK(contains(said_of(stage, {"a1", "--job", job}), ": delivered, between "));
  }

  TEST_CASE("for programs it is one object an id") {
    Stage stage;
    const auto job = stage.planned();
    const auto input = stage.scratch.path("pairs.csv");
    CHECK(said_of(stage, {"user-1@example.com", "u3", "--job", job, "--format", "ndjson"}) ==
          "{\"id\":\"user-1@example.com\",\"rows\":["
          "{\"file\":\"" +
              input +
              "\",\"line\":2,\"byte_offset\":21,\"is\":\"first\",\"link\":0},"
              "{\"file\":\"" +
              input +
              "\",\"line\":3,\"byte_offset\":77,\"is\":\"first\",\"link\":1},"
              "{\"file\":\"" +
              input +
              "\",\"line\":4,\"byte_offset\":133,\"is\":\"duplicate\",\"link\":1}],"
              "\"links\":[{\"anonymous_id\":\"3f2504e0-4f89-41d3-9a0c-0305e82c3301\","
              "\"user_id\":\"user-1@example.com\",\"op\":\"create\",\"file\":\"" +
              input +
              "\",\"line\":2,\"verdict\":\"send\",\"fate\":\"pending\"},"
              "{\"anonymous_id\":\"3f2504e0-4f89-41d3-9a0c-0305e82c3302\","
              "\"user_id\":\"user-1@example.com\",\"op\":\"create\",\"file\":\"" +
              input +
              "\",\"line\":3,\"verdict\":\"send\",\"fate\":\"pending\"}],"
              "\"cluster\":[\"3f2504e0-4f89-41d3-9a0c-0305e82c3301\",\"user-1@example.com\","
              "\"3f2504e0-4f89-41d3-9a0c-0305e82c3302\"],\"too_large\":[],\"clashes\":[],"
              "\"unread\":[]}\n"
              "{\"id\":\"u3\",\"rows\":[{\"file\":\"" +
              input +
              "\",\"line\":8,\"byte_offset\":312,\"is\":\"first\",\"link\":0}],"
              "\"links\":[{\"anonymous_id\":\"" +
              claimed +
              "\",\"user_id\":\"u3\",\"op\":\"create\","
              "\"file\":\"" +
              input +
              "\",\"line\":8,\"verdict\":\"conflict\",\"fate\":\"held\"}],"
              "\"cluster\":[],\"too_large\":[],\"clashes\":[{\"anonymous_id\":\"" +
              claimed + "\",\"user_id\":\"u4\",\"op\":\"create\",\"file\":\"" + input +
              "\",\"line\":9,\"verdict\":\"conflict\"}],\"unread\":[]}\n");
  }

  TEST_CASE("an input that changed is named, and what the plan knows is still said") {
    Stage stage;
    const auto job = stage.planned();
    stage.scratch.write("pairs.csv", "anonymous_id,user_id\n");
    const auto text = said_of(stage, {first, "--job", job});
    CHECK(
        contains(text, "not read again: " + stage.scratch.path("pairs.csv") + ": it was changed"));
    CHECK(contains(text, "its cluster: 3 ids"));
    CHECK(!contains(text, "rows that name it"));
  }

  TEST_CASE("ids are masked like elsewhere, in text, JSON and the service's own words") {
    Stage stage;
    const auto job = stage.planned("p.csv",
                                   "anonymous_id,user_id\n"
                                   "anna-of-the-north,berta\nchris,berta\n");
    refuse_first_link(
        stage, job,
        fmt::format(R"({{"file":"{}","line":2,"message":"{}"}})", stage.scratch.path("p.csv"),
                    "anna-of-the-north is not berta@mail.example"));
    for (const auto* format : {"text", "ndjson"}) {
      const std::vector<std::string> asked{"anna-of-the-north", "--job", job, "--format", format};
      const auto masked = said_of(stage, asked, IdMask(false));
      for (const auto* id : {"anna", "berta", "chris", "mail.example"})
        CHECK_MESSAGE(!contains(masked, id), masked);
      CHECK(contains(masked, "an…th (17-32 bytes)"));
      CHECK_MESSAGE(contains(masked, " is not be…le (17-32 bytes)"), masked);
      const auto shown = said_of(stage, asked);
      for (const auto* id : {"anna-of-the-north is not berta@mail.example", "chris"})
        CHECK_MESSAGE(contains(shown, id), shown);
    }
  }

  TEST_CASE("a link is refused by its dead letter, and what is none is not made up") {
    Stage stage;
    const auto job = stage.planned();
    const auto input = stage.scratch.path("pairs.csv");
    const auto letter = fmt::format(
        R"({{"file":"{}","line":2,"status":400,"attempts":3,"message":"no \u001bsuch id"}})",
        input);
    refuse_first_link(stage, job, letter);
    CHECK(contains(said_of(stage, {first, "--job", job}),
                   ": refused: after 3 attempts, status 400: no \\x1bsuch id, between "));
    const auto refused = JobPaths{job}.run().refused();
    for (const std::string_view bad :
         {R"({"file":"F","line":2,"status":400,"attempts":3})",
          R"({"file":"F","line":2,"message":7})", R"({"file":"F","line":"2","message":"no"})",
          R"({"file":"F","message":"no"})", R"({"file":1,"line":2,"message":"no"})",
          R"({"line":2,"message":"no"})", "[]", "{", ""}) {
      CAPTURE(bad);
      refuse_first_link(stage, job, bad);
      CHECK(said_of(stage, {first, "--job", job}) ==
            "error: " + refused +
                ": a line is not a dead letter: the file was changed: restore it, or start a new "
                "job");
    }
  }

  TEST_CASE("a link that is or was in doubt says so, with the service's words") {
    Stage stage;
    const auto job = stage.planned();
    refuse_first_link(stage, job, "{}");  // for its directories alone
    const auto paths = JobPaths{job}.run();
    for (const auto& name : stage.files.list(paths.dir).value())
      REQUIRE(stage.files.remove(paths.dir + "/" + name));
    Checkpoint begun;
    const auto plan = PlanReader::open(stage.files, JobPaths{job}.plan());
    REQUIRE(plan);
    begun.plan = plan->facts().digest;
    begun.ledger.links = plan->facts().links;
    auto log = RunLog::begin(stage.files, paths, begun);
    REQUIRE(log);
    log->attempt(0, 2);
    log->deliver_ambiguous(
        0, 2,
        fmt::format(
            R"({{"link":0,"file":"{}","line":2,"status":400,"message":"alias exists","attempts":2}})",
            stage.scratch.path("pairs.csv")));
    const auto last = log->last_snapshot(false, 5);
    REQUIRE(last);
    REQUIRE(RunSaver::open(stage.files, paths).value().save(*last));
    CHECK(contains(said_of(stage, {first, "--job", job}),
                   ": delivered: ambiguous: an earlier try may have linked it, after 2 attempts "
                   "status 400: alias exists"));
    const auto json = said_of(stage, {first, "--job", job, "--format", "ndjson"});
    CHECK(contains(json, R"("fate":"delivered","status":400,"attempts":2)"));
    CHECK(contains(json, R"("doubt":"ambiguous")"));
    const auto second = first.substr(0, first.size() - 1) + "2";
    CHECK(contains(said_of(stage, {second, "--job", job}),
                   ": pending: not answered yet; it may be delivered already"));
    CHECK(contains(said_of(stage, {second, "--job", job, "--format", "ndjson"}),
                   R"("doubt":"open")"));
    const auto third = first.substr(0, first.size() - 1) + "3";
    CHECK(contains(said_of(stage, {third, "--job", job}), ": pending: not answered yet"));
    CHECK(!contains(said_of(stage, {third, "--job", job}), "may be delivered"));
  }

  TEST_CASE("ids are asked for once each, by name or line by line") {
    CHECK(asked_ids({"a", "-", "a"}, "b\r\n\nc\na").value() ==
          std::vector<std::string>{"a", "b", "c"});
    CHECK(asked_ids({"-"}, "\n").error().code == Errc::usage);
    CHECK(settings_of({"explain", "--job", "x"}).error().code == Errc::usage);
    CHECK(settings_of({"explain", "a"}).error().code == Errc::usage);
    CHECK(settings_of({"explain", "--job", "x", "--", "-dash"})->explain ==
          std::vector<std::string>{"-dash"});
    CHECK(settings_of({"explain", "-dash", "--job", "x"}).error().what ==
          "-dash: unknown option: see idmerge explain --help; put an id that begins with a dash "
          "after --: idmerge explain --job DIR -- ID");
    CHECK(settings_of({"explain", "a", "--job", "x", "--format", "csv"}).error().code ==
          Errc::usage);
  }

  TEST_CASE("a directory that is no job, or a job without a plan, says so") {
    Stage stage;
    CHECK(said_of(stage, {"a", "--job", stage.scratch.path("none")}).starts_with("error: "));
  }
}
