// SPDX-License-Identifier: MIT
#include "cli/plan_command.hpp"

#include <atomic>
#include <filesystem>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "cli/explain.hpp"
#include "cli/status.hpp"
#include "emulator/server.hpp"
#include "io/lock.hpp"
#include "plan/job_paths.hpp"

#include "app_job.hpp"
#include "support/loopback_server.hpp"

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::emulator;
using namespace idmerge::input;
using namespace idmerge::io;
using namespace idmerge::plan;
using namespace idmerge::util;
using namespace idmerge::testing;

namespace fs = std::filesystem;

namespace {

constexpr std::string_view clean_rows =
    "anonymous_id,user_id\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301,u1\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3302,u2\n";

std::unique_ptr<Emulator> running_emulator(EmulatorOptions options = {}) {
  auto started = Emulator::start(std::move(options));
  REQUIRE(started);
  return std::move(*started);
}

}  // namespace

TEST_SUITE("cli/plan_command") {
  TEST_CASE("run plans, sends and ends with 0, then there is nothing to do") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const auto service = running_emulator();
    REQUIRE_MESSAGE(stage.code({"run", input, "--to", service->url()}) == 0, stage.said);
    CHECK(stage.heard("delivered"));
    CHECK(stage.asked.empty());
    CHECK(stage.scratch.read("p.csv.idmerge/summary.json").find("\"state\":\"finished\"") !=
          std::string::npos);
    service->stop();  // nobody is needed any more, not even for credentials
    stage.environment.clear();
    CHECK(stage.code({"run", input}) == 0);
    CHECK(stage.heard("nothing to do"));
    CHECK(stage.code({"run", "--job", input + ".idmerge"}) == 0);
  }

  TEST_CASE("rows that need a person end with 3, and do so again") {
    Stage stage;
    const auto job = stage.planned();
    const auto service = running_emulator();
    const std::vector<std::string> run{"run",  "--job",        job,
                                       "--to", service->url(), "--max-rejected",
                                       "none", "--max-held",   "none"};
    CHECK(stage.code(run) == 3);
    CHECK(stage.heard("1 rejected, 2 held"));
    CHECK(stage.code({"run", "--job", job}) == 3);
    CHECK(stage.code({"run", "--job", job, "--fail-on", "refused"}) == 0);
  }

  TEST_CASE("who lost to the claim that the policy prefers needs nobody") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv",
                                           "anonymous_id,user_id,at\n"
                                           "a1,u1,1\na1,u2,2\na2,u3,1\n");
    const auto service = running_emulator();
    const std::vector<std::string> run{"run",           input, "--on-conflict", "latest",
                                       "--order-field", "at",  "--to",          service->url()};
    CHECK_MESSAGE(stage.code(run) == 0, stage.said);
    const auto view = view_job(stage.files, input + ".idmerge");
    CHECK(view->plan_summary.outranked() == 1);
    CHECK(tally_of(*view).held == 1);  // still a fate of its own
    CHECK(stage.code({"run", "--job", input + ".idmerge"}) == 0);
    // Two claims of the same age are doubt: nobody was preferred.
    const auto tie = stage.scratch.write("tie.csv",
                                         "anonymous_id,user_id,at\n"
                                         "a1,u1,2\na1,u2,2\na2,u3,1\n");
    CHECK(stage.code({"plan", tie, "--on-conflict", "latest", "--order-field", "at"}) == 6);
    CHECK(stage.heard("--max-held: 2 of 3 links are held"));
    CHECK(stage.code({"run", tie, "--on-conflict", "latest", "--order-field", "at", "--to",
                      service->url(), "--max-held", "none"}) == 3);
    CHECK(stage.heard("2 held"));
  }

  TEST_CASE("headers in the middle of a file do not stop a job") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv",
                                           "anonymous_id,user_id\na1,u1\nANONYMOUS_ID,USER_ID\n"
                                           "a2,u2\nanonymous_id ,user_id\na3,u3\n");
    CHECK(stage.code({"plan", input, "--max-rejected", "0"}) == 0);
    CHECK(view_job(stage.files, input + ".idmerge")->plan_summary.rejected() == 2);
  }

  TEST_CASE("a guard stops before anything leaves") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", mixed_rows);
    CHECK(stage.code({"plan", input}) == 6);
    CHECK(stage.heard("go on: idmerge show --job " + input + ".idmerge --rejected --format csv\n" +
                      "once the input is fixed: idmerge plan " + input + " --job " + input +
                      ".idmerge\n"));
    CHECK(stage.said.ends_with(
        "to override: idmerge run --job " + input + ".idmerge --to 'us|eu|in|URL' --approve " +
        view_job(stage.files, input + ".idmerge")->plan.id() + " --max-rejected none\n"));
    const auto service = running_emulator();
    CHECK(stage.code({"run", input, "--to", service->url()}) == 6);
    CHECK(stage.heard("--max-rejected: 1 of 7 rows are rejected, over 5%"));
    CHECK(stage.heard("--max-rejected none"));
    CHECK(stage.code({"run", input, "--to", service->url(), "--max-rejected", "none"}) == 6);
    CHECK(stage.heard("--max-held: 2 of 5 links are held, over 5%"));
    CHECK(stage.heard("go on: idmerge show --job " + input + ".idmerge --held --format csv\n" +
                      "once they are decided: idmerge run " + input + " --to " + service->url() +
                      " --max-rejected none --job " + input + ".2.idmerge --decisions FILE\n"));
    CHECK_FALSE(view_job(stage.files, input + ".idmerge")->run);
  }

  TEST_CASE("orders that cannot be read stop like rejected rows, whatever they would decide") {
    Stage stage;
    std::string rows = "anonymous_id,user_id,at\n";
    for (int i = 10; i < 30; ++i)
      rows += fmt::format("3f2504e0-4f89-41d3-9a0c-0305e82c33{0},u{0},5\n", i);
    const auto one = stage.scratch.write("1.csv", rows + "a1,u1,24.12.2026\n");
    const auto two = stage.scratch.write("2.csv", rows + "a1,u1,24.12.2026\na1,u1,24.12.2026\n");
    const auto both = stage.scratch.write("3.csv", rows + "a1,u1,24.12.2026\na1,null,5\n");
    for (const auto* policy : {"hold", "earliest", "send"}) {
      const auto code = [&](const std::string& input, const std::string& most) {
        return stage.code({"plan", input, "--order-field", "at", "--on-conflict", policy,
                           "--max-rejected", most});
      };
      CHECK(code(one, "5%") == 0);
      CHECK(code(two, "5%") == 6);
      CHECK_MESSAGE(
          stage.heard("--max-rejected: 2 of 22 rows have an order that cannot be read, "
                      "over 5%: the first in " +
                      two +
                      ", line 22, column 7: write all as integers of one unit, or all as times"),
          stage.said);
      CHECK(stage.said.ends_with(" --max-rejected none\n"));
      CHECK(code(two, "2") == 0);
      CHECK(code(both, "5%") == 6);
      CHECK_MESSAGE(stage.heard("--max-rejected: 1 of 22 rows have an order that cannot be read, "
                                "and 1 are rejected (see " +
                                both + ".idmerge/rejected.ndjson), over 5%: "),
                    stage.said);
    }
  }

  TEST_CASE(
      "a command that goes on before anything was sent is as careful as the one that stopped") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", mixed_rows);
    const auto job = input + ".idmerge";
    const auto service = running_emulator();
    const std::vector<std::string> guards{"--max-held", "none", "--max-links", "7"};
    auto plan = guards;
    plan.insert(plan.begin(), {"plan", input});
    const auto approve = [&] { return " --approve " + view_job(stage.files, job)->plan.id(); };
    const auto run_job = "idmerge run --job " + job;
    CHECK(stage.code(plan) == 6);
    CHECK(stage.said.ends_with("to override: " + run_job +
                               " --max-held none --max-links 7 --to 'us|eu|in|URL'" + approve() +
                               " --max-rejected none\n"));
    plan.insert(plan.end(), {"--max-rejected", "20%"});
    CHECK(stage.code(plan) == 0);
    CHECK(stage.said.ends_with("send it: " + run_job +
                               " --max-rejected 20% --max-held none --max-links 7"
                               " --to 'us|eu|in|URL'" +
                               approve() + "\n"));
    std::vector<std::string> run{"run", input, "--to", service->url(), "--max-rejected", "1%"};
    run.insert(run.end(), guards.begin(), guards.end());
    run.insert(run.end(), {"--rate", "9/s", "--canary", "2", "--op", "create"});
    const auto others =
        " --max-held none --max-links 7 --canary 2 --to " + service->url() + " --rate 9/s";
    CHECK(stage.code(run) == 6);
    CHECK(stage.said.ends_with("to override: " + run_job + others + " --max-rejected none\n"));
    run[5] = "20%";
    run.insert(run.end(), {"--dry-run", "--yes"});
    CHECK(stage.code(run) == 0);
    CHECK(stage.said.ends_with("dry run: nothing was sent; " + run_job + " --max-rejected 20%" +
                               others + approve() + "\n"));
    CHECK(stage.code({"run", "--job", job, "--to", "eu", "--max-rejected", "none", "--max-held",
                      "none", "--rate", "9/s"}) == 2);
    CHECK(stage.said.ends_with("go on: " + run_job +
                               " --max-rejected none --max-held none --to eu --rate 9/s" +
                               approve() + "\n"));
  }

  TEST_CASE("more links than --max-links stop before anything leaves") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const auto service = running_emulator();
    const std::vector<std::string> run{"run", input, "--to", service->url()};
    auto guarded = run;
    guarded.insert(guarded.end(), {"--max-links", "1"});
    CHECK(stage.code(guarded) == 6);
    CHECK(stage.heard("--max-links: 2 links are to be sent, over 1"));
    CHECK(stage.heard("go on: idmerge show --job " + input + ".idmerge\n"));
    CHECK(stage.heard("--max-links none"));
    CHECK_FALSE(view_job(stage.files, input + ".idmerge")->run);
    guarded.back() = "2";
    CHECK(stage.code(guarded) == 0);
    guarded.back() = "5%";
    CHECK(stage.code(guarded) == 2);
  }

  TEST_CASE("columns that look swapped stop before anything leaves") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv",
                                           "anonymous_id,user_id\n"
                                           "u1,3f2504e0-4f89-41d3-9a0c-0305e82c3301\n"
                                           "u2,3f2504e0-4f89-41d3-9a0c-0305e82c3302\n");
    const auto service = running_emulator();
    const std::vector<std::string> run{"run", input, "--to", service->url()};
    CHECK(stage.code(run) == 6);
    CHECK(
        stage.heard("--max-uuid-lead: 100 % of the user ids are UUIDs, and 0 % of the anonymous "
                    "ids: the columns look swapped: check --anon-field and --user-field"));
    CHECK(stage.heard("go on: idmerge run " + input + " --to " + service->url() + " --job " +
                      input + ".2.idmerge --anon-field user_id --user-field anonymous_id\n"));
    CHECK(stage.heard("to override: idmerge run --job " + input + ".idmerge --to " +
                      service->url() + " --max-uuid-lead none\n"));
    CHECK_FALSE(view_job(stage.files, input + ".idmerge")->run);
    auto right = run;
    right.insert(right.end(), {"--anon-field", "user_id", "--user-field", "anonymous_id", "--job",
                               stage.scratch.path("right")});
    CHECK(stage.code(right) == 0);
    auto meant = run;
    meant.insert(meant.end(), {"--max-uuid-lead", "none"});
    CHECK(stage.code(meant) == 0);
  }

  TEST_CASE("a user whom too many ids claim stops before anything leaves, by name") {
    Stage stage;
    std::string table = "anonymous_id,user_id\n";
    for (int i = 0; i < 101; ++i)
      table += "d" + std::to_string(i) + ",nobody\n";
    const auto input = stage.scratch.write("p.csv", table);
    const auto service = running_emulator();
    std::vector<std::string> run{"run", input, "--to", service->url(), "--show-ids", "always"};
    CHECK(stage.code(run) == 6);
    CHECK(
        stage.heard("--max-user-share: one user, nobody, claims 101 of 101 anonymous ids (100 %), "
                    "over 1%"));
    CHECK_FALSE(view_job(stage.files, input + ".idmerge")->run);
    run.insert(run.end(), {"--max-user-share", "none"});
    CHECK(stage.code(run) == 0);
  }

  TEST_CASE("ids that a tool has made decimals stop before anything leaves") {
    Stage stage;
    const auto input =
        stage.scratch.write("p.csv", "anonymous_id,user_id\na1,1.0\na2,2.0\na3,3.0\na4,4\na5,5\n");
    const auto service = running_emulator();
    std::vector<std::string> run{"run", input, "--to", service->url()};
    CHECK(stage.code(run) == 6);
    CHECK(
        stage.heard("--max-decimals: 3 of 5 rows have a number such as 12345.0 as their user id, "
                    "over 50%"));
    CHECK_FALSE(view_job(stage.files, input + ".idmerge")->run);
    run.insert(run.end(), {"--max-decimals", "60%"});
    CHECK(stage.code(run) == 0);
  }

  TEST_CASE("held conflicts are listed, decided, and planned again") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv",
                                           "anonymous_id,user_id\n"
                                           "a1,u1\na1,u2\na2,u1\na2,u2\na3,u1\na3,u2\n");
    CHECK(stage.code({"plan", input, "--max-held", "none"}) == 0);
    CHECK(view_job(stage.files, input + ".idmerge")->plan_summary.held() == 6);
    const auto decisions = stage.scratch.write(
        "d.csv", "anonymous_id,user_id,decision\na1,u1,\na1,u2,u2\na2,u1,never\na3,u1,\nb,u1,u1\n");
    const auto service = running_emulator();
    std::vector<std::string> run{"run", input, "--to", service->url(), "--decisions", decisions};
    CHECK(stage.code(run) == 2);  // the plan was made without
    CHECK(
        stage.heard("decisions: the plan was made without a file, now one is given: the job has"));
    CHECK(stage.code({"plan", input, "--max-held", "none", "--decisions", decisions}) == 0);
    CHECK(stage.heard("planning again"));
    CHECK(stage.heard(decisions + ": line 6: no row has this anonymous id"));
    const auto view = view_job(stage.files, input + ".idmerge");
    CHECK(view->plan_summary.sendable() == 1);
    CHECK(view->plan_summary.voided() == 3);
    CHECK(view->plan_summary.held() == 2);
    run.insert(run.end(), {"--max-held", "none"});
    CHECK(stage.code(run) == 3);
    CHECK(stage.code({"run", "--job", input + ".idmerge"}) == 3);
    // Another file is another plan, also for a job that is named alone.
    stage.scratch.write("d.csv", "anonymous_id,user_id\na1,u2\na2,never\n");
    CHECK(stage.code({"run", "--job", input + ".idmerge", "--decisions", decisions}) == 2);
    CHECK(stage.code(run) == 2);
    CHECK(stage.heard("decisions: the plan was made with another file: the job has"));
    stage.scratch.write("d.csv", "anonymous_id,user_id\na1,u1\na1,u2\n");
    CHECK(stage.code(run) == 2);
    CHECK(stage.heard("--decisions: " + decisions + ": line 3: contradicts line 2"));
  }

  TEST_CASE("denied ids are rejected, and the list is part of the plan") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv",
                                           "anonymous_id,user_id\n"
                                           "a1,qa-1\na2,u1\nkiosk-3,u2\n");
    const auto list = stage.scratch.write("deny", "qa-1\n/^kiosk-/\n");
    const std::vector<std::string> plan{"plan", input,         "--max-rejected",
                                        "none", "--deny-file", list};
    CHECK(stage.code(plan) == 0);
    const auto view = view_job(stage.files, input + ".idmerge");
    CHECK(view->plan_summary.sendable() == 1);
    CHECK(view->plan_summary.faults[static_cast<std::size_t>(Fault::denied)] == 2);
    CHECK(stage.scratch.read("p.csv.idmerge/rejected.ndjson").find("\"reason\":\"denied\"") !=
          std::string::npos);
    CHECK(stage.code({"run", input, "--to", "emulator", "--max-rejected", "none"}) == 2);
    CHECK(stage.heard("deny_file: the plan was made with a file, now none is given: the job has"));
    stage.scratch.write("deny", "qa-1\n");
    CHECK(stage.code(plan) == 0);
    CHECK(stage.heard("planning again"));
    stage.scratch.write("deny", "qa-1\n/(/\n");
    CHECK(stage.code(plan) == 2);
    CHECK(stage.heard("--deny-file: " + list + ": line 2: is not a regular expression"));
    CHECK(stage.code({"plan", input, "--deny-file", stage.scratch.path("none")}) == 2);
    CHECK_FALSE(stage.heard("has no line that denies"));
    stage.scratch.write("deny", "\n\r\n");
    CHECK(stage.code(plan) == 0);
    CHECK(stage.heard("--deny-file: " + list + ": has no line that denies an id"));
  }

  TEST_CASE("a real service is asked for, and only yes or the plan's id opens it") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    // Nobody listens there, so even a mistake in this test sends nothing.
    const auto try_with = [&](std::vector<std::string> more) {
      more.insert(more.begin(), {"run", input, "--to", "https://127.0.0.1:1", "--give-up-after",
                                 "50ms", "--backoff-min", "1ms", "--backoff-max", "5ms"});
      return stage.code(more);
    };
    CHECK(try_with({}) == 2);
    CHECK(stage.heard("no terminal to ask on"));
    CHECK(stage.asked.find("This will link 2 anonymous ids to 2 users in the project of this "
                           "token (127.0.0.1:1, as etl, token …cdef). It cannot be undone.") !=
          std::string::npos);
    stage.answer = "no";
    CHECK(try_with({}) == 6);
    CHECK(try_with({"--approve", "0123456789ab"}) == 6);
    CHECK(stage.heard("--approve: this is plan"));
    const auto id = view_job(stage.files, input + ".idmerge")->plan.id();
    CHECK(stage.said.ends_with(" --approve " + id + "\n"));
    CHECK_FALSE(stage.heard("--approve 0123456789ab"));
    CHECK_FALSE(view_job(stage.files, input + ".idmerge")->run);
    stage.answer = "yes";
    CHECK(try_with({}) == 5);
    CHECK(view_job(stage.files, input + ".idmerge")->pending() == 2);
  }

  TEST_CASE("a rehearsal that would not meet an emulator does not begin") {
    Stage stage;
    const auto job = stage.planned("p.csv", clean_rows);
    LoopbackServer tunnel([](const SeenRequest&) { return accepted(); });
    const std::vector<std::string> rehearse{"run",  "--job",      job,    "--rehearse",
                                            "--to", tunnel.url(), "--yes"};
    CHECK(stage.code(rehearse) == 2);
    CHECK(stage.heard("does not answer as an emulator"));
    // Not even when the job itself has nothing left to send.
    const auto service = running_emulator();
    CHECK(stage.code({"run", "--job", job, "--to", service->url()}) == 0);
    CHECK(stage.code(rehearse) == 2);
    for (const auto& request : tunnel.seen())
      CHECK(request.head.starts_with("GET "));
  }

  TEST_CASE("a dry run plans and sends nothing, with or without a target") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    CHECK(stage.code({"run", "-n", input}) == 0);
    CHECK(stage.heard("dry run: nothing was sent"));
    CHECK(stage.code({"run", "-n", input, "--to", "eu"}) == 0);
    CHECK(stage.asked.empty());
    CHECK_FALSE(view_job(stage.files, input + ".idmerge")->run);
    stage.environment.clear();
    CHECK(stage.code({"run", "-n", input, "--to", "eu"}) == 2);
  }

  TEST_CASE("mistakes come before the first row") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    CHECK(stage.code({"run", input}) == 2);
    CHECK(stage.heard("--to: is missing"));
    stage.environment.erase("MIXPANEL_TOKEN");
    CHECK(stage.code({"run", input, "--to", "eu"}) == 2);
    CHECK(stage.heard("MIXPANEL_TOKEN not set"));
    stage.environment["MIXPANEL_TOKEN"] = "t";
    CHECK(stage.code({"run", input, "--to", "eu", "--ca-cert", stage.scratch.path("none.pem")}) ==
          2);
    CHECK_FALSE(stage.scratch.exists("p.csv.idmerge"));
  }

  TEST_CASE("too many refusals are looked at first") {
    LoopbackServer server(
        [](const SeenRequest&) { return Reaction{http(200, R"({"status":0,"error":"no"})")}; });
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const auto job = input + ".idmerge";
    const std::vector<std::string> run{
        "run", input, "--yes", "--to", server.url(), "--max-refused", "0", "--connections", "1"};
    const auto again = "idmerge run --job " + job + " --yes --to " + server.url();
    CHECK(stage.code(run) == 6);
    CHECK_MESSAGE(stage.heard("go on: idmerge show --job " + job + " --refused --format csv\n" +
                              "once the cause is fixed: " + again + "\n" + "to override: " + again +
                              " --max-refused none\n"),
                  stage.said);
    CHECK(stage.code(
              {"run", "--job", job, "--yes", "--to", server.url(), "--max-refused", "none"}) == 3);
  }

  TEST_CASE("a planned job whose empty directories a copy left out is run") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const auto job = input + ".idmerge";
    const auto service = running_emulator();
    CHECK(stage.code({"plan", input}) == 0);
    std::filesystem::remove_all(job + "/runs");
    CHECK(status_text(stage.files, job));
    CHECK(stage.code({"run", "--job", job, "--to", service->url()}) == 0);
  }

  TEST_CASE("other content beside a job stops with both ways on") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const auto service = running_emulator();
    CHECK(stage.code({"plan", input}) == 0);
    stage.scratch.write("p.csv", std::string(clean_rows) + "new,u9\n");
    const std::vector<std::string> run{"run", input, "--to", service->url()};
    CHECK(stage.code(run) == 4);
    CHECK(stage.heard("finish the old plan: idmerge run --job " + input + ".idmerge --to " +
                      service->url()));
    CHECK(stage.heard("or start a new job: idmerge run " + input + " --to " + service->url() +
                      " --job " + input + ".2.idmerge"));
    CHECK_FALSE(view_job(stage.files, input + ".idmerge")->run);

    // Finished, it stops all the same.
    CHECK(stage.code({"run", "--job", input + ".idmerge", "--to", service->url()}) == 0);
    CHECK(stage.code(run) == 4);
    CHECK(stage.heard("see the old plan, which is finished: idmerge run --job"));
    CHECK(stage.code({"run", input, "--to", service->url(), "--job", input + ".2.idmerge"}) == 0);
  }

  TEST_CASE("a job called without its columns names them, in a command that works") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", "dev,usr\na1,u1\na2,u2\n");
    const auto job = input + ".idmerge";
    CHECK(stage.code({"plan", input, "--anon-field", "dev", "--user-field", "usr"}) == 0);
    CHECK(stage.code({"plan", input}) == 2);
    CHECK(stage.heard("with the columns of the previous plan: idmerge plan " + input + " --job " +
                      job + " --anon-field dev --user-field usr\n"));
    CHECK(stage.code({"run", input, "--to", "emulator"}) == 2);
    CHECK(stage.heard("or start a new job: idmerge run " + input + " --to emulator --job " + input +
                      ".2.idmerge --anon-field dev --user-field usr\n"));
    CHECK(stage.code({"run", input, "--to", "emulator", "--job", input + ".2.idmerge",
                      "--anon-field", "dev", "--user-field", "usr", "--rehearse"}) == 0);
  }

  TEST_CASE("a run whose record is gone or no directory is damaged, and sends nothing again") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const auto job = input + ".idmerge";
    const auto service = running_emulator();
    const std::vector<std::string> run{"run", input, "--to", service->url()};
    CHECK(stage.code(
              {"run", input, "--to", service->url(), "--canary", "1", "--connections", "1"}) == 8);
    std::filesystem::rename(job + "/runs/1-of-1", job + "/away");
    std::filesystem::create_directory(job + "/runs/1-of-1");
    std::filesystem::permissions(job + "/runs/1-of-1", std::filesystem::perms::owner_all);
    CHECK(stage.code(run) == 4);
    CHECK(
        stage.heard("/runs/1-of-1/checkpoint: is gone, while summary.json shows that links were "
                    "sent"));
    std::filesystem::remove(job + "/runs/1-of-1");
    CHECK(stage.code(run) == 4);
    std::filesystem::remove(job + "/runs");
    const auto told = status_text(stage.files, job);
    REQUIRE_FALSE(told);
    CHECK(told.error().code == Errc::input);
    Settings asked;
    asked.job = job;
    const auto explained = explain_ids(stage.files, asked, {"u1"}, IdMask(false),
                                       [](std::string_view) -> Result<bool> { return true; });
    REQUIRE_FALSE(explained);
    CHECK(explained.error().code == Errc::input);
    CHECK(stage.code(run) == 4);
    std::filesystem::create_directory(job + "/runs");
    std::filesystem::permissions(job + "/runs", std::filesystem::perms::owner_all);
    stage.scratch.write("p.csv.idmerge/runs/1-of-1", "x");
    CHECK(stage.code(run) == 4);
    CHECK(stage.heard("/runs/1-of-1: is not a directory, so it is unknown what was sent"));
    std::filesystem::remove(job + "/runs/1-of-1");
    std::filesystem::rename(job + "/away", job + "/runs/1-of-1");
    CHECK(stage.code(run) == 0);
  }

  TEST_CASE("other planning options than the plan's are a usage error") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    CHECK(stage.code({"plan", input}) == 0);
    CHECK(stage.code({"run", input, "--op", "alias", "--to", "emulator"}) == 2);
    CHECK(stage.heard("or start a new job"));
    CHECK(stage.code({"run", "--job", input + ".idmerge", "--op", "alias", "--to", "emulator"}) ==
          2);
    CHECK(stage.code({"run", "--job", input + ".idmerge", "--op", "create", "--to", "emulator"}) ==
          0);
  }

  TEST_CASE("planning again is allowed until something was sent") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    CHECK(stage.code({"plan", input}) == 0);
    stage.scratch.write("p.csv", std::string(clean_rows) + "new,u9\n");
    CHECK(stage.code({"plan", input}) == 0);
    CHECK(stage.heard("planning again"));
    CHECK(view_job(stage.files, input + ".idmerge")->plan_summary.read == 3);
    const auto service = running_emulator();
    CHECK(stage.code({"run", input, "--to", service->url()}) == 0);
    stage.scratch.write("p.csv", clean_rows);
    CHECK(stage.code({"plan", input}) == 4);
    CHECK(view_job(stage.files, input + ".idmerge")->plan_summary.read == 3);
  }

  TEST_CASE("a job goes on to its own target, and to no other") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const auto service = running_emulator();
    const auto other = running_emulator();
    CHECK(stage.code({"run", input, "--to", service->url(), "--max-requests", "1", "--connections",
                      "1"}) == 8);
    CHECK(stage.heard("go on: idmerge run --job"));
    CHECK(stage.code({"run", "--job", input + ".idmerge", "--to", other->url()}) == 2);
    CHECK(stage.heard("was begun with target " + service->url() + ", not " + other->url()));
    stage.environment["MIXPANEL_TOKEN"] = "another-project";
    CHECK(stage.code({"run", "--job", input + ".idmerge"}) == 2);
    stage.environment["MIXPANEL_TOKEN"] = "0123456789abcdef";
    CHECK(stage.code({"run", "--job", input + ".idmerge"}) == 0);
    service->stop();
    CHECK(service->service().stats({}).find("\"distinct_links\":2") != std::string::npos);
  }

  TEST_CASE("a call that sends nothing leaves how the last one that sent ended") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", mixed_rows);
    const auto job = input + ".idmerge";
    const auto service = running_emulator();
    const std::vector<std::string> guards{"--max-rejected", "none", "--max-held", "none"};
    const auto call = [&](std::vector<std::string> words) {
      words.insert(words.end(), guards.begin(), guards.end());
      return stage.code(words);
    };
    const auto result = [&] {
      const auto kept = result_of_sending(stage.scratch.read("p.csv.idmerge/summary.json"));
      REQUIRE(kept);
      return fmt::format("{} {}", kept->exit_code, kept->stop.substr(0, 8));
    };
    CHECK(call({"plan", input}) == 0);
    CHECK_FALSE(result_of_sending(stage.scratch.read("p.csv.idmerge/summary.json")));
    CHECK(call({"run", input, "--to", service->url(), "--canary", "1", "--connections", "1"}) == 8);
    CHECK(result() == "8 --canary");
    const auto page = stage.scratch.read("p.csv.idmerge/report.html");
    CHECK(call({"plan", input}) == 0);
    CHECK(result() == "8 --canary");
    CHECK(call({"run", input, "--dry-run"}) == 0);
    CHECK(result() == "8 --canary");
    CHECK(stage.scratch.read("p.csv.idmerge/report.html") == page);
    CHECK(call({"run", input, "--to", service->url()}) == 3);
    CHECK(result() == "3 ");
    const auto other = stage.scratch.path("other.json");
    CHECK(call({"run", "--job", job, "--fail-on", "none", "--summary", other}) == 0);
    CHECK(result() == "3 ");
    CHECK(result_of_sending(stage.scratch.read("other.json"))->exit_code == 0);
    CHECK_FALSE(result_of_sending("{\"exit_code\":0}"));
    CHECK_FALSE(result_of_sending("no json"));
  }

  TEST_CASE("the project that is named is compared before anything is said, finished or not") {
    bool is_finished = false;
    SUBCASE("finished") {
      is_finished = true;
    }
    SUBCASE("begun") {}
    CAPTURE(is_finished);
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const auto job = input + ".idmerge";
    const auto service = running_emulator();
    std::vector<std::string> first{"run", input, "--to", service->url(), "--project-id", "17"};
    stage.environment["MIXPANEL_TOKEN"] = "0123456789abcdef0123456789abcdef";
    if (!is_finished) first.insert(first.end(), {"--canary", "1", "--connections", "1"});
    REQUIRE_MESSAGE(stage.code(first) == (is_finished ? 0 : 8), stage.said);
    const auto before = stage.scratch.read("p.csv.idmerge/runs/1-of-1/checkpoint");
    const auto refused = [&](std::vector<std::string> more, const std::string& words) {
      for (const bool names_input : {false, true}) {
        for (const bool is_dry : {false, true}) {
          std::vector<std::string> run{"run"};
          run.insert(run.end(), {names_input ? input : "--job=" + job});
          run.insert(run.end(), more.begin(), more.end());
          run.emplace_back(is_dry ? "--dry-run" : "--yes");
          CHECK_MESSAGE(stage.code(run) == 2, stage.said);
          CHECK_MESSAGE(stage.heard("the job was begun with " + words + ": "), stage.said);
          const auto way =
              "for the other project: idmerge " + (names_input ? "run " + input : "plan " + input);
          CHECK_MESSAGE(stage.said.starts_with(way), stage.said);
          CHECK(stage.heard(" --job " + input + ".2.idmerge"));
          CHECK_FALSE(stage.heard("--yes"));
          for (const auto* not_said : {"This will", "settled", "nothing to do", "0123456789"})
            CHECK_MESSAGE(!stage.heard(not_said), stage.said);
        }
      }
      CHECK(stage.scratch.read("p.csv.idmerge/runs/1-of-1/checkpoint") == before);
    };
    refused({"--project-id", "18"}, "project 17, not 18");
    refused({"--to", "eu"}, "target " + service->url() + ", not https://api-eu.mixpanel.com");
    refused({"--to", service->url() + "/other"},
            "target " + service->url() + ", not " + service->url() + "/other");
    stage.environment["MIXPANEL_TOKEN"] = "fedcba9876543210fedcba987654ffff";
    refused({}, "token …cdef, not …ffff");
    refused({"--to", "us", "--project-id", "18"},
            "target " + service->url() +
                ", not https://api.mixpanel.com and project 17, not 18 "
                "and token …cdef, not …ffff");
    const auto file = stage.scratch.write("secrets", "MIXPANEL_TOKEN=of-a-third-project-here\n");
    REQUIRE(::chmod(file.c_str(), 0600) == 0);
    refused({"--credentials", file}, "token …cdef, not …here");
    // A rehearsal has progress of its own.
    CHECK(stage.code({"run", "--job", job, "--rehearse"}) == 0);

    // What is the same, or is not said, is no other project.
    stage.environment["MIXPANEL_TOKEN"] = "0123456789abcdef0123456789abcdef";
    auto spelled = service->url();
    spelled.replace(0, 4, "HTTP");
    const auto goes_on = [&](std::vector<std::string> run, int code) {
      run.insert(run.begin(), {"run", "--job", job});
      CHECK_MESSAGE(stage.code(run) == code, stage.said);
    };
    goes_on({"--dry-run", "--to", spelled + "//", "--project-id", "17"}, 0);
    goes_on({"--to", spelled + "/"}, 0);
    CHECK(stage.heard("nothing to do") == is_finished);
    stage.environment.clear();
    goes_on({}, 0);
    CHECK(stage.heard("nothing to do"));
    goes_on({"--project-id", "18"}, 2);
    stage.environment["MIXPANEL_TOKEN"] = "fedcba9876543210fedcba987654ffff";
    goes_on({}, 2);  // the token alone
  }

  TEST_CASE("a project that the first run did not name is another one") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const auto service = running_emulator();
    REQUIRE(stage.code({"run", input, "--to", service->url()}) == 0);
    CHECK(stage.code({"run", input, "--project-id", "18"}) == 2);
    CHECK(stage.heard("was begun with no --project-id, not 18"));
    CHECK(stage.code({"run", input, "--project-mode", "original"}) == 2);
  }

  TEST_CASE("another job that takes the place of the one that is asked about is left alone") {
    for (const auto* answer : {"yes", "no"}) {
      CAPTURE(answer);
      Stage stage;
      const auto job = stage.planned("p.csv", clean_rows);
      const auto other = stage.planned("q.csv", "anonymous_id,user_id\na1,u1\n");
      const auto others = *stage.files.list(other);
      const auto summary = stage.scratch.read("q.csv.idmerge/summary.json");
      stage.answer = answer;
      stage.while_asked = [&] {
        fs::rename(job, stage.scratch.path("away"));
        fs::rename(other, job);
      };
      LoopbackServer server([](const SeenRequest&) { return Reaction{http(404, "no emulator")}; });
      CHECK(stage.code({"run", "--job", job, "--to", server.url()}) == 4);
      CHECK(!stage.asked.empty());
      for (const auto& seen : server.seen())
        CHECK(seen.body.empty());  // it was asked whether it is an emulator
      CHECK(*stage.files.list(job) == others);
      CHECK(stage.scratch.read("p.csv.idmerge/summary.json") == summary);
      CHECK(stage.files.list(job + "/runs/1-of-1")->size() <= 1);
    }
  }

  TEST_CASE("a job that is moved, removed or replaced at work: 4, and the way on") {
    Stage stage;
    const auto job = stage.planned("p.csv", clean_rows);
    const auto away = stage.scratch.path("away");
    std::string way = away;
    std::function<void()> befalls;
    SUBCASE("moved") {
      befalls = [&] { fs::rename(job, away); };
    }
    SUBCASE("replaced") {
      befalls = [&] {
        fs::rename(job, away);
        fs::create_directory(job);
      };
    }
    SUBCASE("removed") {
      befalls = [&] {
        fs::rename(job, away);
        fs::remove_all(away);
      };
      way = "go on: idmerge run --job " + job;  // once it is restored
    }
    SUBCASE("removed, and another one in its place") {
      befalls = [&] {
        fs::rename(job, away);
        fs::remove_all(away);
        fs::create_directory(job);
      };
      way = "go on: idmerge status --job " + job;
    }
    SUBCASE("without its lock") {
      befalls = [&] { fs::remove(JobPaths{job}.run().lock()); };
      way = "go on: idmerge run --job " + job;
    }
    bool is_done = false;
    LoopbackServer server([&](const SeenRequest& seen) {
      if (seen.body.empty()) return Reaction{http(404, "no emulator")};
      if (!std::exchange(is_done, true)) befalls();
      return Reaction{http(503, "")};
    });
    CHECK(stage.code({"run", "--job", job, "--to", server.url(), "--yes", "--connections", "1"}) ==
          4);
    CHECK_MESSAGE(stage.heard("while idmerge worked in the job"), stage.said);
    CHECK_MESSAGE(stage.heard(way), stage.said);
    CHECK(stage.heard("go on: idmerge "));
    if (fs::exists(away)) {
      CHECK(stage.scratch.read("away/summary.json").find("\"exit_code\":4") != std::string::npos);
      CHECK((!fs::exists(job) || fs::is_empty(job)));
    }
  }

  TEST_CASE("a job that is at work is locked") {
    Stage stage;
    const auto job = stage.planned("p.csv", clean_rows);
    const auto lock = Lock::take(stage.files, JobPaths{job}.run().lock(),
                                 {4711, "etl-7", "2026-11-23T18:00:00Z"});
    REQUIRE(lock);
    const auto service = running_emulator();
    CHECK(stage.code({"run", "--job", job, "--to", service->url()}) == 11);
    CHECK(stage.heard("pid 4711"));
  }

  TEST_CASE("links that never get through are pending: exit 5, and nothing is lost") {
    Stage stage;
    EmulatorOptions options;
    options.service.stuck_ids = "3301";
    const auto service = running_emulator(std::move(options));
    const auto input = stage.scratch.write("p.csv", clean_rows);
    CHECK(stage.code({"run", input, "--to", service->url(), "--attempts", "2", "--backoff-min",
                      "1ms", "--backoff-max", "5ms"}) == 5);
    CHECK(stage.heard("1 links failed repeatedly while others succeeded"));
    const auto view = view_job(stage.files, input + ".idmerge");
    CHECK(view->pending() == 1);
    CHECK(view->delivered() == 1);
    CHECK(status_text(stage.files, input + ".idmerge")->find("stopped, exit 5\n") !=
          std::string::npos);
  }

  TEST_CASE("the import API delivers batches, and a later run knows that it does") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const auto service = running_emulator();
    CHECK_MESSAGE(stage.code({"run", input, "--to", service->url(), "--api", "import",
                              "--project-mode", "original", "--project-id", "2195193"}) == 0,
                  stage.said);
    CHECK(stage.heard("requests                                     1  at 15,000/s"));
    CHECK(stage.code({"run", "--job", input + ".idmerge"}) == 0);
    CHECK(stage.heard("nothing to do"));
    service->stop();
    const auto stats = service->service().stats({});
    CHECK(stats.find("\"requests\":1,") != std::string::npos);
    CHECK(stats.find("\"distinct_links\":2") != std::string::npos);
  }

  TEST_CASE("the proxy of the environment is for real services only") {
    Stage stage;
    stage.environment["HTTPS_PROXY"] = "http://127.0.0.1:1";
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const auto service = running_emulator();
    CHECK(stage.code({"run", input, "--to", service->url()}) == 0);
    stage.environment["HTTPS_PROXY"] = "ftp://proxy";
    const auto other = stage.scratch.write("q.csv", clean_rows);
    CHECK(stage.code({"run", other, "--to", "https://identity.example.com", "--yes"}) == 2);
    CHECK(stage.heard("HTTPS_PROXY: "));
  }

  TEST_CASE("a header without rows is finished at once") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", "anonymous_id,user_id\n");
    const auto service = running_emulator();
    CHECK(stage.code({"run", input, "--to", service->url()}) == 0);
    CHECK(stage.code({"run", input}) == 0);
    CHECK(stage.heard("nothing to do"));
  }

  TEST_CASE("a begun job whose files are incomplete says which, and sends nothing") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const auto job = input + ".idmerge";
    const JobPaths paths{job};
    const auto service = running_emulator();
    const std::vector<std::string> run{"run", input, "--to", service->url()};
    REQUIRE(stage.code(run) == 0);
    const auto plan = stage.scratch.read("p.csv.idmerge/plan");
    REQUIRE(stage.files.remove(paths.plan()));
    for (const auto* command : {"plan", "run"}) {
      auto again = run;
      again[0] = command;
      if (std::string_view(command) == "plan") again.resize(2);
      CHECK(stage.code(again) == 4);
      CHECK_MESSAGE(stage.heard(paths.plan() + ": is missing, though its run has begun: restore"),
                    stage.said);
    }
    stage.scratch.write("p.csv.idmerge/plan", plan);
    REQUIRE(stage.files.remove(paths.run().checkpoint()));
    CHECK(stage.code(run) == 4);
    CHECK(stage.heard("checkpoint: is gone, while "));
    const auto status = status_text(stage.files, job);
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::input);
    service->stop();
    CHECK(service->service().stats({}).find("\"requests\":2,") != std::string::npos);
  }

  TEST_CASE("with what a job keeps and the service does not take, only another job goes on") {
    struct World {
      Reaction reaction;
      std::vector<std::string> keeps;
      std::string next;
    };
    const std::string simplified =
        R"({"code":400,"error":"some data points in the request failed validation",)"
        R"("failed_records":["identity events are not allowed when project is using simplified )"
        R"(identity management"],"num_records_imported":0,"status":"Bad Request"})";
    const std::string missing =
        R"({"code":400,"error":"some data points in the request failed validation",)"
        R"("failed_records":[{"index":0,"field":"properties.distinct_id","message":)"
        R"("'properties.distinct_id' is invalid: must not be missing"}],)"
        R"("num_records_imported":0,"status":"Bad Request"})";
    const std::string no_project =
        R"({"code":400,"error":"project_id: is required","status":"Bad Request"})";
    const std::vector<World> worlds{
        {{http(404, "not here")}, {}, "--to 'us|eu|in|URL'"},
        {{http(400, simplified)},
         {"--api", "import", "--project-mode", "original", "--project-id", "1"},
         "--project-mode simplified"},
        {{http(400, missing)},
         {"--api", "import", "--project-mode=simplified", "--project-id", "1"},
         "--project-mode 'original|legacy'"},
        {{http(400, no_project)},
         {"--api", "import", "--project-mode", "original", "--project-id", "1"},
         "--project-id N"},
    };
    for (const auto& world : worlds) {
      CAPTURE(world.next);
      LoopbackServer server([&](const SeenRequest&) { return world.reaction; });
      Stage stage;
      const auto input = stage.scratch.write("p.csv", clean_rows);
      const auto job = input + ".idmerge";
      std::vector<std::string> run{"run", input, "--yes", "--to", server.url()};
      run.insert(run.end(), world.keeps.begin(), world.keeps.end());
      CHECK(stage.code(run) == 7);
      const auto begin = stage.said.find("go on: ");
      REQUIRE_MESSAGE(begin != std::string::npos, stage.said);
      const auto next = stage.said.substr(begin, stage.said.find('\n', begin) - begin);
      CHECK(next.starts_with("go on: idmerge run " + input + " --"));
      // What was agreed to was not this.
      CHECK(next.find("--yes") == std::string::npos);
      CHECK_MESSAGE(next.ends_with(" --job " + input + ".2.idmerge " + world.next), next);
      const auto option = world.next.substr(0, world.next.find(' '));
      CHECK(next.find(option) == next.rfind(option));
      CHECK(stage.heard("or, if the address is right: idmerge run --job " + job + " --yes") ==
            (option == "--to"));
      CHECK(stage.heard("or, with Mixpanel's public ingestion: idmerge run " + input + " --to " +
                        server.url() + " --job " + input +
                        ".2.idmerge --api import --project-mode 'original|simplified' "
                        "--project-id N\n") == (option == "--to"));
      CHECK(!stage.heard("another job sends all links again"));
      // Where the job alone is named, its plan knows the input.
      CHECK(stage.code({"run", "--job", job, "--yes"}) == 7);
      const auto other = stage.said.substr(stage.said.find("go on: "));
      CHECK_MESSAGE(other.starts_with("go on: idmerge run " + input + " --"), stage.said);
      CHECK_MESSAGE(
          other.find(" --job " + input + ".2.idmerge " + world.next + "\n") != std::string::npos,
          other);
      CHECK(other.find("--yes") > other.find('\n'));
    }
  }

  TEST_CASE("a job that is begun alone is offered anew as it was planned") {
    LoopbackServer server([](const SeenRequest&) { return Reaction{http(404, "not here")}; });
    Stage stage;
    const auto input = stage.scratch.write("p.csv", "dev;person\na1;u1\nx;u2\n");
    const auto deny = stage.scratch.write("deny", "qa\n");
    const auto job = stage.scratch.path("J");
    const std::string fields =
        " --anon-field dev --user-field person --delimiter ';' --null-word x --null-word y"
        " --row-max 2097152B --allow ragged --blank reject --on-conflict send";
    CHECK(stage.code({"plan",          input,    "--job",          job,    "--anon-field", "dev",
                      "--user-field",  "person", "--delimiter",    ";",    "--null-word",  "x",
                      "--null-word",   "y",      "--row-max",      "2MiB", "--allow",      "ragged",
                      "--blank",       "reject", "--on-conflict",  "send", "--deny-file",  deny,
                      "--max-cluster", "7",      "--max-rejected", "none"}) == 0);
    CHECK(stage.code(
              {"run", "--job", job, "--to", server.url(), "--max-rejected", "none", "--yes"}) == 7);
    CHECK_MESSAGE(stage.heard("or, with Mixpanel's public ingestion: idmerge run " + input +
                              " --max-rejected none --to " + server.url() + fields +
                              " --deny-file FILE --max-cluster 7 --job " + job +
                              ".2.idmerge --api import --project-mode 'original|simplified' "
                              "--project-id N\n"),
                  stage.said);
  }

  TEST_CASE("another job is offered with its options before the -- of the inputs") {
    LoopbackServer server([](const SeenRequest&) { return Reaction{http(404, "not here")}; });
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    CHECK(stage.code({"run", "--yes", "--to", server.url(), "--", input}) == 7);
    CHECK(stage.heard("go on: idmerge run --job " + input + ".2.idmerge --to 'us|eu|in|URL' -- " +
                      input + "\n"));
  }

  TEST_CASE("that another job sends all links again is said where some were delivered") {
    const std::string simplified =
        R"({"code":400,"error":"some data points in the request failed validation",)"
        R"("failed_records":["identity events are not allowed when project is using simplified )"
        R"(identity management"],"num_records_imported":0,"status":"Bad Request"})";
    LoopbackServer server([&](const SeenRequest& seen) {
      if (seen.number > 1) return Reaction{http(400, simplified)};
      return Reaction{http(200, R"({"code":200,"num_records_imported":1,"status":"OK"})")};
    });
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    CHECK(stage.code({"run", input, "--yes", "--to", server.url(), "--api", "import",
                      "--project-mode", "original", "--project-id", "1", "--batch", "1",
                      "--connections", "1"}) == 7);
    CHECK(stage.heard("another job sends all links again, including those already delivered"));
    CHECK(stage.heard(" --project-mode simplified\n"));
  }

  TEST_CASE("what the service does not take for now is sent by the same command") {
    std::atomic<bool> right = false;
    LoopbackServer server([&](const SeenRequest& seen) {
      if (right) return accepted();
      return seen.number == 0 ? accepted() : Reaction{http(401, R"({"error":"no"})")};
    });
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const std::string job = input + ".idmerge";
    CHECK(stage.code({"run", input, "--yes", "--to", server.url(), "--connections", "1"}) == 7);
    CHECK(stage.heard("go on: idmerge run --job " + job + " --yes --to " + server.url()));
    right = true;
    CHECK(stage.code({"run", "--job", job, "--yes", "--to", server.url()}) == 0);
  }

  TEST_CASE("plan on a job that has begun does not offer to send it") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    const auto service = running_emulator();
    CHECK(stage.code({"run", input, "--to", service->url(), "--max-requests", "1"}) == 8);
    CHECK(stage.code({"plan", input}) == 0);
    CHECK(stage.said.ends_with("go on: idmerge run --job " + input + ".idmerge\n"));
    CHECK(stage.code({"run", "--job", input + ".idmerge"}) == 0);
    CHECK(stage.code({"plan", input}) == 0);
    CHECK_FALSE(stage.heard("send it"));
    CHECK(stage.heard("nothing to send: plan"));
  }

  TEST_CASE("--summary puts the same object where it says") {
    Stage stage;
    const auto input = stage.scratch.write("p.csv", clean_rows);
    CHECK(stage.code({"plan", input, "--summary", "-"}) == 0);
    CHECK(stage.printed == stage.scratch.read("p.csv.idmerge/summary.json"));
    const auto file = stage.scratch.path("s.json");
    CHECK(stage.code({"run", input, "--to", "emulator", "--summary", file}) == 0);
    CHECK(stage.scratch.read("s.json").find("\"rehearsal\":true") != std::string::npos);
    CHECK(stage.scratch.read("p.csv.idmerge/summary.json").find("\"rehearsal\":false") !=
          std::string::npos);
  }

  TEST_CASE("the job's directory is certain or asked for") {
    Stage stage;
    const auto& scratch = stage.scratch;
    const auto directory_of = [](std::vector<std::string> more) {
      more.insert(more.begin(), "plan");
      return job_directory(*settings_of(more));
    };
    const auto input = scratch.write("p.csv", clean_rows);
    CHECK(directory_of({input}) == input + ".idmerge");
    CHECK(directory_of({input, "--job", "elsewhere/"}) == std::string("elsewhere"));
    CHECK(directory_of({"-"}).error().what ==
          "--job: is needed for stdin: name a directory for the job");
    CHECK(directory_of({input, input}).error().code == Errc::usage);
    CHECK(directory_of({scratch.path()}).error().code == Errc::usage);
    CHECK(directory_of({scratch.path("*.csv")}).error().code == Errc::usage);
    CHECK(directory_of({scratch.path("none.csv")}).error().code == Errc::input);
    CHECK(directory_of({scratch.path(), "--job", scratch.path("job")})
              .error()
              .what.find("lies inside the input") != std::string::npos);
    CHECK(directory_of({scratch.path(), "--job", scratch.path() + "-job"}));
  }

  TEST_CASE("exit codes follow the contract") {
    CHECK(exit_code_of(Error{Errc::internal, ""}, 0) == 1);
    CHECK(exit_code_of(Error{Errc::usage, ""}, 0) == 2);
    CHECK(exit_code_of(Error{Errc::input, ""}, 0) == 4);
    CHECK(exit_code_of(Error{Errc::outage, ""}, 0) == 5);
    CHECK(exit_code_of(Error{Errc::guard, ""}, 0) == 6);
    CHECK(exit_code_of(Error{Errc::service, ""}, 0) == 7);
    CHECK(exit_code_of(Error{Errc::budget, ""}, 0) == 8);
    CHECK(exit_code_of(Error{Errc::duration, ""}, 0) == 10);
    CHECK(exit_code_of(Error{Errc::locked, ""}, 0) == 11);
    CHECK(exit_code_of(Error{Errc::interrupted, ""}, 2) == 130);
    CHECK(exit_code_of(Error{Errc::interrupted, ""}, 15) == 143);
    CHECK(exit_code_of(Error{Errc::outage, ""}, 15) == 5);
  }
}
