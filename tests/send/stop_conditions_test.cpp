// SPDX-License-Identifier: MIT
#include "send/stop_conditions.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::send;
using namespace std::chrono_literals;

namespace {

const Instant start = Instant{} + 1h;

std::optional<Errc> code(const std::optional<Error>& error) {
  return error ? std::optional(error->code) : std::nullopt;
}

}  // namespace

TEST_SUITE("send/stop_conditions") {
  TEST_CASE("exactly as many requests leave as were allowed") {
    SendOptions options;
    options.max_requests = 3;
    const StopRequest request;
    StopConditions limits(options, request, start);
    for (int i = 0; i < 3; ++i)
      CHECK(limits.count_request());
    const auto fourth = limits.count_request();
    REQUIRE(!fourth);
    CHECK(fourth.error().code == Errc::budget);
    CHECK(limits.requests() == 3);
  }

  TEST_CASE("--max-duration counts from the beginning of the run") {
    SendOptions options;
    options.max_duration = 10s;
    const StopRequest request;
    const StopConditions limits(options, request, start);
    const OutageDetector outage_detector(true);
    CHECK(!limits.look(start + 9'999ms, outage_detector));
    CHECK(code(limits.look(start + 10s, outage_detector)) == Errc::duration);
  }

  TEST_CASE("a service in this process that has failed ends the run at once") {
    SendOptions options;
    std::optional<Error> failure;
    options.service_failure = [&failure] { return failure; };
    const StopRequest request;
    const StopConditions limits(options, request, start);
    const OutageDetector outage_detector(true);
    CHECK(!limits.look(start, outage_detector));
    failure = Error{Errc::internal, "out of memory"};
    CHECK(limits.look(start, outage_detector) == failure);
  }

  TEST_CASE(
      "a pause that reaches beyond --give-up-after ends the run, with the time to come back") {
    SendOptions options;
    options.give_up_after = 60s;
    const StopRequest request;
    const StopConditions limits(options, request, start);
    const WallTime wall{1'795'456'800s};
    CHECK(!limits.look_at_pause(start - 1s, start, wall));
    CHECK(!limits.look_at_pause(start + 59s, start, wall));
    const auto stop = limits.look_at_pause(start + 3600s, start, wall);
    REQUIRE(stop);
    CHECK(stop->code == Errc::outage);
    CHECK(stop->what.find("2026-11-23T19:00:00") != std::string::npos);
  }

  TEST_CASE("an outage ends the run when nothing succeeded for long enough, and is noted before") {
    SendOptions options;
    options.give_up_after = 60s;
    const StopRequest request;
    StopConditions limits(options, request, start);
    OutageDetector outage_detector(true);
    outage_detector.failure(start, "connection refused");
    CHECK(!limits.outage_note(start + 9s, outage_detector));
    const auto note = limits.outage_note(start + 10s, outage_detector);
    REQUIRE(note);
    CHECK(note->find("connection refused") != std::string::npos);
    CHECK(!limits.outage_note(start + 11s, outage_detector));
    CHECK(!limits.look(start + 59s, outage_detector));
    CHECK(limits.look(start + 60s, outage_detector)->what ==
          "nothing succeeded for 1m (--give-up-after), last: connection refused");
    options.give_up_after = 300ms;
    CHECK(StopConditions(options, request, start)
              .look(start + 300ms, outage_detector)
              ->what.find("for 300ms (") != std::string::npos);
    CHECK(code(limits.look(start + 60s, outage_detector)) == Errc::outage);
    outage_detector.success(start + 61s);
    CHECK(!limits.look(start + 62s, outage_detector));
    CHECK(!limits.outage_note(start + 62s, outage_detector));
    outage_detector.failure(start + 70s, "again");
    CHECK(limits.outage_note(start + 80s, outage_detector));
  }

  TEST_CASE("a drain that takes its time is explained, once") {
    SendOptions options;
    options.drain = 10s;
    StopRequest request;
    StopConditions limits(options, request, start);
    CHECK(!limits.drain_note(start + 5s));
    limits.begin_drain(start + 5s);
    CHECK(!limits.drain_note(start + 7s));  // the time is up, nobody waits for a signal
    request.ask(2);
    CHECK(!limits.drain_note(start + 5999ms));
    const auto note = limits.drain_note(start + 6s);
    REQUIRE(note);
    CHECK(note->find("at most 9s more (--drain)") != std::string::npos);
    CHECK(note->find("second signal") != std::string::npos);
    CHECK(!limits.drain_note(start + 7s));
    StopConditions later(options, request, start);
    later.begin_drain(start);
    request.ask(2);
    CHECK(!later.drain_note(start + 2s));  // that was the second
  }

  TEST_CASE("the first signal begins a drain, the second ends it") {
    SendOptions options;
    options.drain = 10s;
    StopRequest request;
    StopConditions limits(options, request, start);
    const OutageDetector outage_detector(false);
    CHECK(!limits.look(start, outage_detector));
    request.ask(15);
    CHECK(code(limits.look(start, outage_detector)) == Errc::interrupted);
    limits.begin_drain(start);
    CHECK(!limits.drained(start + 9s));
    CHECK(limits.drained(start + 10s));
    request.ask(15);
    CHECK(limits.drained(start));
  }
}
