// SPDX-License-Identifier: MIT
#include "plan/decisions.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::plan;

namespace {

std::string error_of(std::string_view text) {
  const auto decisions = parse_decisions(text);
  REQUIRE_FALSE(decisions);
  CHECK(decisions.error().code == Errc::usage);
  return decisions.error().what;
}

}  // namespace

TEST_SUITE("plan/decisions") {
  TEST_CASE("two columns are enough") {
    const auto decisions = parse_decisions(
        "\xEF\xBB\xBF"
        "anonymous_id,user_id\r\na1,u1\r\na2,never\r\na3,later\r\na4,\r\n\r\n"
        "\"a,5\",\"u\"\"5\"");
    REQUIRE_MESSAGE(decisions, decisions);
    REQUIRE(decisions->size() == 4);
    CHECK((*decisions)[0].anon == "a1");
    CHECK((*decisions)[0].kind == Decision::Kind::user);
    CHECK((*decisions)[0].user == "u1");
    CHECK((*decisions)[0].line == 2);
    CHECK((*decisions)[1].kind == Decision::Kind::never);
    CHECK((*decisions)[2].kind == Decision::Kind::later);
    CHECK((*decisions)[3].anon == "a,5");
    CHECK((*decisions)[3].user == "u\"5");
    CHECK((*decisions)[3].line == 7);
  }

  TEST_CASE("of a list of claims the column `decision` counts, in any of the rows of an id") {
    const auto decisions = parse_decisions(
        "anonymous_id,user_id,decision,row\na1,u1,,\"x\ny\"\na1,u2,u2,\na2,u1,never,\na2,u2,never,"
        "\n");
    REQUIRE(decisions);
    REQUIRE(decisions->size() == 2);
    CHECK((*decisions)[0].user == "u2");
    CHECK((*decisions)[0].line == 4);
    CHECK((*decisions)[1].line == 5);
  }

  TEST_CASE("a decision that cannot be applied is an error with its line") {
    CHECK(error_of("").starts_with("line 1: the header lacks"));
    CHECK(error_of("anonymous_id,decision,decision\n")
              .starts_with("line 1: the header has decision"));
    CHECK(error_of("anonymous_id;user_id\n").starts_with("line 1: the header lacks"));
    CHECK(error_of("anonymous_id,user_id\na,u\na,v\n").starts_with("line 3: contradicts line 2"));
    CHECK(
        error_of("anonymous_id,user_id\na,u\na,never\n").starts_with("line 3: contradicts line 2"));
    CHECK(error_of("anonymous_id,user_id\na,u,v\n")
              .starts_with("line 2: has 3 fields, the header 2"));
    CHECK(error_of("anonymous_id,user_id\n,u\n")
              .starts_with("line 2: has a decision but no anonymous id"));
    CHECK(error_of("anonymous_id,user_id\na,\"u\n").starts_with("line 2: a quote is opened"));
    CHECK(error_of("anonymous_id,user_id\n\"a\"b,u\n").starts_with("line 2: text follows"));
  }
}
