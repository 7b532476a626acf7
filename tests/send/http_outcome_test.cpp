// SPDX-License-Identifier: MIT
#include "send/http_outcome.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::net;
using namespace idmerge::send;

namespace {

Outcome of(const Response& response) {
  Outcome outcome;
  REQUIRE(decode_status(response, outcome));
  return outcome;
}

std::string foreign(const Response& response) {
  Outcome outcome;
  decode_foreign(response, util::Redactor(), "the Trial API", "it has no /trial", outcome);
  CHECK(outcome.kind == OutcomeKind::foreign);
  return outcome.message;
}

}  // namespace

TEST_SUITE("send/http_outcome") {
  TEST_CASE("statuses that HTTP defines mean the same of every service") {
    CHECK(of({.status = 401}).kind == OutcomeKind::unauthorized);
    CHECK(of({.status = 403}).kind == OutcomeKind::unauthorized);
    CHECK(of({.status = 408}).kind == OutcomeKind::retry);
    CHECK(of({.status = 429}).kind == OutcomeKind::rate_limited);
    CHECK(of({.status = 500}).kind == OutcomeKind::retry);
    CHECK(of({.status = 503}).kind == OutcomeKind::retry);
    CHECK(of({.status = 599}).kind == OutcomeKind::retry);
    CHECK(of({.status = 503, .retry_after = "7"}).kind == OutcomeKind::rate_limited);
    CHECK(of({.status = 502, .retry_after = "7"}).kind == OutcomeKind::retry);
    for (const unsigned status : {200U, 204U, 207U, 301U, 400U, 404U, 409U, 413U, 422U, 600U}) {
      CAPTURE(status);
      Outcome outcome;
      CHECK_FALSE(decode_status({.status = status}, outcome));
    }
  }

  TEST_CASE("Retry-After is read, by the clock of the service, and noted where it says nothing") {
    CHECK(of({.status = 429, .retry_after = "7"}).retry_after == std::chrono::seconds(7));
    CHECK(of({.status = 429,
              .retry_after = "Wed, 21 Oct 2015 07:28:09 GMT",
              .date = "Wed, 21 Oct 2015 07:28:00 GMT"})
              .retry_after == std::chrono::seconds(9));
    CHECK_FALSE(of({.status = 429}).retry_after_is_unreadable);
    CHECK(of({.status = 429, .retry_after = "soon"}).retry_after_is_unreadable);
  }

  TEST_CASE("a foreign answer is described with what was seen and what to do") {
    CHECK(foreign({.status = 404, .content_type = "text/plain", .body = "no"}) ==
          "the target answered 404 text/plain \"no\": it has no /trial");
    CHECK(foreign({.status = 302, .location = "https://x/"}) ==
          "the target answered 302 to https://x/: redirects are not followed with credentials: "
          "give the final URL with --to");
    CHECK(foreign({.status = 200}) ==
          "the target answered 200: this is not how the Trial API answers: check --to and what "
          "stands between");
  }

  TEST_CASE("an outcome that is used again keeps nothing of the answer before") {
    Outcome outcome;
    outcome.kind = OutcomeKind::delivered;
    outcome.took_nothing = true;
    outcome.retry_after = std::chrono::seconds(1);
    outcome.retry_after_is_unreadable = true;
    outcome.refusals.push_back({3, "no"});
    outcome.message = "no";
    outcome.clear();
    CHECK(outcome.kind == OutcomeKind::retry);
    CHECK_FALSE(outcome.took_nothing);
    CHECK_FALSE(outcome.retry_after.has_value());
    CHECK_FALSE(outcome.retry_after_is_unreadable);
    CHECK(outcome.refusals.empty());
    CHECK(outcome.message.empty());
  }
}
