// SPDX-License-Identifier: MIT
#include "send/already_linked.hpp"

#include <random>
#include <string>

#include <doctest/doctest.h>

#include "support/seed.hpp"

namespace idmerge::testing {

using namespace input;
using namespace send;
namespace {

TEST_SUITE("send/already_linked") {
  TEST_CASE("an answer that calls the link there already may mean ours, unless it names another") {
    Link link;
    link.anon = "a-17";
    link.user = "ann@example.com";
    for (const auto* ours :
         {"errAnonDistinctIdAssignedAlready",
          "alias: errAliasAlreadyExists",
          "alias exists",
          "Anon ID already identified",
          "alias exists already",
          "already linked to a user",
          "already merged to some identified id",
          "already linked to ann@example.com.",
          "already assigned to user 'ann@example.com'",
          "alias already exists: \"a-17\"",
          "anon id already mapped to distinct_id ann@example.com (since 2024-01-01)",
          "already linked since 2024-01-01",
          "errAliasAlreadyExists: request 8f3-22",
          "already identified, see [doc-12]",
          "anon id is already identified",
          "errAnonDistinctIdAssignedAlready: 'a-17' is assigned to ann@example.com",
          "alias already exists: \"a-17\" -> \"ann@example.com\"",
          "properties.$anon_id: already identified",
          "$device:a-17 is already linked",
          "the device a-17 already exists for this user. Nothing was changed",
          "{\"status\":0,\"message\":\"anon id already identified.\",\"code\":400}",
          "HTTP 409: already linked (user_id=ann@example.com, project 2195193)"}) {
      CAPTURE(ours);
      CHECK(may_mean_ours(ours, link));
    }
    for (const auto* others :
         {"already merged to another user", "already linked to another",
          "Already identified by a different user", "errAnonDistinctIdAssignedAlready: other user",
          "already assigned to someone else", "already linked to bob@example.com",
          "already linked to user u9", "already mapped to distinct_id: 'bob'",
          "already assigned to 'ann@example.com2'", "already linked to ANN@example.com",
          "already linked to bob", "already linked to user bob.", "Already merged with Bob in May",
          "already exists for the distinct_id alice (see the docs)",
          // Our own anonymous id proves nothing, wherever the other user stands.
          "errAnonDistinctIdAssignedAlready: 'a-17' is assigned to a different user",
          "already linked: a-17 (owner u-999)", "already linked: \"a-17\", current user: u-999",
          "already linked: 'a-17' is merged with another user",
          "alias already exists: \"a-17\" -> \"u-999\"", "already linked: a-17 belongs to u-999",
          "a-17: user u-999 already exists", "u-999 is already linked with a-17",
          "already linked: ann@example.com is not its user, u-999 is",
          "already linked to 'ann@example.com' in project 7, and to u-999",
          "alias already exists: a-17 -> bob", "already linked: a-17=bob",
          "already linked; the current user is bob", "already linked to $device:a-171",
          "already linked to 'now'", "already linked to 'bob", "already linked to user:bob",
          "already linked to 2024-01-01", "already linked, see bob@example.com",
          "already linked to ann@example.com@x",
          "already linked to a user other than ann@example.com",
          "already linked to somebody el…"}) {
      CAPTURE(others);
      CHECK_FALSE(may_mean_ours(others, link));
    }
    for (const auto* others : {"invalid token", "", "'ann@example.com'", "another"}) {
      CAPTURE(others);
      CHECK_FALSE(may_mean_ours(others, link));
    }
    // What an id says is not said by the service; an id that is a word does not hide the others.
    link.anon = "already linked";
    CHECK_FALSE(may_mean_ours("invalid value: already linked", link));
    CHECK_FALSE(may_mean_ours("invalid value: 'already linked'", link));
    CHECK_FALSE(may_mean_ours("already linked: no", link));
    CHECK(may_mean_ours("already exists: 'already linked'", link));
    link.user = "user";
    CHECK_FALSE(may_mean_ours("already merged with user bob", link));
    CHECK(may_mean_ours("already merged with some user", link));
    link.user = "another";
    CHECK_FALSE(may_mean_ours("already merged with another", link));
    link.user = "ann smith";
    CHECK(may_mean_ours("already merged with ann smith", link));
    CHECK_FALSE(may_mean_ours("already merged with ann smithers", link));
  }

  TEST_CASE("whatever a message is, looking for a user in it ends") {
    std::mt19937_64 random(seed());
    Link link;
    link.anon = "a";
    link.user = "u";
    const std::string letters = " :=(\"'`.,ato1-\xff";
    for (int i = 0; i < 20'000; ++i) {
      std::string message = "already linked";
      for (auto n = random() % 30; n > 0; --n)
        message += letters[random() % letters.size()];
      static_cast<void>(may_mean_ours(message, link));
    }
  }
}

}  // namespace
}  // namespace idmerge::testing
