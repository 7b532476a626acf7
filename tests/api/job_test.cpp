// SPDX-License-Identifier: MIT
#include "idmerge/job.hpp"

#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "emulator/server.hpp"

#include "support/scratch.hpp"

using namespace idmerge;
using idmerge::testing::Scratch;

namespace {

constexpr std::string_view rows =
    "anonymous_id,user_id\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301,user-1@example.com\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3302,user-1@example.com\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3302,user-1@example.com\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3303,user-2@example.com\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3304,\n";

const std::string& reason(const api::Result<api::Ended>& ended) {
  static const std::string none;
  return ended ? none : ended.error().text;
}

int code_of(const api::Result<api::Ended>& ended) {
  return ended ? ended->exit_code : static_cast<int>(ended.error().code);
}

struct Heard final : api::Listener {
  std::uint64_t rows_seen = 0;
  std::uint64_t requests = 0;
  std::vector<std::string> messages;
  api::StopRequest* stop_at_request = nullptr;

  void planning(const api::Planning& now) override { rows_seen = now.rows; }
  void request(const api::Request& request) override {
    if (request.status == 200) requests += request.links;
    if (stop_at_request != nullptr) std::thread([this] { stop_at_request->ask(); }).join();
  }
  void message(api::Severity, std::string_view text) override { messages.emplace_back(text); }

  bool heard(std::string_view part) const {
    for (const auto& message : messages) {
      if (message.find(part) != std::string::npos) return true;
    }
    return false;
  }
};

api::Options options_of(const std::string& input, const std::string& target = "emulator") {
  api::Options options;
  options.input(input).to(target).credentials(
      {"0123456789abcdef0123456789abcdef", "etl.12345", "s3cret-of-the-test"});
  return options;
}

}  // namespace

TEST_SUITE("api/job") {
  TEST_CASE("a table is planned, sent and read") {
    const Scratch scratch;
    const auto input = scratch.write("pairs.csv", rows);
    const auto emulator = emulator::Emulator::start({}).value();
    const auto options = options_of(input, emulator->url());
    Heard heard;
    const auto planned = api::plan(options, heard);
    REQUIRE_MESSAGE(planned, reason(planned));
    CHECK(planned->exit_code == 0);
    CHECK(planned->stop.empty());
    CHECK(planned->job.directory == input + ".idmerge");
    CHECK(planned->job.plan_id.size() == 12);
    CHECK(planned->job.to_send == 3);
    CHECK(planned->job.account.pending == 3);
    CHECK(heard.requests == 0);

    const auto ended = api::run(options, api::Consent::to_plan(planned->job.plan_id), heard);
    REQUIRE_MESSAGE(ended, reason(ended));
    CHECK(ended->exit_code == 0);
    CHECK(ended->job.finished);
    CHECK(ended->job.account.read == 5);
    CHECK(ended->job.account.delivered == 3);
    CHECK(ended->job.account.duplicate == 1);
    CHECK(ended->job.account.skipped == 1);
    CHECK(heard.requests == 3);

    const auto view = api::read_job(ended->job.directory);
    REQUIRE(view);
    CHECK(view->finished);
    CHECK(view->plan_id == planned->job.plan_id);
    CHECK(view->delivered == 3);
  }

  TEST_CASE("a rehearsal has progress of its own and leaves the job unsent") {
    const Scratch scratch;
    Heard heard;
    const auto options = options_of(scratch.write("pairs.csv", rows));
    const auto ended = api::run(options, api::Consent::to_any_plan(), heard);
    REQUIRE_MESSAGE(ended, reason(ended));
    CHECK(ended->job.delivered == 3);
    const auto view = api::read_job(ended->job.directory);
    REQUIRE(view);
    CHECK(view->delivered == 0);
    CHECK(view->account.pending == 3);
  }

  TEST_CASE("consent to another plan sends nothing") {
    const Scratch scratch;
    // Not an emulator: something that may be a real service asks for consent.
    api::Options options;
    options.input(scratch.write("pairs.csv", rows))
        .to("https://127.0.0.1:9")
        .credentials({"0123456789abcdef0123456789abcdef", "etl.12345", "s3cret-of-the-test"});
    Heard heard;
    REQUIRE(reason(api::plan(options, heard)).empty());
    const auto ended = api::run(options, api::Consent::to_plan("000000000000"), heard);
    CHECK(code_of(ended) == 6);
    CHECK(heard.requests == 0);
  }

  TEST_CASE("an option that is wrong is named") {
    const Scratch scratch;
    const auto input = scratch.write("pairs.csv", rows);
    Heard heard;
    const auto error = [&](api::Options options) {
      const auto planned = api::run(options, api::Consent::to_any_plan(), heard);
      REQUIRE_FALSE(planned);
      CHECK(planned.error().code == api::ErrorCode::usage);
      return planned.error().option + "|" + planned.error().text;
    };
    CHECK(
        error(options_of(input).set("ratte", "5/s")).starts_with("ratte|--ratte: unknown option"));
    CHECK(error(options_of(input).set("yes")).starts_with("yes|--yes: consent is an argument"));
    CHECK(error(options_of(input).set("approve", "x")).starts_with("approve|--approve: consent"));
    CHECK(error(options_of(input).set("summary", "-")).starts_with("summary|"));
    CHECK(error(options_of(input).set("rate", "soon")).find("--rate: \"soon\"") !=
          std::string::npos);
    CHECK(error(options_of(input).set("config", input + ".none")).find("--config") !=
          std::string::npos);
    CHECK(heard.requests == 0);
    CHECK_FALSE(api::read_job(input + ".idmerge"));
  }

  TEST_CASE("a guard stops the plan, with the reason") {
    const Scratch scratch;
    Heard heard;
    auto options = options_of(scratch.write("pairs.csv", rows));
    options.set("max-links", "2");
    const auto planned = api::plan(options, heard);
    REQUIRE_MESSAGE(planned, reason(planned));
    CHECK(planned->exit_code == 6);
    CHECK(planned->stop.starts_with("--max-links: 3 links are to be sent"));
    const auto ended = api::run(options, api::Consent::to_any_plan(), heard);
    CHECK(code_of(ended) == 6);
    CHECK(heard.requests == 0);
  }

  TEST_CASE("an input that begins with a dash is no option") {
    Heard heard;
    api::Options options;
    options.input("--yes");
    const auto planned = api::plan(options, heard);
    REQUIRE_FALSE(planned);
    CHECK(planned.error().code == api::ErrorCode::input);
    CHECK(planned.error().text.find("--yes") != std::string::npos);
  }

  TEST_CASE("another thread stops a run, and another run continues") {
    const Scratch scratch;
    std::string many = "anonymous_id,user_id\n";
    for (int i = 0; i < 200; ++i)
      many += "id-of-a-device-" + std::to_string(i) + ",user-" + std::to_string(i) + "\n";
    const auto emulator = emulator::Emulator::start({}).value();
    auto options = options_of(scratch.write("pairs.csv", many), emulator->url());
    options.set("connections", "1").set("rate", "100/s");
    Heard heard;
    api::StopRequest stop;
    heard.stop_at_request = &stop;
    const auto stopped = api::run(options, api::Consent::to_any_plan(), heard, &stop);
    REQUIRE_MESSAGE(stopped, reason(stopped));
    CHECK(stopped->exit_code == 130);
    CHECK_FALSE(stopped->stop.empty());
    CHECK_FALSE(stopped->job.finished);
    CHECK(stopped->job.delivered >= 1);
    CHECK(stopped->job.account.pending == 200 - stopped->job.delivered);

    Heard others;
    options.set("rate", "0");
    const auto ended = api::run(options, api::Consent::to_any_plan(), others);
    REQUIRE_MESSAGE(ended, reason(ended));
    CHECK(ended->exit_code == 0);
    CHECK(ended->job.delivered == 200);
    CHECK(heard.requests + others.requests == 200);
  }

  TEST_CASE("secrets are in no message") {
    const Scratch scratch;
    Heard heard;
    auto options = options_of(scratch.write("pairs.csv", rows));
    options.set("log-level", "debug");
    REQUIRE(api::run(options, api::Consent::to_any_plan(), heard));
    CHECK_FALSE(heard.messages.empty());
    CHECK_FALSE(heard.heard("s3cret-of-the-test"));
    CHECK_FALSE(heard.heard("0123456789abcdef0123456789abcdef"));
  }
}
