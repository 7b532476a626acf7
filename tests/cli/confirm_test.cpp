// SPDX-License-Identifier: MIT
#include "cli/confirm.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::cli;
using namespace idmerge::net;

namespace {

Consent consent() {
  return {.plan_id = "7f3a91c2d0b1",
          .links = {98'412'003, 0, 0},
          .clusters = 31'020'551,
          .settled = 0,
          .canary = {},
          .target = *parse_target("https://api-eu.mixpanel.com"),
          .region = "EU",
          .project_id = "2195193",
          .username = "etl.12345",
          .token = "…9f3c"};
}

AskPerson person(std::string says, std::string* saw = nullptr) {
  return [=](std::string_view prompt) -> Result<std::optional<std::string>> {
    if (saw != nullptr) *saw = prompt;
    return std::optional(says);
  };
}

Result<std::optional<std::string>> nobody(std::string_view) {
  return std::optional<std::string>();
}

Result<std::optional<std::string>> must_not_ask(std::string_view) {
  FAIL("asked");
  return std::optional<std::string>();
}

}  // namespace

TEST_SUITE("cli/confirm") {
  TEST_CASE("the sentence says how many, to whom, where, and that it is for ever") {
    CHECK(sentence(consent()) ==
          "This will link 98,412,003 anonymous ids to 31,020,551 users in project 2195193 (EU, "
          "api-eu.mixpanel.com, as etl.12345, token …9f3c). It cannot be undone.");
    auto one = consent();
    one.links = {1, 0, 0};
    one.clusters = 1;
    one.project_id.clear();
    one.target = *parse_target("https://identity.example.com:8443");
    one.region = {};
    CHECK(sentence(one) ==
          "This will link 1 anonymous id to 1 user in the project of this token "
          "(identity.example.com:8443, as etl.12345, token …9f3c). It cannot be undone.");
  }

  TEST_CASE("each verb has its own deed, and a resumed job says what is left") {
    auto alias = consent();
    alias.links = {0, 12, 0};
    CHECK(sentence(alias).starts_with("This will make 12 aliases of distinct ids in project"));
    auto merge = consent();
    merge.links = {0, 0, 3};
    merge.clusters = 2;
    CHECK(sentence(merge).starts_with(
        "This will merge 3 pairs of distinct ids, into 2 users, in project"));
    auto mixed = consent();
    mixed.links = {1, 2, 3000};
    mixed.settled = 1;
    CHECK(sentence(mixed).starts_with(
        "This will send 3,003 links (1 create, 2 alias, 3,000 merge) to project 2195193"));
    CHECK(sentence(mixed).ends_with("1 link of 3,003 are sent already. It cannot be undone."));
    mixed.canary = 100;
    CHECK(
        sentence(mixed).ends_with("sent already. It stops when 100 links in all are settled "
                                  "(--canary). It cannot be undone."));
  }

  TEST_CASE("only the word yes is a yes") {
    std::string saw;
    CHECK(confirm(consent(), {}, person("yes", &saw)));
    CHECK(saw == sentence(consent()) + "\nType yes to go on, anything else to stop: ");
    for (const auto* answer : {"", "y", "YES", "yes ", " yes", "no"}) {
      CAPTURE(answer);
      const auto confirmed = confirm(consent(), {}, person(answer));
      REQUIRE_FALSE(confirmed);
      CHECK(confirmed.error().code == Errc::guard);
    }
  }

  TEST_CASE("without a terminal consent must have been given before") {
    const auto confirmed = confirm(consent(), {}, nobody);
    REQUIRE_FALSE(confirmed);
    CHECK(confirmed.error().code == Errc::usage);
    CHECK(confirmed.error().what ==
          "consent: there is no terminal to ask on: look at the plan, then add --approve "
          "7f3a91c2d0b1, or "
          "--yes");
    CHECK(confirm(consent(), {.yes = true}, must_not_ask));
    CHECK(confirm(consent(), {.approve = "7f3a91c2d0b1"}, must_not_ask));
  }

  TEST_CASE("approving one plan does not approve another") {
    for (const auto* other : {"7f3a91c2d0b2", "7f3a", "7f3a91c2d0b1f"}) {
      const auto confirmed = confirm(consent(), {.approve = other}, must_not_ask);
      REQUIRE_FALSE(confirmed);
      CHECK(confirmed.error().code == Errc::guard);
    }
  }

  TEST_CASE("an interrupted question is no answer") {
    const auto confirmed =
        confirm(consent(), {}, [](std::string_view) -> Result<std::optional<std::string>> {
          return Error{Errc::interrupted, "interrupted: nothing was sent"};
        });
    REQUIRE_FALSE(confirmed);
    CHECK(confirmed.error().code == Errc::interrupted);
  }

  TEST_CASE("only plain HTTP to this machine is certainly an emulator") {
    CHECK(may_be_emulator(*parse_target("http://127.0.0.1:8080")));
    CHECK_FALSE(may_be_emulator(*parse_target("https://127.0.0.1:8443")));
    CHECK_FALSE(may_be_emulator(*parse_target("https://api.example.com")));
  }

  TEST_CASE("text from outside cannot steer the terminal that asks") {
    auto odd = consent();
    odd.username = "etl\x1b[8m";
    CHECK(sentence(odd).find('\x1b') == std::string::npos);
  }
}
