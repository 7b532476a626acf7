// SPDX-License-Identifier: MIT
#include "cli/show.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "send/open_run.hpp"

#include "app_job.hpp"

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::net;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using namespace idmerge::testing;

namespace {

std::string shown(Stage& stage, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "show");
  const auto settings = settings_of(arguments);
  REQUIRE_MESSAGE(settings, settings);
  std::string out;
  const auto done = show(stage.files, *settings, IdMask(true), [&](std::string_view text) {
    out += text;
    return Result<bool>(true);
  });
  if (!done) return "error: " + done.error().what;
  return out;
}

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_SUITE("cli/show") {
  TEST_CASE("the census is shown again") {
    Stage stage;
    const auto job = stage.planned();
    const auto text = shown(stage, {"--job", job});
    CHECK(text.starts_with("plan "));
    CHECK(text.find("user-1@example.com") != std::string::npos);
  }

  TEST_CASE("the time it takes is that of the job's own API and pace") {
    Stage stage;
    const auto input = stage.scratch.write("nights.csv", mixed_rows);
    const auto job = input + ".idmerge";
    REQUIRE(stage.code({"plan", input, "--api", "import", "--project-mode", "original",
                        "--max-rejected", "none", "--max-held", "none"}) == 0);
    const auto text = shown(stage, {"--job", job});
    CHECK(text.find("at 15,000/s") != std::string::npos);
    CHECK(shown(stage, {"--job", stage.planned()}).find("at 500/s") != std::string::npos);
  }

  TEST_CASE("links are listed with their verdicts, quoted where CSV asks for it") {
    Stage stage;
    const auto job = stage.planned();
    CHECK(shown(stage, {"--job", job, "--links"}) ==
          "anonymous_id,user_id,op,verdict,file,line\n"
          "3f2504e0-4f89-41d3-9a0c-0305e82c3301,user-1@example.com,create,send," +
              stage.scratch.path("pairs.csv") +
              ",2\n"
              "3f2504e0-4f89-41d3-9a0c-0305e82c3302,user-1@example.com,create,send," +
              stage.scratch.path("pairs.csv") +
              ",3\n"
              "3f2504e0-4f89-41d3-9a0c-0305e82c3303,\"u,2\",create,send," +
              stage.scratch.path("pairs.csv") +
              ",5\n"
              "3f2504e0-4f89-41d3-9a0c-0305e82c3306,u3,create,conflict," +
              stage.scratch.path("pairs.csv") +
              ",8\n"
              "3f2504e0-4f89-41d3-9a0c-0305e82c3306,u4,create,conflict," +
              stage.scratch.path("pairs.csv") + ",9\n");
    const auto ndjson = shown(stage, {"--job", job, "--links", "--format", "ndjson"});
    CHECK(lines_in(ndjson) == 5);
    CHECK(ndjson.starts_with(
        "{\"anonymous_id\":\"3f2504e0-4f89-41d3-9a0c-0305e82c3301\",\"user_id\":"));
  }

  TEST_CASE("links that are or were in doubt are listed, each with what became of it") {
    Stage stage;
    const auto job = stage.planned();
    Progress silent;
    SendOptions options;
    options.target = parse_target("http://127.0.0.1:9").value();
    auto open_run = read_open_run(options, job, stage.files, silent);
    REQUIRE(open_run);
    auto log = begin_run(options, {}, *open_run, 2, stage.files);
    REQUIRE(log);
    log->attempt(0, 3);
    log->deliver_ambiguous(1, 2, R"({"link":1,"file":"pairs.csv"})");
    log->deliver(2, 1, 1);
    const auto in_doubt = [&] { return shown(stage, {"--job", job, "--in-doubt"}); };
    const auto row = [&](std::string_view link, std::string_view line) {
      return fmt::format(
          "3f2504e0-4f89-41d3-9a0c-0305e82c33{},user-1@example.com,create,send,{},{}\n", link,
          stage.scratch.path("pairs.csv"), line);
    };
    const std::string header = "anonymous_id,user_id,op,verdict,file,line,doubt\n";
    REQUIRE(log->flush());
    CHECK(in_doubt() == header + row("01", "2,open") + row("02", "3,ambiguous"));
    CHECK(shown(stage, {"--job", job, "--in-doubt", "--format", "ndjson"})
              .find(R"("doubt":"open"})") != std::string::npos);

    // Once it is settled, it is in doubt no more; what is ambiguous stays on the list for good.
    log->refuse(0, 1, R"({"link":0})");
    const auto last = log->last_snapshot(true, 0);
    REQUIRE(last);
    REQUIRE(RunSaver::open(stage.files, open_run->paths)->save(*last));
    CHECK(in_doubt() == header + row("02", "3,ambiguous"));
  }

  TEST_CASE("held and rejected rows are listed, and what is shown is input again") {
    Stage stage;
    const auto job = stage.planned();
    const auto held = shown(stage, {"--job", job, "--held"});
    CHECK(held.starts_with("anonymous_id,user_id,decision,reason,op,file,line,"));
    CHECK(lines_in(held) == 3);
    CHECK(held.find(",conflict,") != std::string::npos);
    const auto rejected = shown(stage, {"--job", job, "--rejected"});
    CHECK(lines_in(rejected) == 2);
    CHECK(rejected.find(",placeholder,") != std::string::npos);
    CHECK(shown(stage, {"--job", job, "--rejected", "--format", "ndjson"}) ==
          stage.scratch.read("pairs.csv.idmerge/rejected.ndjson"));

    const auto again = stage.scratch.write("held.csv", held);
    CHECK(stage.code({"plan", again, "--max-held", "none"}) == 0);
    CHECK(view_job(stage.files, again + ".idmerge")->plan_summary.held() == 2);
    const auto as_json = stage.scratch.write(
        "held.ndjson", shown(stage, {"--job", job, "--held", "--format", "ndjson"}));
    CHECK(stage.code({"plan", as_json, "--max-held", "none"}) == 0);
    CHECK(view_job(stage.files, as_json + ".idmerge")->plan_summary.held() == 2);
  }

  TEST_CASE("a held claim is listed with the one that won, and pairs without sides ask nothing") {
    Stage stage;
    const auto ranked =
        stage.scratch.write("r.csv", "anonymous_id,user_id,at\na1,u1,1\na1,u2,2\na1,u3,3\n");
    REQUIRE(stage.code({"plan", ranked, "--on-conflict", "earliest", "--order-field", "at",
                        "--max-held", "none"}) == 0);
    const auto list = shown(stage, {"--job", ranked + ".idmerge", "--held"});
    CHECK(
        list.starts_with("anonymous_id,user_id,decision,reason,op,file,line,byte_offset,message,"
                         "hint,won_by,clashes_with,$distinct_ids,row\n"));
    const auto place = "\"\"file\"\":\"\"" + ranked + "\"\",\"\"line\"\":";
    CHECK(list.find(",\"{\"\"user_id\"\":\"\"u1\"\"," + place +
                    "2}\",\"[{\"\"user_id\"\":\"\"u3\"\"," + place + "4}]\",,\n") !=
          std::string::npos);

    const auto merges = stage.scratch.write(
        "m.ndjson", "{\"$distinct_ids\":[\"x\",\"y\"]}\n{\"$distinct_ids\":[\"y\",\"z\"]}\n");
    REQUIRE(stage.code({"plan", merges, "--op", "merge", "--max-cluster", "2", "--max-held",
                        "none"}) == 0);
    auto unsided = shown(stage, {"--job", merges + ".idmerge", "--held"});
    CHECK(unsided.find("\n,,,oversize,merge," + merges + ",1,") != std::string::npos);
    CHECK(unsided.find(",,,\"[\"\"x\"\",\"\"y\"\"]\",\n") != std::string::npos);
    unsided.replace(unsided.find("\n,,,"), 4, "\n,,never,");
    const auto decided = stage.scratch.write("d.csv", unsided);
    CHECK(stage.code({"plan", merges, "--op", "merge", "--decisions", decided}) == 2);
    CHECK(stage.heard("line 2: has a decision but no anonymous id"));
  }

  TEST_CASE("a job that has sent nothing has refused links neither") {
    Stage stage;
    const auto job = stage.planned();
    CHECK(lines_in(shown(stage, {"--job", job, "--refused"})) == 1);
    CHECK(shown(stage, {"--job", job, "--refused", "--format", "ndjson"}).empty());
  }

  TEST_CASE("a list that is not what the plan counted is an error, not a guess") {
    Stage stage;
    const auto job = stage.planned();
    for (const auto* list : {"held", "rejected"}) {
      const auto file = std::string("pairs.csv.idmerge/") + list + ".ndjson";
      const auto path = stage.scratch.path(file);
      const auto flag = std::string("--") + list;
      const auto whole = stage.scratch.read(file);
      const auto says = [&](std::string_view format, std::string_view words) {
        const auto said = shown(stage, {"--job", job, flag, "--format", std::string(format)});
        CHECK_MESSAGE(said.starts_with("error: " + path), said);
        CHECK_MESSAGE(said.find(words) != std::string::npos, said);
        CHECK(said.find("with another --job") != std::string::npos);
      };
      std::filesystem::remove(path);
      says("csv", "is missing");
      says("ndjson", "is missing");
      stage.scratch.write(file, "not json\n");
      says("csv", "was changed");
      says("ndjson", "was changed");
      stage.scratch.write(file, whole + whole);
      says("csv", "was changed");
      stage.scratch.write(file, whole.substr(0, whole.size() - 1));  // its last line has no end
      if (std::string_view(list) == "held") says("csv", "was changed");
      stage.scratch.write(file, whole);
      CHECK(shown(stage, {"--job", job, flag, "--format", "ndjson"}) == whole);
    }
    CHECK(shown(stage, {"--job", stage.scratch.path("none"), "--held"}).starts_with("error: "));
  }

  TEST_CASE("samples of the rejected rows are a list, and it is said that they are") {
    Stage stage;
    std::string rows = "anonymous_id,user_id\n";
    for (int i = 0; i < 5; ++i)
      rows += "a" + std::to_string(i) + ",null\n";
    for (int i = 0; i < 3; ++i)
      rows += "b" + std::to_string(i) + ",b" + std::to_string(i) + "\n";
    const auto input = stage.scratch.write("p.csv", rows);
    const auto job = input + ".idmerge";
    REQUIRE(stage.code({"plan", input, "--max-rejected", "none", "--reject-samples", "4"}) == 0);
    const auto settings = settings_of({"show", "--job", job, "--rejected"});
    std::string out;
    const auto besides = [&] {
      out.clear();
      return show(stage.files, *settings, IdMask(true), [&](std::string_view text) {
        out += text;
        return Result<bool>(true);
      });
    };
    CHECK(besides() == std::string("7 of 8 rejected rows are listed, as with --reject-samples"));
    CHECK(lines_in(out) == 8);
    // Four of five and two of three are no samples of one size.
    // not.
    auto list = stage.scratch.read("p.csv.idmerge/rejected.ndjson");
    list.erase(list.rfind('\n', list.size() - 2) + 1);
    stage.scratch.write("p.csv.idmerge/rejected.ndjson", list);
    CHECK(besides().error().code == Errc::input);
    CHECK(out.empty());
  }

  TEST_CASE("nothing steers a terminal, whatever a row holds") {
    std::string out;
    const auto output = for_terminal([&](std::string_view text) {
      out += text;
      return Result<bool>(true);
    });
    CHECK(output("a,\x1b]0;pwn\a,\"two\nlines\"\r\n\xc3\xa9\xff\n"));
    CHECK(out == "a,\\x1b]0;pwn\\x07,\"two\nlines\"\\r\n\xc3\xa9\\xff\n");
  }

  TEST_CASE("a reader that goes away ends the list without an error") {
    Stage stage;
    const auto settings = settings_of({"show", "--job", stage.planned(), "--links"});
    int calls = 0;
    CHECK(show(stage.files, *settings, IdMask(true), [&](std::string_view) {
      ++calls;
      return Result<bool>(false);
    }));
    CHECK(calls == 1);
  }
}
