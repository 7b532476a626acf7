// SPDX-License-Identifier: MIT
#include "send/id_redaction.hpp"

#include <array>

#include <doctest/doctest.h>

namespace idmerge::testing {

using namespace input;
using namespace send;
using namespace util;
namespace {

std::string masked(std::string_view words, std::string_view anon, std::string_view user) {
  const Link link{.anon = anon, .user = user};
  return mask_ids(words, {&link, 1}, IdMask(false));
}

}  // namespace

TEST_SUITE("send/id_redaction") {
  TEST_CASE("the ids of the links are masked wherever they stand") {
    CHECK(masked("anna is already linked to 'berta': anna", "anna", "berta") ==
          "… (1-7 bytes) is already linked to '… (1-7 bytes)': … (1-7 bytes)");
    const std::array<Link, 2> links{Link{.anon = "anna", .user = "b"},
                                    Link{.anon = "cora-lee", .user = "b"}};
    const auto words = mask_ids("cora-lee and anna", links, IdMask(false));
    CHECK(words == "… (8-16 bytes) and … (1-7 bytes)");
    CHECK(mask_ids("cora-lee and anna", links, IdMask(true)) == "cora-lee and anna");
  }

  TEST_CASE("an id of a few bytes is one only where it stands alone") {
    CHECK(masked("status 401: user 1 of 100, 1.", "1", "") ==
          "status 401: user … (1-7 bytes) of 100, … (1-7 bytes).");
  }

  TEST_CASE("a phrase counts where it is the service's own, not within an id") {
    const Link link{.anon = "bob@myproject.com", .user = "Project"};
    const auto own = [&](std::string_view words) { return says(words, "project", {&link, 1}); };
    CHECK(own("invalid PROJECT_ID"));
    CHECK(own("Projects: bob@myproject.com"));
    CHECK(own("subproject"));
    for (const auto* words : {"", "projec", "bad id bob@myproject.com", "bad id BOB@MYPROJECT.COM",
                              "bad id <project.owner@x>", "\"x@project\""}) {
      CAPTURE(words);
      CHECK_FALSE(own(words));
    }
    CHECK(says("no project", "project", {}));
  }

  TEST_CASE("ids that overlap are one") {
    CHECK(masked("xannabertax", "annab", "berta") == "x… (8-16 bytes)x");
    CHECK(masked("annabel", "annabel", "anna") == "… (1-7 bytes)");
  }

  TEST_CASE("what looks like the id of another row is masked too") {
    for (const std::string_view id : {"someone.else+x@mail.example", "user-7301", "20261130",
                                      "3f2504e0-4f89-41d3-9a0c-0305e82c3301"}) {
      CAPTURE(id);
      const auto words = masked("is of '" + std::string(id) + "', not of", "a", "b");
      CHECK(words.find(id) == std::string::npos);
      CHECK(words.starts_with("is of '"));
      CHECK(words.ends_with("', not of"));
    }
  }

  TEST_CASE("what a person needs to understand a stop stays") {
    for (const std::string_view words :
         {"the target answered 502 text/html \"502 Bad Gateway nginx/1.18.0\"",
          "only 1998 of 2000 were taken", "project 2195193 is not of this service account",
          "http://127.0.0.1:41233 @ noon", "ErrAnonDistinctIdAssignedAlready", ""}) {
      CHECK(masked(words, "anna", "berta") == words);
    }
  }
}

}  // namespace idmerge::testing
