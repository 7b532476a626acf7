// SPDX-License-Identifier: MIT
#include "plan/planner.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan/job_paths.hpp"
#include "plan/plan_summary.hpp"

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

PlanOptions options_for(std::vector<std::string> inputs) {
  PlanOptions options;
  options.row_reader.inputs = std::move(inputs);
  options.secret = Secret16{1, 2, 3};
  return options;
}

/// What a plan says, link by link.
struct Planned {
  std::vector<std::pair<std::string, std::string>> links;
  std::vector<Verdict> verdicts;
  std::vector<std::uint64_t> lines;
};

Planned read_plan(const std::string& job) {
  RealFiles files;
  const auto plan = PlanReader::open(files, job + "/plan");
  REQUIRE(plan);
  Planned out;
  PlanBlock block;
  for (std::size_t i = 0; i < plan->blocks(); ++i) {
    REQUIRE(plan->read_block(i, block));
    for (const auto& link : block.links) {
      out.links.emplace_back(link.anon, link.user);
      out.lines.push_back(link.line);
    }
    out.verdicts.insert(out.verdicts.end(), block.verdicts.begin(), block.verdicts.end());
  }
  return out;
}

std::size_t count_lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_SUITE("plan/planner") {
  TEST_CASE("a plan of an older idmerge is sent only where it says what the service would read") {
    PlanFacts plan;
    PlanSummary plan_summary;
    plan_summary.to_send = {3, 0, 0};
    plan.options.set("project_mode", "original");
    CHECK(check_sendable(plan, plan_summary));
    plan.options.set("project_mode", "simplified");
    const auto refused = check_sendable(plan, plan_summary);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::input);
    CHECK(refused.error().what.find("plan the inputs again") != std::string::npos);
    plan.options.set("wire_forms", "yes");
    CHECK(check_sendable(plan, plan_summary));
    plan_summary.to_send = {3, 0, 1};
    CHECK_FALSE(check_sendable(plan, plan_summary));
    plan.options.set("project_mode", "legacy");
    plan_summary.to_send = {1, 5, 0};
    CHECK_FALSE(check_sendable(plan, plan_summary));
    plan_summary.to_send = {0, 5, 0};
    CHECK(check_sendable(plan, plan_summary));
  }

  TEST_CASE("a small table becomes a plan, every row with its fate") {
    Scratch scratch;
    const auto input = scratch.write("pairs.csv",
                                     "anonymous_id,user_id\n"
                                     "a1,u1\n"
                                     "a2,u1\n"
                                     "a1,u1\n"    // duplicate
                                     ",u9\n"      // skipped
                                     "null,u2\n"  // rejected
                                     "a3,u1\n"    // conflict ...
                                     "a3,u2\n"    // ... with this
                                     "u1,u3\n");  // both sides
    RealFiles files;
    Progress progress;
    const auto made = make_plan(options_for({input}), scratch.path("job"), files, progress);
    REQUIRE(made);
    const auto report = parse_plan_summary(made->plan_summary);
    REQUIRE(report);
    CHECK(report->read == 8);
    CHECK(report->duplicates == 1);
    CHECK(report->skipped_anon == 1);
    CHECK(report->rejected() == 1);
    CHECK(report->links == 5);
    CHECK(report->sendable() == 2);
    CHECK(report->held() == 3);

    const auto planned = read_plan(scratch.path("job"));
    CHECK(planned.links[0] == std::pair<std::string, std::string>("a1", "u1"));
    CHECK(planned.verdicts == std::vector{Verdict::send, Verdict::send, Verdict::conflict,
                                          Verdict::conflict, Verdict::both_sides});
    CHECK(planned.lines == std::vector<std::uint64_t>{2, 3, 7, 8, 9});

    CHECK(scratch.read("job/rejected.ndjson") ==
          "{\"file\":\"" + input +
              "\",\"line\":6,\"column\":1,\"byte_offset\":43,\"reason\":\"placeholder\","
              "\"message\":\"the id is a placeholder that many rows share\","
              "\"hint\":\"leave the field blank where there is no id, or name the word with "
              "--null-word\",\"row\":\"null,u2\"}\n");
    const auto held = scratch.read("job/held.ndjson");
    CHECK(count_lines(held) == 3);
    CHECK(held.find("{\"anonymous_id\":\"a3\",\"user_id\":\"u1\",\"op\":\"create\"") == 0);
    CHECK(held.find("\"clashes_with\":[{\"user_id\":\"u2\",\"file\":\"" + input +
                    "\",\"line\":8}]") != std::string::npos);
    CHECK(held.find("\"clashes_with\":[{\"anonymous_id\":\"a1\",\"file\":\"" + input +
                    "\",\"line\":2}]") != std::string::npos);
  }

  TEST_CASE("--on-conflict earliest sends the oldest claim, and says of the others who won") {
    Scratch scratch;
    const auto input = scratch.write("pairs.csv",
                                     "anonymous_id,user_id,seen\n"
                                     "a1,u1,2026-03-02T10:00:00Z\n"
                                     "a1,u2,2026-03-01T10:00:00Z\n"
                                     "a2,u1,2026-03-01T10:00:00Z\n"
                                     "a2,u2,2026-03-01T10:00:00Z\n"
                                     "a3,u1,2026-03-03T10:00:00Z\n"
                                     "a3,u2,2026-03-02T10:00:00Z\n"
                                     "a3,u1,2026-03-01T10:00:00Z\n");
    RealFiles files;
    Progress progress;
    auto options = options_for({input});
    options.row_reader.order_field = "seen";
    options.resolver.on_conflict = OnConflict::earliest;
    REQUIRE(make_plan(options, scratch.path("job"), files, progress));
    CHECK(read_plan(scratch.path("job")).verdicts ==
          std::vector{Verdict::outranked, Verdict::send, Verdict::conflict, Verdict::conflict,
                      Verdict::send, Verdict::outranked});
    const auto held = scratch.read("job/held.ndjson");
    CHECK(count_lines(held) == 4);
    CHECK(held.find("\"reason\":\"outranked\"") != std::string::npos);
    CHECK(held.find("\"won_by\":{\"user_id\":\"u2\",\"file\":\"" + input +
                    "\",\"line\":3},\"clashes_with\":[]}") != std::string::npos);
    CHECK(held.find("\"won_by\":{\"user_id\":\"u1\",\"file\":\"" + input + "\",\"line\":6}") !=
          std::string::npos);
  }

  TEST_CASE("an order that cannot be read holds what no order holds, and no claim is lost") {
    Scratch scratch;
    RealFiles files;
    Progress progress;
    const auto table = [](std::string_view unreadable, std::string_view other) {
      return fmt::format(
          "anonymous_id,user_id,seen\n"
          "a1,u1,1700000000\n"
          "a1,u2,{0}\n"  // nobody knows who was first
          "a2,u1,{1}\n"
          "a2,u2,1700000000\n"
          "a3,u1,1700000000\n"
          "a3,u2,1700000001\n"
          "a3,u2,{0}\n"  // not even of a claim that another row makes
          "a4,u1,{1}\n"  // nobody else claims it
          "a4,u1,{0}\n"
          "null,u1,{0}\n"  // rejected, and counted there
          ",u1,{0}\n"
          "a5,u1,1700000000\n"
          "a5,u2,1700000001\n",
          unreadable, other);
    };
    for (const auto policy :
         {OnConflict::hold, OnConflict::earliest, OnConflict::latest, OnConflict::send}) {
      for (const std::uint64_t memory : {0U, 1U}) {
        CAPTURE(name(policy));
        CAPTURE(memory);
        auto options =
            options_for({scratch.write("pairs.csv", table("2024-11-31T00:00:00Z", "x"))});
        options.row_reader.order_field = "seen";
        options.resolver.on_conflict = policy;
        options.memory_bytes = memory;
        const auto made = make_plan(options, scratch.path("job"), files, progress);
        REQUIRE_MESSAGE(made, made);
        const auto report = parse_plan_summary(made->plan_summary);
        REQUIRE(report);
        CHECK(report->rejected() == 1);
        CHECK(report->skipped() == 1);
        const auto& [rows, file, line, column] = report->unreadable_orders;
        CHECK(rows == 5);
        CHECK(file == 0);
        CHECK(line == 3);
        CHECK(column == 7);
        const auto verdicts = read_plan(scratch.path("job")).verdicts;
        REQUIRE(verdicts.size() == 9);
        CHECK(verdicts[6] == Verdict::send);
        const auto in_doubt = policy == OnConflict::send ? Verdict::send : Verdict::conflict;
        CHECK(std::count(verdicts.begin(), verdicts.begin() + 6, in_doubt) == 6);
        if (policy == OnConflict::earliest) {
          CHECK(verdicts[7] == Verdict::send);
          CHECK(verdicts[8] == Verdict::outranked);
        }

        options.row_reader.inputs = {scratch.write("blank.csv", table("", ""))};
        const auto blank = make_plan(options, scratch.path("blank"), files, progress);
        REQUIRE_MESSAGE(blank, blank);
        CHECK(read_plan(scratch.path("blank")).verdicts == verdicts);
        CHECK(parse_plan_summary(blank->plan_summary)->unreadable_orders.rows == 0);
      }
    }
  }

  TEST_CASE("of several inputs the first order that cannot be read is named, without sides too") {
    Scratch scratch;
    RealFiles files;
    Progress progress;
    const auto one = scratch.write("1.csv", "x,y,at\na,b,5\na,b,\n");
    // Times, where the file before had integers; the row goes on over two lines.
    const auto two = scratch.write("2.csv",
                                   "x,y,note,at\n"
                                   "c,d,\"n\nn\",2026-11-23T18:00:00Z\n"
                                   "e,f,,2026-11-23T18:00:00Z\n");
    auto options = options_for({one, two});
    options.row_reader.op = Op::merge;
    options.row_reader.order_field = "at";
    options.row_reader.id_fields = "x,y";
    for (const std::uint64_t memory : {0U, 1U}) {
      options.memory_bytes = memory;
      const auto made = make_plan(options, scratch.path("job"), files, progress);
      REQUIRE_MESSAGE(made, made);
      const auto report = parse_plan_summary(made->plan_summary);
      REQUIRE(report);
      CHECK(report->unsided == 3);
      CHECK(report->sendable() == 3);
      CHECK(report->unreadable_orders.rows == 2);
      CHECK(report->unreadable_orders.file == 1);
      CHECK(report->unreadable_orders.line == 3);
      CHECK(report->unreadable_orders.column == 4);
    }
  }

  TEST_CASE("the plan id depends on what is planned, not on secret, place or time") {
    Scratch scratch;
    RealFiles files;
    Progress progress;
    const std::string content = "anonymous_id,user_id\na1,u1\na2,u2\n";
    const auto here = scratch.write("here.csv", content);
    const auto there = scratch.write("there.csv", content);
    const auto other = scratch.write("other.csv", content + "a3,u3\n");
    auto options = options_for({here});
    const auto one = make_plan(options, scratch.path("one"), files, progress);
    options.secret = Secret16{9};
    options.row_reader.inputs = {there};
    const auto two = make_plan(options, scratch.path("two"), files, progress);
    options.row_reader.inputs = {other};
    const auto three = make_plan(options, scratch.path("three"), files, progress);
    options.row_reader.inputs = {here};
    options.resolver.max_cluster = 100;
    const auto four = make_plan(options, scratch.path("four"), files, progress);
    REQUIRE((one && two && three && four));
    CHECK(one->id() == two->id());
    CHECK(one->id() != three->id());
    CHECK(one->id() != four->id());
  }

  TEST_CASE("a plan knows its inputs again, and notices what changed") {
    Scratch scratch;
    RealFiles files;
    Progress progress;
    const auto input = scratch.write("pairs.csv", "anonymous_id,user_id\na1,u1\n");
    auto options = options_for({input});
    const auto made = make_plan(options, scratch.path("job"), files, progress);
    REQUIRE(made);
    CHECK(match_plan(*made, options));

    // The same content written again is the same input; as long, but different, is not.
    scratch.write("pairs.csv", "anonymous_id,user_id\na1,u1\n");
    CHECK(match_plan(*made, options));
    scratch.write("pairs.csv", "anonymous_id,user_id\na1,u2\n");
    const auto changed = match_plan(*made, options);
    REQUIRE(!changed);
    CHECK(changed.error().code == Errc::input);

    scratch.write("pairs.csv", "anonymous_id,user_id\na1,u1\n");

    // An input may be a symbolic link, and stays one when what it names is written again.
    PlanOptions linked = options;
    linked.row_reader.inputs = {scratch.path("link.csv")};
    std::filesystem::create_symlink(scratch.path("pairs.csv"), scratch.path("link.csv"));
    const auto through = make_plan(linked, scratch.path("linked"), files, progress);
    REQUIRE(through);
    scratch.write("pairs.csv", "anonymous_id,user_id\na1,u1\n");
    std::filesystem::last_write_time(
        scratch.path("pairs.csv"),
        std::filesystem::last_write_time(scratch.path("pairs.csv")) + std::chrono::seconds(5));
    CHECK(match_plan(*through, linked));
    scratch.write("pairs.csv", "anonymous_id,user_id\na1,u2\n");
    CHECK(!match_plan(*through, linked));

    // What was unpacked from an archive without times is of 1970, and no pipe.
    const std::array<timespec, 2> then{};
    REQUIRE(::utimensat(AT_FDCWD, scratch.path("pairs.csv").c_str(), then.data(), 0) == 0);
    const auto old = make_plan(options, scratch.path("old"), files, progress);
    REQUIRE(old);
    CHECK(match_plan(*old, options));
    scratch.write("pairs.csv", "anonymous_id,user_id\na1,u9\n");
    REQUIRE(::utimensat(AT_FDCWD, scratch.path("pairs.csv").c_str(), then.data(), 0) == 0);
    CHECK(!match_plan(*old, options));

    // Other files than those of the plan, or one that cannot be looked at twice.
    const auto error_with = [&](std::vector<std::string> inputs) {
      auto others = options;
      others.row_reader.inputs = std::move(inputs);
      const auto matched = match_plan(*made, others);
      REQUIRE(!matched);
      CHECK(matched.error().code == Errc::input);
      return matched.error().what;
    };
    const auto second = scratch.write("second.csv", "anonymous_id,user_id\na1,u1\n");
    CHECK(error_with({input, second}) == "the plan was made from 1 input files, now there are 2");
    CHECK(error_with({second}) == "the plan was made from " + input + ", which is not " + second);
    std::filesystem::remove(input);
    REQUIRE(::mkfifo(input.c_str(), 0600) == 0);
    const int fifo = ::open(input.c_str(), O_RDWR);  // so that opening it does not wait
    CHECK(error_with({input}) ==
          input + ": is a pipe, which cannot be compared with what was planned");
    ::close(fifo);

    options.resolver.on_conflict = OnConflict::send;
    const auto differs = match_plan(*made, options);
    REQUIRE(!differs);
    CHECK(differs.error().code == Errc::usage);
    CHECK(differs.error().what.find("on_conflict") != std::string::npos);
  }

  TEST_CASE("a last row that was taken is another plan than one that is held") {
    Scratch scratch;
    RealFiles files;
    Progress progress;
    const auto input = scratch.write("pairs.csv", "anonymous_id,user_id\na1,u1\na2,u2");
    auto options = options_for({input});
    const auto held = make_plan(options, scratch.path("held"), files, progress);
    REQUIRE(held);
    CHECK(read_plan(scratch.path("held")).links.size() == 1);
    CHECK(held->options.find("last_row") == nullptr);  // as in plans of before
    options.row_reader.take_last_row = true;
    CHECK_FALSE(match_plan(*held, options));
    const auto taken = make_plan(options, scratch.path("taken"), files, progress);
    REQUIRE(taken);
    CHECK(read_plan(scratch.path("taken")).links.size() == 2);
    CHECK(match_plan(*taken, options));
    options.row_reader.take_last_row = false;
    CHECK_FALSE(match_plan(*taken, options));
    CHECK(match_plan(*held, options));
  }

  TEST_CASE("an option that differs is named with both words, and a file without its digest") {
    Scratch scratch;
    RealFiles files;
    Progress progress;
    const auto plain = options_for({scratch.write("pairs.csv", "anonymous_id,user_id\na1,u1\n")});
    auto other = plain;
    other.resolver.max_cluster = 12;
    auto denied = plain;
    denied.deny_digest = "0123";
    auto denied_others = plain;
    denied_others.deny_digest = "4567";
    auto decided = plain;
    decided.decisions.digest = "89ab";
    const auto difference = [&](const PlanOptions& planned, const PlanOptions& now) {
      const auto made = make_plan(planned, scratch.path("job"), files, progress);
      REQUIRE_MESSAGE(made, made);
      CHECK(match_plan(*made, planned));
      const auto matched = match_plan(*made, now);
      REQUIRE(!matched);
      CHECK(matched.error().code == Errc::usage);
      return matched.error().what;
    };
    CHECK(difference(other, plain) == "max_cluster: the plan was made with '12', now it is '499'");
    CHECK(difference(plain, denied) ==
          "deny_file: the plan was made without a file, now one is given");
    CHECK(difference(denied, plain) ==
          "deny_file: the plan was made with a file, now none is given");
    CHECK(difference(denied, denied_others) == "deny_file: the plan was made with another file");
    CHECK(difference(decided, plain) ==
          "decisions: the plan was made with a file, now none is given");
    // A plan of an idmerge that did not know an option was made without it.
    auto made = make_plan(plain, scratch.path("job"), files, progress);
    REQUIRE(made);
    KeyValues fewer;
    for (const auto& [key, value] : made->options) {
      if (key != "max_cluster") fewer.set(key, value);
    }
    made->options = fewer;
    CHECK(match_plan(*made, plain).error().what ==
          "max_cluster: the plan was made with '', now it is '499'");
  }

  TEST_CASE(
      "a person is told what was passed over, what looks wrong, and what is held as it stands") {
    struct Listener : Progress {
      void note(Weight weight, std::string_view text) override {
        (weight == Weight::warning ? warnings : notes).emplace_back(text);
      }
      std::vector<std::string> notes, warnings;
    };
    Scratch scratch;
    RealFiles files;
    scratch.write("in/.hidden", "x");
    scratch.write("in/1.csv", "anonymous_id,user_id\na1,\"u\n\n1\"\na2,u2\n");
    Listener heard;
    REQUIRE(make_plan(options_for({scratch.path("in")}), scratch.path("job"), files, heard));
    REQUIRE(heard.notes.size() == 1);
    CHECK(heard.notes[0].find(".hidden") != std::string::npos);
    REQUIRE(heard.warnings.size() == 1);
    CHECK(heard.warnings[0].find("in/1.csv: 1 rows span several lines, the longest 3 lines from "
                                 "line 2 on") != std::string::npos);

    // Of a pipe nothing is known beforehand: neither its rows nor whether its writer lives.
    const auto pipe = scratch.path("pipe");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::thread writer([&] {
      std::ofstream out(pipe, std::ios::binary);
      out << "anonymous_id,user_id\n";
      for (int i = 0; i < 30'000; ++i)
        out << "a" << i << ",u" << i << "\n";
      out << "a,half";
    });
    Listener about_pipe;
    auto options = options_for({pipe});
    options.memory_bytes = 1000;
    const auto made = make_plan(options, scratch.path("piped"), files, about_pipe);
    writer.join();
    REQUIRE_MESSAGE(made, made);
    CHECK(parse_plan_summary(made->plan_summary)->held_rows() == 1);
    REQUIRE(about_pipe.notes.size() == 1);
    CHECK(about_pipe.notes[0].find("of disk will be used") != std::string::npos);
    REQUIRE(about_pipe.warnings.size() == 1);
    CHECK(about_pipe.warnings[0].find(pipe + ": line 30002: the last line has no line end: it "
                                             "is held") != std::string::npos);
    CHECK(scratch.read("piped/held.ndjson").find("\"row\":\"a,half\"") != std::string::npos);
  }

  TEST_CASE("an input that cannot be used leaves no plan") {
    Scratch scratch;
    RealFiles files;
    Progress progress;
    const auto missing =
        make_plan(options_for({scratch.path("no.csv")}), scratch.path("job"), files, progress);
    REQUIRE(!missing);
    CHECK(missing.error().code == Errc::input);
    // Fails in the middle, with all threads at work.
    std::string text = "anonymous_id,user_id\n";
    for (int i = 0; i < 50'000; ++i) {
      text += "a" + std::to_string(i) + ",u" + std::to_string(i) + "\n";
    }
    text += "\"never closed" + std::string(2'000'000, 'x');
    const auto broken = make_plan(options_for({scratch.write("broken.csv", text)}),
                                  scratch.path("job"), files, progress);
    REQUIRE(!broken);
    CHECK(broken.error().code == Errc::input);
    CHECK(!scratch.exists("job/plan"));
    CHECK(!scratch.exists("job/plan.part"));
    CHECK(!scratch.exists("job/rejected.ndjson"));
  }

  TEST_CASE("a disk that fails at any step, for once or for good, leaves no plan but a whole one") {
    std::string text = "anonymous_id,user_id\n";
    for (int i = 0; i < 1'000; ++i) {
      text += "a" + std::to_string(i) + ",u" + std::to_string(i) + "\n";
      text += "null,u" + std::to_string(i) + "\n";  // rejected: more lines than one write takes
    }
    text += "a1,u2\n";
    Scratch scratch;
    const auto options = options_for({scratch.write("pairs.csv", text)});
    Progress progress;
    FlakyFiles whole;
    const auto expected = make_plan(options, "/w/job", whole, progress);
    REQUIRE_MESSAGE(expected, expected);
    const auto steps = whole.steps();
    struct Fault {
      Harm kind;
      bool lasting;
    };
    for (const auto& fault :
         {Fault{Harm::full, true}, Fault{Harm::fail, true}, Fault{Harm::fail, false},
          Fault{Harm::interrupt, false}, Fault{Harm::shorten, false}, Fault{Harm::kill, false}}) {
      const bool is_error = fault.lasting || fault.kind == Harm::kill;
      // The last step gives the lock back, when all is done.
      for (std::uint64_t step = 0; step + 1 < steps; ++step) {
        CAPTURE(static_cast<int>(fault.kind));
        CAPTURE(step);
        FlakyFiles files;
        files.harm(step, fault.kind, fault.lasting);
        auto made = make_plan(options, "/w/job", files, progress);
        files.revive();
        if (is_error) CHECK(!made);
        if (!made) {
          CHECK(made.error().code == Errc::outage);
          CHECK(!files.exists("/w/job/plan"));
          made = make_plan(options, "/w/job", files, progress);  // the same command again
        }
        REQUIRE_MESSAGE(made, made);
        CHECK(made->id() == expected->id());
        for (const std::string name : {"rejected.ndjson", "held.ndjson"})
          CHECK((files.content("/w/job/" + name) == whole.content("/w/job/" + name)));
      }
    }
  }

  TEST_CASE("many files and formats are one table") {
    Scratch scratch;
    RealFiles files;
    Progress progress;
    const auto csv = scratch.write("1.csv", "anonymous_id,user_id\na1,u1\na2,u2\n");
    const auto ndjson = scratch.write("2.ndjson",
                                      "{\"anonymous_id\":\"a2\",\"user_id\":\"u2\"}\n"
                                      "{\"anonymous_id\":\"a3\",\"user_id\":\"u3\"}\n");
    const auto made = make_plan(options_for({csv, ndjson}), scratch.path("job"), files, progress);
    REQUIRE(made);
    const auto report = parse_plan_summary(made->plan_summary);
    REQUIRE(report);
    CHECK(report->duplicates == 1);
    CHECK(report->sendable() == 3);
    CHECK(made->inputs[1].rows == 2);
  }

  TEST_CASE("random tables over many blocks: the plan is the set of distinct pairs, in order") {
    std::mt19937_64 random(idmerge::testing::seed());
    Scratch scratch;
    RealFiles files;
    Progress progress;
    std::string text = "anonymous_id,user_id\n";
    std::vector<std::pair<std::string, std::string>> expected;
    std::set<std::pair<std::string, std::string>> seen;
    for (int i = 0; i < 200'000; ++i) {
      const auto n = random() % 150'000;
      std::pair<std::string, std::string> pair("anon-" + std::to_string(n),
                                               "user-" + std::to_string(n / 2));
      text += pair.first + "," + pair.second + "\n";
      if (seen.insert(pair).second) expected.push_back(pair);
    }
    const auto made = make_plan(options_for({scratch.write("t.csv", text)}), scratch.path("job"),
                                files, progress);
    REQUIRE(made);
    const auto planned = read_plan(scratch.path("job"));
    CHECK(planned.links == expected);
    CHECK(std::all_of(planned.verdicts.begin(), planned.verdicts.end(),
                      [](Verdict v) { return v == Verdict::send; }));
  }
}
