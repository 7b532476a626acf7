// SPDX-License-Identifier: MIT
#include "trial_vendor.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "io/files.hpp"
#include "plan/planner.hpp"
#include "send/sender.hpp"

#include "support/loopback_server.hpp"
#include "support/scratch.hpp"

namespace idmerge::testing {
namespace {

using namespace std::chrono_literals;

/// A planned job of `links` aliases a0 -> u0, a1 -> u1, ...
struct Job {
  explicit Job(int links) {
    std::string text = "alias,distinct_id\n";
    for (int i = 0; i < links; ++i)
      text += fmt::format("a{0},u{0}\n", i);
    plan::PlanOptions options;
    options.row_reader.inputs = {scratch.write("pairs.csv", text)};
    options.row_reader.op = input::Op::alias;
    options.api = trial_vendor.name;
    REQUIRE(plan::make_plan(options, dir(), files, progress));
  }

  std::string dir() const { return scratch.path("job"); }

  send::SendOptions options(const LoopbackServer& server) const {
    send::SendOptions options;
    options.service = &trial_vendor;
    options.target = net::parse_target(server.url() + "/base").value();
    options.service_api.token = util::Secret("key-0123456789");
    options.rate = util::Rate{0, false};
    options.connections = 2;
    options.backoff_min = 1ms;
    options.backoff_max = 4ms;
    options.max_refused_percent.reset();
    options.seed = 1;
    return options;
  }

  send::SendReport send(const send::SendOptions& options) {
    const auto report = send::send_plan(options, dir(), files, progress, stop);
    REQUIRE_MESSAGE(report.has_value(), report.error().what);
    CHECK(report->to_send == report->delivered + report->refused + report->pending);
    return *report;
  }

  Scratch scratch;
  io::RealFiles files;
  plan::Progress progress;
  send::StopRequest stop;
};

/// The aliases of a request, in order, each with its target.
std::vector<std::pair<std::string, std::string>> pairs_of(const SeenRequest& seen) {
  simdjson::dom::parser json;
  std::vector<std::pair<std::string, std::string>> pairs;
  const simdjson::dom::array items = json.parse(seen.body).get_array().value();
  for (const auto item : items) {
    pairs.emplace_back(std::string(item["from"].get_string().value()),
                       std::string(item["to"].get_string().value()));
  }
  return pairs;
}

using Statuses = std::map<std::string, std::string>;

/// 207, with 201 for all aliases but these.
Reaction answer_with(const SeenRequest& seen, const Statuses& others = {}) {
  std::string body;
  for (const auto& [alias, user] : pairs_of(seen)) {
    const auto other = others.find(alias);
    body += fmt::format("{}{}", body.empty() ? "[" : ",",
                        other == others.end() ? R"({"status":201})" : other->second);
  }
  return {http(207, body + "]")};
}

std::multiset<std::string> aliases_seen(const LoopbackServer& server) {
  std::multiset<std::string> aliases;
  for (const auto& seen : server.seen()) {
    for (const auto& [alias, user] : pairs_of(seen))
      aliases.insert(alias);
  }
  return aliases;
}

}  // namespace

TEST_SUITE("send/trial_vendor") {
  TEST_CASE("every link is sent in the vendor's form, and refused or delivered by its own status") {
    LoopbackServer server([](const SeenRequest& seen) {
      return answer_with(seen, {{"a4", R"({"status":422,"detail":"no such user"})"}});
    });
    Job job(10);
    const auto report = job.send(job.options(server));
    CHECK(!report.stop);
    CHECK(report.delivered == 9);
    CHECK(report.refused == 1);
    for (const auto& seen : server.seen()) {
      CHECK(seen.head.starts_with("POST /base/v2/alias HTTP/1.1\r\n"));
      CHECK(seen.head.find("X-Api-Key: key-0123456789\r\n") != std::string::npos);
      CHECK(pairs_of(seen).size() <= trial_links_max);
      for (const auto& [alias, user] : pairs_of(seen))
        CHECK(alias.substr(1) == user.substr(1));
    }
    const auto aliases = aliases_seen(server);
    CHECK(aliases.size() == 10);
    CHECK(std::set(aliases.begin(), aliases.end()).size() == 10);
    const auto refused = job.scratch.read("job/runs/1-of-1/refused.ndjson");
    CHECK(refused.find("\"a4\"") != std::string::npos);
    CHECK(refused.find("422: no such user") != std::string::npos);
    CHECK(std::count(refused.begin(), refused.end(), '\n') == 1);
  }

  TEST_CASE("limits, failures and batches that are too large are met as of any service") {
    std::set<std::string> failed;
    LoopbackServer server([&](const SeenRequest& seen) -> Reaction {
      const auto pairs = pairs_of(seen);
      if (seen.number == 0) return {http(429, "[]", "Retry-After: 0\r\n")};
      if (seen.number == 1) return {http(503, "<html>")};
      const bool has_large = std::any_of(pairs.begin(), pairs.end(),
                                         [](const auto& pair) { return pair.first == "a3"; });
      if (has_large && pairs.size() > 1) return {http(413, "")};
      return answer_with(seen);
    });
    Job job(8);
    const auto report = job.send(job.options(server));
    CHECK(!report.stop);
    CHECK(report.delivered == 8);
    CHECK(report.rate_limited_now == 1);
    CHECK(report.retries_now > 0);
  }

  TEST_CASE("what may be our own earlier attempt is delivered, by the vendor's words alone") {
    LoopbackServer server([](const SeenRequest& seen) -> Reaction {
      if (seen.number == 0) return {.bytes = {}, .then = Reaction::Then::close};
      Statuses all;
      for (const auto& [alias, user] : pairs_of(seen)) {
        all[alias] = fmt::format(R"({{"status":409,"detail":"is an alias of {}"}})",
                                 alias == "a1" ? "somebody" : user);
      }
      return answer_with(seen, all);
    });
    Job job(6);
    auto options = job.options(server);
    options.connections = 1;
    const auto report = job.send(options);
    CHECK(!report.stop);
    // The first three met the broken connection: one of them has another user.
    CHECK(report.ambiguous == 2);
    CHECK(report.delivered == 2);
    CHECK(report.refused == 4);
  }

  TEST_CASE("a job goes on where it stopped, and with this service only") {
    LoopbackServer server([](const SeenRequest& seen) { return answer_with(seen); });
    Job job(9);
    auto options = job.options(server);
    options.connections = 1;
    options.max_requests = 1;
    CHECK(job.send(options).delivered == trial_links_max);
    options.max_requests.reset();

    auto other_facts = trial_vendor;
    other_facts.name = "other";
    auto other = options;
    other.service = &other_facts;
    const auto refused = send::send_plan(other, job.dir(), job.files, job.progress, job.stop);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::usage);

    const auto report = job.send(options);
    CHECK(!report.stop);
    CHECK(report.delivered == 9);
    CHECK(aliases_seen(server).size() == 9);
  }

  TEST_CASE("answers of something else stop the job in the words of the vendor") {
    for (const auto& answer :
         {std::pair{http(404, ""), "it has no /v2/alias at this path"},
          std::pair{http(200, R"([{"status":201}])"), "this is not how the trial vendor answers"},
          std::pair{http(207, "[]"), "this is not how the trial vendor answers"},
          std::pair{http(401, ""), "check TRIAL_USER, TRIAL_SECRET and TRIAL_KEY"}}) {
      const auto& [reaction, words] = answer;
      CAPTURE(answer.second);
      LoopbackServer server([&bytes = reaction](const SeenRequest&) { return Reaction{bytes}; });
      Job job(4);
      const auto report = job.send(job.options(server));
      REQUIRE(report.stop);
      CHECK(report.stop->code == Errc::service);
      CHECK(report.stop->what.find(words) != std::string::npos);
      CHECK(report.delivered == 0);
      CHECK(report.pending == 4);
    }
  }

  TEST_CASE("what the vendor has is known before anything is sent") {
    CHECK(trial_vendor.check_op(plan::ProjectMode::none, input::Op::alias).has_value());
    CHECK(trial_vendor.check_op(plan::ProjectMode::none, input::Op::merge).error().code ==
          Errc::usage);
    CHECK(trial_vendor.find_region("moon")->host == "moon.example.com");
    CHECK(trial_vendor.make({}, "host", "").error().what == "TRIAL_KEY: is missing: set it");
  }
}

}  // namespace idmerge::testing
