// SPDX-License-Identifier: MIT
#include "cli/option_table.hpp"

#include <algorithm>
#include <set>

#include <doctest/doctest.h>

#include "support/settings.hpp"

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::input;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using namespace std::chrono_literals;
using idmerge::testing::error_of;
using idmerge::testing::run_error;
using idmerge::testing::settings_of;

TEST_SUITE("cli/option_table") {
  TEST_CASE("each option reaches the setting it is for") {
    const auto settings = settings_of({"run",
                                       "a",
                                       "b",
                                       "--job",
                                       "j/",
                                       "--to",
                                       "https://[::1]:8443/base",
                                       "--format",
                                       "ndjson",
                                       "--anon-field",
                                       "/a/b",
                                       "--user-field",
                                       "#2",
                                       "--op",
                                       "merge",
                                       "--op-field",
                                       "op",
                                       "--order-field",
                                       "ts",
                                       "--delimiter",
                                       "tab",
                                       "--null-word",
                                       "none",
                                       "--null-word",
                                       "n/a",
                                       "--no-header",
                                       "--row-max",
                                       "64KiB",
                                       "--allow",
                                       "ragged,lazy-quotes",
                                       "--blank",
                                       "reject",
                                       "--reject-samples",
                                       "10",
                                       "--expect-files",
                                       "2",
                                       "--expect-rows",
                                       "98,412,003",
                                       "--min-rows",
                                       "1",
                                       "--on-conflict",
                                       "send",
                                       "--deny-file",
                                       "deny.txt",
                                       "--decisions",
                                       "decisions.csv",
                                       "--max-links",
                                       "112.5%",
                                       "--last-job",
                                       "last-night",
                                       "--max-uuid-lead",
                                       "30%",
                                       "--max-cluster",
                                       "none",
                                       "--no-collapse",
                                       "--max-rejected",
                                       "10",
                                       "--max-held",
                                       "none",
                                       "--max-refused",
                                       "0.5%",
                                       "--approve",
                                       "7f3a91c2d0b1",
                                       "--project-mode",
                                       "original",
                                       "--project-id",
                                       "2195193",
                                       "--ca-cert",
                                       "ca.pem",
                                       "--client-cert",
                                       "c.pem",
                                       "--client-key",
                                       "k.pem",
                                       "--credentials",
                                       "cred",
                                       "-n",
                                       "--progress",
                                       "never",
                                       "--stats",
                                       "30s",
                                       "--summary",
                                       "-",
                                       "--show-ids",
                                       "never",
                                       "--fail-on",
                                       "refused",
                                       "--quiet",
                                       "--log-level",
                                       "debug",
                                       "--log-format",
                                       "json",
                                       "--rate",
                                       "1000/s",
                                       "--burst",
                                       "7",
                                       "--connections",
                                       "3",
                                       "--pipeline",
                                       "16",
                                       "--attempts",
                                       "4",
                                       "--backoff-min",
                                       "1s",
                                       "--backoff-max",
                                       "5s",
                                       "--give-up-after",
                                       "1h",
                                       "--timeout",
                                       "5s",
                                       "--drain",
                                       "0",
                                       "--max-duration",
                                       "2h",
                                       "--max-requests",
                                       "1000"});
    REQUIRE_MESSAGE(settings, settings);
    const auto& s = *settings;
    const auto& row_reader = s.plan.row_reader;
    CHECK(row_reader.inputs.size() == 2);
    CHECK(s.job == "j");
    CHECK(s.send.target.port == 8443);
    CHECK(row_reader.format == Format::ndjson);
    CHECK(row_reader.anon_field == "/a/b");
    CHECK(row_reader.user_field == "#2");
    CHECK(row_reader.op == Op::merge);
    CHECK(row_reader.op_field == "op");
    CHECK(row_reader.order_field == "ts");
    CHECK(row_reader.delimiter == '\t');
    CHECK(row_reader.null_words == std::vector<std::string>{"none", "n/a"});
    CHECK(row_reader.no_header);
    CHECK(row_reader.row_max == 65'536);
    CHECK((row_reader.allow_ragged && row_reader.allow_lazy_quotes));
    CHECK(s.plan.validate.reject_blank);
    CHECK(s.plan.reject_samples == 10u);
    CHECK(row_reader.expect_files == 2u);
    CHECK(row_reader.expect_rows == 98'412'003u);
    CHECK(row_reader.min_rows == 1);
    CHECK(s.plan.resolver.on_conflict == OnConflict::send);
    CHECK(s.deny_file == "deny.txt");
    CHECK(s.decisions_file == "decisions.csv");
    CHECK(s.max_links == Limit{Limit::Kind::percent, 0, 112.5});
    CHECK(s.last_job == "last-night");
    CHECK(s.max_uuid_lead == Limit{Limit::Kind::percent, 0, 30});
    CHECK(s.plan.resolver.max_cluster == 0);
    CHECK_FALSE(s.plan.resolver.collapse);
    CHECK(s.max_rejected == Limit{Limit::Kind::count, 10, 0});
    CHECK(s.max_held == Limit{});
    CHECK(s.send.max_refused_percent == 0.5);
    CHECK(s.approve == "7f3a91c2d0b1");
    CHECK(s.plan.project_mode == "original");
    CHECK(s.send.service_api.project_id == "2195193");
    CHECK(s.send.tls.client_key == "k.pem");
    CHECK(s.credentials.file == "cred");
    CHECK(s.dry_run);
    CHECK(s.output.progress == When::never);
    CHECK(s.output.stats == 30s);
    CHECK(s.output.summary == "-");
    CHECK(s.output.show_ids == When::never);
    CHECK(s.output.fail_on == std::vector<RowOutcome>{RowOutcome::refused});
    CHECK((s.output.quiet && s.output.log.deferred));
    CHECK(s.output.log.level == Level::debug);
    CHECK(s.output.log.format == LogFormat::json);
    CHECK(s.send.rate == Rate{1000, false});
    CHECK(s.send.burst == 7);
    CHECK(s.send.connections == 3);
    CHECK(s.send.pipeline == 16);
    CHECK(s.send.attempts == 4);
    CHECK(s.send.backoff_max == 5s);
    CHECK(s.send.give_up_after == 1h);
    CHECK(s.send.timeout == 5s);
    CHECK(s.send.drain == 0s);
    CHECK(s.send.max_duration == 2h);
    CHECK(s.send.max_requests == 1000u);
  }

  TEST_CASE("a mistake in any option is refused, by its name") {
    std::size_t tried = 0;
    for (const auto& entry : option_table()) {
      if (entry.value.empty() || entry.name == "config") continue;
      CAPTURE(entry.name);
      ++tried;
      Settings settings;
      // What no option can be: nothing at all, then something that only free text can be.
      CHECK_FALSE(entry.apply("", settings));
      const bool free_text = entry.value.starts_with("NAME") || entry.value == "FILE" ||
                             entry.value == "FILE|-" || entry.value.starts_with("DIR") ||
                             entry.value == "A,B" || entry.value == "WORD" ||
                             entry.value == "CMD" || entry.value == "TOKEN" ||
                             entry.value == "TEXT" || entry.value == "ADDRESS:PORT";
      const auto wrong = entry.apply("?\x1b!", settings);
      CHECK(wrong.has_value() == free_text);
      if (!wrong) {
        CHECK(wrong.error().what.find(": ") != std::string::npos);  // what is wrong: what to do
      }
      CHECK_FALSE(entry.apply(std::string_view("a\0b", 3), settings));
    }
    CHECK(tried > 50);
  }

  TEST_CASE("the default in the help is one that the option takes") {
    for (const auto& entry : option_table()) {
      if (entry.fallback.empty()) continue;
      CAPTURE(entry.name);
      Settings settings;
      CHECK(entry.apply(entry.fallback, settings));
    }
    // And it changes nothing.
    const auto plain = *settings_of({"run", "x", "--to", "us"});
    std::vector<std::string> all{"run", "x", "--to", "us"};
    for (const auto& entry : option_table()) {
      if ((entry.commands & only(Command::run)) == 0 || entry.fallback.empty()) continue;
      all.push_back("--" + std::string(entry.name));
      all.emplace_back(entry.fallback);
    }
    const auto typed = settings_of(all);
    REQUIRE_MESSAGE(typed, typed);
    CHECK(typed->send.rate == plain.send.rate);
    CHECK(typed->max_held == plain.max_held);
    CHECK(typed->max_rejected == plain.max_rejected);
    CHECK(typed->send.max_refused_percent == plain.send.max_refused_percent);
    CHECK(typed->send.max_refused_links == plain.send.max_refused_links);
    CHECK(typed->send.connections == plain.send.connections);
    CHECK(typed->send.attempts == plain.send.attempts);
    CHECK(typed->send.backoff_min == plain.send.backoff_min);
    CHECK(typed->send.backoff_max == plain.send.backoff_max);
    CHECK(typed->send.give_up_after == plain.send.give_up_after);
    CHECK(typed->send.timeout == plain.send.timeout);
    CHECK(typed->send.drain == plain.send.drain);
    CHECK(typed->plan.row_reader.row_max == plain.plan.row_reader.row_max);
    CHECK(typed->plan.resolver.max_cluster == plain.plan.resolver.max_cluster);
    CHECK(typed->plan.reject_samples == plain.plan.reject_samples);
    CHECK(typed->plan.api == plain.plan.api);
    CHECK(typed->output.stats == plain.output.stats);
    CHECK(typed->output.fail_on == plain.output.fail_on);
    CHECK(typed->output.log.level == plain.output.log.level);
    const auto emulator = *settings_of({"emulator"});
    CHECK(emulator.emulator.listen == "127.0.0.1:8080");
  }

  TEST_CASE("kinds agree with what the help shows") {
    for (const auto& entry : option_table()) {
      CAPTURE(entry.name);
      CHECK(entry.is_switch() == entry.value.empty());
      CHECK((entry.kind == Kind::duration) == (entry.value == "DURATION"));
      CHECK((entry.kind == Kind::size) == (entry.value == "SIZE"));
      CHECK((entry.kind == Kind::rate) == (entry.value == "RATE"));
      CHECK((entry.kind == Kind::file) == (entry.value == "FILE"));
      CHECK((entry.kind == Kind::limit || entry.kind == Kind::share) ==
            (entry.value.find('%') != std::string_view::npos));
    }
  }

  TEST_CASE("every key of a plan belongs to one option, and roles exclude each other") {
    std::multiset<std::string> keys;
    for (const auto& entry : option_table()) {
      CAPTURE(entry.name);
      const int homes = entry.has(role::plan) + entry.has(role::run) + entry.has(role::consent) +
                        entry.has(role::secret);
      CHECK(homes <= 1);
      CHECK((!entry.has(role::once) || entry.has(role::run)));
      CHECK((!entry.has(role::project | role::kind) || entry.has(role::plan)));
      CHECK((entry.reach == Reach::flag_strict) == entry.has(role::consent));
      if (entry.has(role::run)) CHECK((entry.commands & only(Command::run)) != 0);
      if (!entry.has(role::plan)) continue;
      CHECK(is_plan_option(entry));
      for (const auto& key : plan_keys(entry))
        keys.insert(key);
    }
    // wire_forms tells plans of this version from earlier ones, and is no option.
    const auto planned = plan_values(
        settings_of({"plan", "x", "--project-mode", "simplified", "--last-row", "take"})->plan);
    for (const auto& value : planned) {
      const auto& key = value.first;
      CAPTURE(key);
      CHECK(keys.count(key) == (key == "wire_forms" ? 0 : 1));
    }
  }

  TEST_CASE("from a plan follows what would have to be typed for it") {
    const std::vector<std::string> typed{"plan",
                                         "x",
                                         "--format",
                                         "csv",
                                         "--anon-field",
                                         "#1",
                                         "--user-field",
                                         "#2",
                                         "--delimiter",
                                         "tab",
                                         "--null-word",
                                         "none",
                                         "--null-word",
                                         "n/a",
                                         "--no-header",
                                         "--row-max",
                                         "64KiB",
                                         "--last-row",
                                         "take",
                                         "--allow",
                                         "ragged,lazy-quotes",
                                         "--blank",
                                         "reject",
                                         "--on-conflict",
                                         "send",
                                         "--max-cluster",
                                         "none",
                                         "--no-collapse",
                                         "--op",
                                         "merge",
                                         "--api",
                                         "import",
                                         "--project-mode",
                                         "original"};
    const auto planned = plan_values(settings_of(typed)->plan);
    std::vector<std::string> again{"plan", "x"};
    for (const auto& entry : option_table()) {
      if (!is_plan_option(entry)) continue;
      for (const auto& text : planned_texts(entry, planned)) {
        again.push_back("--" + std::string(entry.name));
        if (!entry.is_switch()) again.push_back(text);
      }
    }
    const auto settings = settings_of(again);
    REQUIRE_MESSAGE(settings, settings);
    CHECK(plan_values(settings->plan) == planned);
    CHECK(again.size() == typed.size());
    // Of defaults nothing is typed.
    const auto plain = plan_values(settings_of({"plan", "x"})->plan);
    for (const auto& entry : option_table())
      CHECK(planned_texts(entry, plain).empty());
  }

  TEST_CASE("an error carries the option that it is about") {
    const auto wrong = settings_of({"run", "x", "--to", "eu", "--rate", "abc"});
    REQUIRE(!wrong);
    CHECK(wrong.error().subject == "rate");
    CHECK(settings_of({"run", "x", "--to", "http://example.com"}).error().subject == "to");
    CHECK(settings_of({"run", "x", "--to", "http://example.com"})
              .error()
              .what.starts_with("--to: http to "));
    CHECK(settings_of({"run", "x", "--to", "mars"}).error().what ==
          "--to: \"mars\" is no target: write us, eu, in, emulator, or a URL such as "
          "https://api.example.com");
  }

  TEST_CASE("messages say what is wrong and what to write") {
    CHECK(run_error({"--rate", "abc"}) == "--rate: \"abc\" is not a rate: write for example 500/s");
    CHECK(run_error({"--canary", "0"}).starts_with("--canary: 0 is out of range (1 to "));
    CHECK(error_of({"emulator", "--refuse-share", "1.5"}) ==
          "--refuse-share: 1.5 is not a share: write 0.05 for one in twenty");
    CHECK(run_error({"--connections", "0"}) == "--connections: 0 is out of range (1 to 1,000)");
    CHECK(run_error({"--pipeline", "257"}) == "--pipeline: 257 is out of range (1 to 256)");
    CHECK(run_error({"--timeout", "2h"}) == "--timeout: 2h is out of range (1ms to 1h)");
    CHECK(run_error({"--op", "creat"}) ==
          "--op: \"creat\" is none of create, alias, merge: did you mean create?");
    CHECK(run_error({"--progress", "sometimes"}) ==
          "--progress: \"sometimes\" is none of auto, always, never: write one of them");
    CHECK(run_error({"--delimiter", "::"}) ==
          "--delimiter: \"::\" is not one character: write for example ';', tab or \\x01");
    CHECK(run_error({"--fail-on", "held,none"}) ==
          "--fail-on: none cannot be combined with fates: write none alone, or a list of fates");
    CHECK(run_error({"--project-id", "eu-1"}) ==
          "--project-id: \"eu-1\" is not a project id: write its digits, for example 2195193");
    CHECK(run_error({"--approve", "PLAN"}) ==
          "--approve: \"PLAN\" is not a plan id: idmerge plan prints it");
    CHECK(run_error({"--row-max", "10B"}) == "--row-max: 10B is out of range (64B to 1GiB)");
    CHECK(run_error({"--memory", "1MiB"}) == "--memory: 1MiB is too little: give at least 64MiB");
    CHECK(error_of({"run", "x", "--to", "http://api.mixpanel.com"}).starts_with("--to: "));
    CHECK(error_of({"show", "--job", "d", "--held", "--refused"}) ==
          "--refused: another list is asked for too: give one of --links, --held, --rejected, "
          "--refused, --in-doubt");
  }

  TEST_CASE("batches have limits, within those of the service") {
    const auto settings = settings_of({"run", "x", "--to", "eu", "--api", "import",
                                       "--project-mode", "original", "--project-id", "1", "--batch",
                                       "20", "--batch-bytes", "64kB", "--rate", "50/s"});
    REQUIRE(settings);
    CHECK(settings->send.service_api.batch_links_max == 20);
    CHECK(settings->send.service_api.batch_bytes_max == 64'000);
    CHECK(!settings_of({"run", "x", "--to", "eu", "--batch", "2001"}));
    CHECK(!settings_of({"run", "x", "--to", "eu", "--batch", "0"}));
    CHECK(!settings_of({"run", "x", "--to", "eu", "--batch-bytes", "11MB"}));
  }

  TEST_CASE("a limit of bytes is a size a second, beside the rate") {
    const auto settings = settings_of({"run", "x", "--to", "eu", "--rate-bytes", "2MB/s"});
    REQUIRE(settings);
    CHECK(settings->send.rate_bytes == 2e6);
    CHECK(settings->send.rate == Rate{500, false});
    for (const auto* none : {"0", "0/s"})
      CHECK(settings_of({"run", "x", "--to", "eu", "--rate-bytes", none})->send.rate_bytes == 0);
    for (const auto* wrong : {"2MB", "/s", "999B/s", "2/s", "fast/s", ""}) {
      CHECK(run_error({"--rate-bytes", wrong})
                .ends_with(
                    "is not a size per second of at least 1kB/s: write 2MB/s, or 0 for no limit"));
    }
  }

  TEST_CASE("a rate in requests limits requests") {
    const auto settings = settings_of({"run", "x", "--to", "eu", "--rate", "30req/s"});
    CHECK(settings->send.rate == Rate{30, true});
  }

  TEST_CASE("every option stands in the help of its commands, within 100 columns") {
    for (const auto& command : command_table()) {
      const auto text = help_text(command, option_table(), option_groups());
      for (const auto& entry : option_table()) {
        if ((entry.commands & only(command.command)) == 0) continue;
        CAPTURE(entry.name);
        CHECK(text.find("--" + std::string(entry.name)) != std::string::npos);
      }
      for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        CHECK(end - at <= 100);
        at = end + 1;
      }
    }
  }

  TEST_CASE("no two options of a command share a name, and no secret is one") {
    for (const auto& a : option_table()) {
      for (const auto& b : option_table()) {
        if (&a != &b && a.name == b.name) CHECK((a.commands & b.commands) == 0);
      }
      CHECK(a.name.find("password") == std::string_view::npos);
      if ((a.commands & only(Command::run)) != 0) {
        CHECK(a.name != "token");
        CHECK(a.name != "secret");
        CHECK(a.name != "username");
      }
    }
  }

  TEST_CASE("help says what holds for the command it is about") {
    const auto help = [](Command wanted) {
      for (const auto& command : command_table()) {
        if (command.command == wanted) return help_text(command, option_table(), option_groups());
      }
      return std::string();
    };
    for (const auto command : {Command::show, Command::status, Command::explain}) {
      CHECK(help(command).find("INPUT.idmerge") == std::string::npos);
      CHECK(help(command).find("directory of the job; must be given") != std::string::npos);
    }
    CHECK(help(Command::run).find("INPUT.idmerge") != std::string::npos);
    CHECK(help(Command::emulator).find("hold clusters") == std::string::npos);
    CHECK(help(Command::plan).find("hold clusters") != std::string::npos);
    CHECK(help(Command::plan).find("--max-links N|P%|none ") != std::string::npos);
  }
}
