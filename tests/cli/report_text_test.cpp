// SPDX-License-Identifier: MIT
#include "cli/report_text.hpp"

#include <boost/json/parse.hpp>

#include "app_job.hpp"

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::input;
using namespace idmerge::util;
using namespace idmerge::testing;

namespace {

bool has(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

/// The count behind a label in columns.
std::string count_of(const std::string& text, const std::string& label) {
  const auto at = text.find(" " + label + " ");
  if (at == std::string::npos) return "(no such line)";
  const auto start = text.find_first_not_of(' ', at + label.size() + 2);
  return text.substr(start, text.find_first_of(" \n", start) - start);
}

}  // namespace

TEST_SUITE("cli/report_text") {
  TEST_CASE("the census names every count, every reason and the plan") {
    Stage stage;
    const auto job = stage.planned();
    const auto view = view_job(stage.files, job);
    REQUIRE(view);
    const auto text = plan_summary_text(*view, IdMask(true), Rate{500, false});
    CAPTURE(text);
    CHECK(text.starts_with("plan " + view->plan.id() + " in " + job + "\n"));
    CHECK(has(text, "pairs.csv: csv, 8 rows"));
    CHECK(count_of(text, "duplicate") == "1");
    CHECK(count_of(text, "skipped") == "1");
    CHECK(has(text, "blank: anonymous side 0, user side 1, both 0"));
    CHECK(count_of(text, "placeholder") == "1");
    CHECK(count_of(text, "to send") == "3");
    CHECK(count_of(text, "conflict") == "2");
    CHECK(count_of(text, "with more than one user") == "1");
    CHECK(has(text, "p50 1, p99 1, max 2"));
    CHECK(has(text, "at 500/s: 6ms"));
    CHECK(has(text, "what 3f2504e0-4f89-41d3-9a0c-0305e82c3303 did will belong to user u,2"));
    CHECK(has(text, "3 ids with user-1@example.com"));
  }

  TEST_CASE("ids with more than one user are counted as ids, whatever became of their links") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv",
                                           "anonymous_id,user_id,at\n"
                                           "s,u1,1\n"
                                           "s,u2,2\n"
                                           "p,u3,3\n"
                                           "q,u4,3\n");
    const auto decisions =
        stage.scratch.write("d.csv", "anonymous_id,decision\np,later\nq,somebody else\n");
    REQUIRE(stage.code({"plan", input, "--order-field", "at", "--on-conflict", "earliest",
                        "--decisions", decisions, "--max-held", "none"}) == 0);
    CHECK(count_of(stage.said, "outranked") == "1");
    CHECK(count_of(stage.said, "conflict") == "2");
    CHECK(stage.heard(" 2  claimed by more than one user\n"));
    CHECK(count_of(stage.said, "with more than one user") == "1");
  }

  TEST_CASE("masked, the census shows no id") {
    Stage stage;
    const auto view = view_job(stage.files, stage.planned());
    const auto text = plan_summary_text(*view, IdMask(false), Rate{0, false});
    CHECK_FALSE(has(text, "0305e82c33"));
    CHECK_FALSE(has(text, "user-1@example.com"));
    CHECK(has(text, "without a rate limit"));
  }

  TEST_CASE("an id cannot steer the terminal that shows it") {
    JobSummary view;
    view.job = "j\x1b[2J";
    view.examples.push_back({Op::create, "a\x1b]0;x\x07", "u\xe2\x80\xae", 0});
    const auto text = plan_summary_text(view, IdMask(true), Rate{500, false}) + account_text(view);
    CHECK_FALSE(has(text, "\x1b"));
    CHECK_FALSE(has(text, "\x07"));
    CHECK_FALSE(has(text, "\xe2\x80\xae"));
  }

  TEST_CASE("what a careful person would check is in the notes") {
    JobSummary view;
    auto& plan_summary = view.plan_summary;
    plan_summary.read = plan_summary.links = 10;
    plan_summary.verdicts[0] = plan_summary.to_send[0] = 10;
    plan_summary.anon = {10, 0, 0};
    plan_summary.user = {10, 10, 10};
    plan_summary.hubs = 2;
    plan_summary.doubled_device_prefix = 1;
    const auto text = plan_summary_text(view, IdMask(true), Rate{500, false});
    CHECK(has(text, "are the columns swapped?"));
    CHECK(has(text, "10 anonymous ids are not UUIDv4"));
    for (const std::string mode : {"original", "simplified", "legacy"}) {
      auto known = view;
      known.plan.options.set("project_mode", mode);
      CAPTURE(mode);
      CHECK(has(plan_summary_text(known, IdMask(true), Rate{}),
                "are not UUIDv4: a project in mode") == (mode == "original"));
    }
    CHECK(has(text, "2 users have more than 100 anonymous ids"));
    CHECK(has(text, "1 anonymous ids start with $device:$device:"));
    plan_summary.to_send = {0, 0, 10};
    plan_summary.unsided = 10;
    CHECK(has(plan_summary_text(view, IdMask(true), Rate{}), "they are not checked for conflicts"));
    CHECK(has(plan_summary_text(view, IdMask(true), Rate{}), "merge can join two known users"));
  }

  TEST_CASE(
      "orders that cannot be read are counted and shown, where and what they must look like") {
    Stage stage;
    CHECK(has(plan_summary_json(*view_job(stage.files, stage.planned()), IdMask(true)),
              R"("unreadable_orders":{"rows":0,"first":null},"links":5)"));
    const auto input = stage.scratch.write("o.csv",
                                           "anonymous_id,user_id,at\n"
                                           "3f2504e0-4f89-41d3-9a0c-0305e82c3301,u1,5\n"
                                           "3f2504e0-4f89-41d3-9a0c-0305e82c3301,u1,tomorrow\n");
    REQUIRE(stage.code({"plan", input, "--order-field", "at", "--max-rejected", "none"}) == 0);
    const auto said =
        "note: 1 rows have an order that cannot be read and are treated as rows without one: the "
        "first in " +
        input +
        ", line 3, column 41: write all as integers of one unit, or all as times "
        "such as 2026-11-23T18:00:00Z, none of them or all without a zone\n";
    CHECK_MESSAGE(stage.heard(said), stage.said);
    // The plan remembers it.
    const auto view = view_job(stage.files, input + ".idmerge");
    REQUIRE(view);
    CHECK(has(plan_summary_text(*view, IdMask(true), Rate{}), said));
    CHECK(has(plan_summary_json(*view, IdMask(true)),
              R"("unreadable_orders":{"rows":1,"first":{"file":")" + input +
                  R"(","line":3,"column":41}},"links":1)"));
    CHECK(
        has(stage.scratch.read("o.csv.idmerge/summary.json"), "\"unreadable_orders\":{\"rows\":1"));
    CHECK(has(stage.scratch.read("o.csv.idmerge/report.html"), "1 rows have an order that cannot"));
  }

  TEST_CASE("the account lists all fates, zeros too, in aligned columns") {
    Stage stage;
    const auto view = view_job(stage.files, stage.planned());
    const auto text = account_text(*view);
    CAPTURE(text);
    for (const auto* outcome :
         {"read", "delivered", "duplicate", "skipped", "rejected", "held", "refused", "pending"}) {
      CHECK(count_of(text, outcome) != "(no such line)");
    }
    CHECK(count_of(text, "read") == "8");
    CHECK(count_of(text, "pending") == "3");
    CHECK(account_json(tally_of(*view)) ==
          R"({"read":8,"delivered":0,"duplicate":1,"skipped":1,"rejected":1,"held":2,"refused":0,)"
          R"("pending":3})");
  }

  TEST_CASE("the summary is one valid JSON object that says the same") {
    Stage stage;
    const auto job = stage.planned();
    const auto view = view_job(stage.files, job);
    const auto text =
        summary_json(*view, {.exit_code = 6, .stop = "--max-held: \"x\"\n"}, IdMask(true));
    CHECK(text.ends_with("}\n"));
    boost::json::error_code failed;
    const auto value = boost::json::parse(text, failed);
    REQUIRE_FALSE(failed);
    const auto& object = value.as_object();
    CHECK(object.at("format").as_string() == "idmerge summary");
    CHECK(object.at("version").as_int64() == 1);
    CHECK(object.at("state").as_string() == "planned");
    CHECK(object.at("exit_code").as_int64() == 6);
    CHECK(object.at("stop").as_string() == "--max-held: \"x\"\n");
    CHECK(object.at("next").is_null());
    CHECK(object.at("send").is_null());
    CHECK(object.at("inputs").as_array()[0].at("rows").as_int64() == 8);
    CHECK(object.at("account").at("held").as_int64() == 2);
    CHECK(object.at("census").at("rejected").at("placeholder").as_int64() == 1);
    CHECK(object.at("census").at("verdicts").at("conflict").as_int64() == 2);
  }

  TEST_CASE("commands are printed so that a shell takes them as they are") {
    CHECK(command_line({"run", "--job", "/data/pairs.csv.idmerge"}) ==
          "idmerge run --job /data/pairs.csv.idmerge");
    CHECK(command_line({"run", "it's; rm -rf $HOME", ""}) ==
          "idmerge run 'it'\\''s; rm -rf $HOME' ''");
  }

  TEST_CASE("pairs without sides: the census is silent on what it does not count") {
    Stage stage;
    const auto input = stage.scratch.write(
        "p.ndjson", "{\"$distinct_ids\":[\"a\",\"b\"]}\n{\"$distinct_ids\":[\"b\",\"c\"]}\n");
    REQUIRE(stage.code({"plan", input, "--op", "merge"}) == 0);
    CHECK(stage.heard("clusters to be made                          1\n"));
    CHECK_FALSE(stage.heard("\nids "));
    CHECK_FALSE(stage.heard("p50"));
    const auto both =
        stage.scratch.write("q.ndjson",
                            "{\"op\":\"merge\",\"a\":\"p\",\"b\":\"q\"}\n"
                            "{\"op\":\"create\",\"anonymous_id\":\"x\",\"user_id\":\"u\"}\n");
    REQUIRE(stage.code({"plan", both, "--op-field", "op", "--id-fields", "a,b"}) == 0);
    CHECK(stage.heard("of pairs with sides"));
  }
}
