// SPDX-License-Identifier: MIT
#include "cli/settings.hpp"

#include <algorithm>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "support/scratch.hpp"
#include "support/settings.hpp"

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::plan;
using namespace idmerge::util;
using namespace std::chrono_literals;
using idmerge::testing::error_of;
using idmerge::testing::run_error;
using idmerge::testing::settings_of;

TEST_SUITE("cli/settings") {
  TEST_CASE("without options the defaults of the rooms are in force") {
    const auto settings = settings_of({"run", "pairs.csv", "--to", "eu"});
    REQUIRE(settings);
    CHECK(settings->plan.row_reader.inputs == std::vector<std::string>{"pairs.csv"});
    CHECK(settings->send.target.host == "api-eu.mixpanel.com");
    CHECK(settings->send.rate == Rate{500, false});
    CHECK(!settings->send.burst);
    CHECK(settings->plan.resolver.max_cluster == 499);
    CHECK(settings->output.fail_on.size() == 3);
    CHECK_FALSE(settings->rehearse);
  }

  TEST_CASE("what does not go together is refused") {
    CHECK(run_error({"--max-links", "zz"}) ==
          "--max-links: \"zz\" is not a limit: write for example 1000, 5% or none");
    CHECK(run_error({"--max-links", "x%"}).starts_with("--max-links: \"x%\" is not a percentage"));
    CHECK(run_error({"--max-links", "10001%"}) == "--max-links: \"10001%\" is more than 10000%");
    CHECK(run_error({"--max-held", "150%"}) == "--max-held: \"150%\" is more than 100%");
    CHECK(run_error({"--max-links", "150%"}) ==
          "--max-links: 150% refers to the links of the last finished job: name it with --last-job "
          "DIR, or write --last-job none while there is none");
    CHECK(run_error({"--last-job", "j"}) ==
          "--last-job: has no effect without --max-links P%: add for example --max-links 150%");
    CHECK(run_error({"--max-links", "150%", "--last-job", ""}) ==
          "--last-job: is empty: write a value");
    CHECK(settings_of({"run", "x", "--to", "eu", "--max-links", "none", "--last-job", "j"}));
    CHECK(run_error({"--max-cluster", "zz"}).ends_with("write for example 10000, or none"));
    CHECK(run_error({"--expect-rows", "zz"}).ends_with("write for example 10000, or any"));
    CHECK(run_error({"--reject-samples", "zz"}).ends_with("write for example 10000, or all"));
    CHECK(run_error({"--max-uuid-lead", "7"}) ==
          "--max-uuid-lead: \"7\" is no share: write for example 25% or none");
    CHECK(error_of({"plan", "x", "--on-conflict", "latest"}) ==
          "--on-conflict: latest needs --order-field: name the field with the order of the rows");
    CHECK(settings_of({"plan", "x", "--on-conflict", "latest", "--order-field", "ts"}));
    CHECK(error_of({"plan"}) == "plan: no input: name a file, a directory, a glob or -");
    CHECK(error_of({"run"}) ==
          "run: neither INPUT nor --job: name what to send, or the job to go on with");
    CHECK(error_of({"status"}) == "--job: is missing: name the directory of the job");
    CHECK(error_of({"plan", ""}) == "INPUT: is empty: name a file, a directory, a glob or -");
    CHECK(error_of({"run", "-", "--job", "j", "--to", "us"})
              .starts_with("--expect-rows: is required"));
    CHECK(settings_of({"run", "-", "--job", "j", "--to", "us", "--expect-rows", "any"}));
    const idmerge::testing::Scratch scratch;
    const auto pipe = scratch.path("pipe");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(error_of({"run", pipe, "--job", "j", "--to", "us"})
              .starts_with("--expect-rows: is required"));
    CHECK(settings_of({"plan", "-", "--job", "j"}));
    CHECK(run_error({"--backoff-min", "61s"}) ==
          "--backoff-min: 1m1s is more than --backoff-max 1m: lower it");
    CHECK(run_error({"--yes", "--approve", "7f3a"}).starts_with("--yes: --approve is given too"));
    CHECK(run_error({"--client-key", "k"}).starts_with("--client-key: needs --client-cert"));
    CHECK(run_error({"--credentials", "a", "--credentials-command", "b"})
              .starts_with("--credentials: --credentials-command is given too"));
    CHECK(run_error({"--rehearse"}) ==
          "--rehearse: --to eu is no emulator on this machine: leave --to out");
    CHECK(run_error({"-n", "--rehearse"}).starts_with("--rehearse: --dry-run sends nothing"));
    CHECK(run_error({"--id-fields", "a,b"}).starts_with("--id-fields: is for --op merge"));
  }

  TEST_CASE("a rehearsal goes to an emulator, and one inside the process is always a rehearsal") {
    CHECK(settings_of({"run", "--job", "j", "--rehearse"})->own_emulator());
    CHECK(settings_of({"run", "x", "--to", "emulator"})->send.rehearsal);
    const auto elsewhere =
        settings_of({"run", "--job", "j", "--rehearse", "--to", "http://127.0.0.1:8080"});
    REQUIRE(elsewhere);
    CHECK_FALSE(elsewhere->own_emulator());
    CHECK(elsewhere->send.rehearsal);
  }

  TEST_CASE("a later run takes over what was recorded, except for what is typed now") {
    const auto first = settings_of({"run", "x", "--to", "eu", "--rate", "100/s", "--connections",
                                    "4", "--max-requests", "7", "--canary", "5", "--op", "merge",
                                    "--max-held", "none", "--yes", "--ca-cert", "ca.pem"});
    REQUIRE_MESSAGE(first, first);
    auto words = values_to_record(*first);
    CHECK(words.get("to") == "eu");
    CHECK(words.get("rate") == "100/s");
    CHECK(words.get("ca-cert").starts_with("/"));
    CHECK(words.find("max-requests") == nullptr);
    CHECK(first->send.canary == 5u);
    CHECK(words.find("canary") == nullptr);
    CHECK(words.find("yes") == nullptr);
    CHECK(words.find("op") == nullptr);
    words.set("username", "etl");  // for people

    auto later = settings_of({"run", "--job", "x.idmerge", "--rate", "200/s"});
    REQUIRE(later);
    REQUIRE(recall(*later, words));
    CHECK(later->to == "eu");
    CHECK(later->send.target.host == "api-eu.mixpanel.com");
    CHECK(later->send.connections == 4);
    CHECK(later->send.rate == Rate{200, false});
    CHECK(later->max_held == Limit{});
    CHECK(values_to_record(*later).get("rate") == "200/s");
    CHECK(values_to_record(*later).get("connections") == "4");

    const auto nightly =
        settings_of({"run", "x", "--to", "eu", "--max-links", "150%", "--last-job", "jobs/last"});
    words = values_to_record(*nightly);
    CHECK(words.get("last-job").ends_with("/jobs/last"));
    CHECK(words.get("last-job").starts_with("/"));
    auto resumed = settings_of({"run", "--job", "x.idmerge", "--max-links", "none"});
    CHECK(recall(*resumed, words));
    CHECK(resumed->max_links == Limit{});
    CHECK(values_to_record(
              *settings_of({"run", "x", "--to", "eu", "--max-links", "150%", "--last-job", "none"}))
              .get("last-job") == "none");

    words.set("rate", "fast");
    auto broken = settings_of({"run", "--job", "x.idmerge"});
    const auto recalled = recall(*broken, words);
    REQUIRE_FALSE(recalled);
    CHECK(recalled.error().what ==
          "recorded rate: \"fast\" is not a rate: write for example 500/s");
  }

  TEST_CASE("planning options beside a plan must be those of the plan") {
    const auto planned = plan_values(
        settings_of({"plan", "x", "--op", "merge", "--no-header", "--anon-field", "#1"})->plan);
    const auto check = [&](std::vector<std::string> more) {
      more.insert(more.begin(), {"run", "--job", "j"});
      return check_typed_against(*settings_of(std::move(more)), planned);
    };
    CHECK(check({}));
    CHECK(check({"--op", "merge", "--no-header", "--rate", "1/s"}));
    CHECK(check({"--op", "create"}).error().what ==
          "--op: differs from the plan: leave it out, or plan a new job");
    CHECK_FALSE(check({"--anon-field", "#2"}));
    CHECK_FALSE(check({"--null-word", "x"}));
    CHECK(check({"--min-rows", "5"}).error().what ==
          "--min-rows: is a planning option, and there is a plan already: leave it out");
  }

  TEST_CASE("a switch and its opposite set one thing, and the flag goes before all else") {
    CHECK(settings_of({"run", "x", "--to", "us"})->send.adaptive);
    CHECK_FALSE(settings_of({"run", "x", "--to", "us", "--no-adaptive"})->send.adaptive);
    CHECK(run_error({"--adaptive", "--no-adaptive"}) ==
          "--adaptive: --no-adaptive is given too: keep one of them");
    const Environment off = [](const std::string& name) {
      return name == "IDMERGE_NO_ADAPTIVE" ? std::optional<std::string>("1") : std::nullopt;
    };
    CHECK_FALSE(settings_of({"run", "x", "--to", "us"}, off)->send.adaptive);
    CHECK(settings_of({"run", "x", "--to", "us", "--adaptive"}, off)->send.adaptive);
    auto later = settings_of({"run", "--job", "j", "--adaptive"});
    REQUIRE(recall(*later, {{"no-adaptive", "true"}}));
    CHECK(later->send.adaptive);
  }

  TEST_CASE("a plan for an API that this version does not have is not sent by another") {
    auto settings = *settings_of({"run", "--job", "j", "--to", "us"});
    const auto adopted = adopt_plan(settings, {{"op", "create"}, {"api", "later"}});
    REQUIRE(adopted.has_error());
    CHECK(adopted.error().code == Errc::input);
    CHECK(adopted.error().what ==
          "the plan is for --api later, which this idmerge does not have: run it with the version "
          "that planned it");
    REQUIRE(
        adopt_plan(settings, {{"op", "create"}, {"api", "import"}, {"project_mode", "original"}}));
    CHECK(settings.send.service->name == "import");
    CHECK(settings.plan.api == "import");
  }

  TEST_CASE("the import API has its own pace, and needs to know the project's mode") {
    const auto settings = settings_of({"run", "x", "--to", "eu", "--api", "import",
                                       "--project-mode", "original", "--project-id", "1"});
    REQUIRE_MESSAGE(settings, settings);
    CHECK(settings->send.service->name == "import");
    CHECK(settings->send.rate == Rate{15'000, false});
    CHECK(run_error({"--api", "import"}).starts_with("--project-mode: is needed for --api import"));
    CHECK(error_of({"run", "x", "--to", "eu", "--api", "import", "--project-mode", "legacy"})
              .starts_with("--op create: "));
  }

  TEST_CASE("a proxy is spoken to in plain HTTP and has no password on the command line") {
    CHECK(settings_of({"run", "x", "--to", "eu", "--proxy", "proxy:3128"})->send.proxy->port ==
          3128);
    CHECK(run_error({"--proxy", "http://me:secret@proxy:3128"}).starts_with("--proxy: it has a"));
  }

  TEST_CASE("--rate takes the hours of a week, and the next run knows them") {
    const std::string hours = "08:00,20/s 19:00,200/s Sat-00:00,pause";
    const auto first = settings_of({"run", "x", "--to", "eu", "--rate", hours});
    REQUIRE(first);
    CHECK(first->send.rate.at(9h).rate.per_s == 20);
    CHECK(first->send.rate_is_given);
    auto later = settings_of({"run", "--job", "x.idmerge"});
    REQUIRE(later);
    CHECK(later->send.rate != first->send.rate);
    REQUIRE(recall(*later, values_to_record(*first)));
    CHECK(later->send.rate == first->send.rate);
    CHECK(!later->send.rate_is_given);  // what was said meanwhile goes before
    CHECK(settings_of({"run", "x", "--to", "eu", "--rate", "pause"})->send.rate.at({}).paused);
    CHECK(settings_of({"run", "x", "--to", "eu", "--burst", "5"})->send.burst == 5);
  }

  TEST_CASE("the command rate needs a rate and a job") {
    CHECK(settings_of({"rate", "20/s", "--job", "j"})->request_rate == "20/s");
    CHECK(settings_of({"rate", "08:00,20/s", "19:00,0", "--job", "j"})->request_rate ==
          "08:00,20/s 19:00,0");
    CHECK(!settings_of({"rate", "20/s"}));
    CHECK(!settings_of({"rate", "--job", "j"}));
  }

  TEST_CASE("a simplified project has no cap, unless one is typed") {
    CHECK(settings_of({"plan", "x", "--project-mode", "simplified"})->plan.resolver.max_cluster ==
          0);
    CHECK(settings_of({"plan", "x", "--project-mode", "simplified", "--max-cluster", "100"})
              ->plan.resolver.max_cluster == 100);
  }

  TEST_CASE("the environment names options in capitals") {
    const auto settings = settings_of({"run", "x", "--to", "us"}, [](const std::string& name) {
      return name == "IDMERGE_BACKOFF_MIN" ? std::optional<std::string>("3s") : std::nullopt;
    });
    REQUIRE(settings);
    CHECK(settings->send.backoff_min == 3s);
  }
}
