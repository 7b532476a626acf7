// SPDX-License-Identifier: MIT
#include "emulator/openapi.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::emulator;
using namespace idmerge::input;

namespace {

std::string reason(Op op, std::string_view body, std::string_view token = {}) {
  Claim claim;
  return read_claim(op, body, token, claim);
}

}  // namespace

TEST_SUITE("emulator/openapi") {
  TEST_CASE("the three bodies of the OpenAPI are understood, whatever the order of their fields") {
    Claim claim;
    CHECK(read_claim(Op::create, R"({"$identified_id":"u","$anon_id":"a","$token":"t"})", "t",
                     claim) == "");
    CHECK(claim.first == "a");
    CHECK(claim.second == "u");
    CHECK(read_claim(Op::alias, R"( {"$token":"t","distinct_id":"d","alias":"new"} )", "", claim) ==
          "");
    CHECK(claim.first == "new");
    CHECK(claim.second == "d");
    CHECK(read_claim(Op::merge, R"({"$distinct_ids":["x","y"],"$token":"t"})", "", claim) == "");
    CHECK(claim.first == "x");
    CHECK(claim.second == "y");
  }

  TEST_CASE("escapes are resolved, and ids stay the bytes that they are") {
    Claim claim;
    CHECK(read_claim(Op::create,
                     R"({"$anon_id":"\u00e9\ud83d\ude00\"\\\/\n","$identified_id":" U ",)"
                     R"("$token":"t","more":{"is":["allowed"]}})",
                     "", claim) == "");
    CHECK(claim.first == "\xc3\xa9\xf0\x9f\x98\x80\"\\/\n");
    CHECK(claim.second == " U ");
  }

  TEST_CASE("a field that is missing, of another type, empty or too long is named") {
    CHECK(reason(Op::create, R"({"$identified_id":"u","$token":"t"})") == "$anon_id: is missing");
    CHECK(reason(Op::create, R"({"$anon_id":"a","$token":"t"})") == "$identified_id: is missing");
    CHECK(reason(Op::create, R"({"$anon_id":"a","$identified_id":"u"})") == "$token: is missing");
    CHECK(reason(Op::create, R"({"$anon_id":7,"$identified_id":"u","$token":"t"})") ==
          "$anon_id: must be a string, not a number");
    CHECK(reason(Op::create, R"({"$anon_id":"a","$identified_id":null,"$token":"t"})") ==
          "$identified_id: must be a string, not null");
    CHECK(reason(Op::create, R"({"$anon_id":"","$identified_id":"u","$token":"t"})") ==
          "$anon_id: must not be empty");
    CHECK(reason(Op::alias, R"({"$anon_id":"a","$identified_id":"u","$token":"t"})") ==
          "alias: is missing");
    const auto body = [](std::size_t bytes) {
      return R"({"$identified_id":"u","$token":"t","$anon_id":")" + std::string(bytes, 'x') + "\"}";
    };
    CHECK(reason(Op::create, body(255)) == "");
    CHECK(reason(Op::create, body(256)) == "$anon_id: longer than 255 bytes");
  }

  TEST_CASE("$distinct_ids are exactly two strings") {
    const auto of = [](std::string_view ids) {
      return reason(Op::merge, R"({"$token":"t","$distinct_ids":)" + std::string{ids} + "}");
    };
    CHECK(of(R"(["a","b"])") == "");
    CHECK(of(R"(["a"])") == "$distinct_ids: must have exactly 2 items, not 1");
    CHECK(of(R"(["a","b","c"])") == "$distinct_ids: must have exactly 2 items, not 3");
    CHECK(of(R"("ab")") == "$distinct_ids: must be an array, not a string");
    CHECK(of(R"(["a",2])") == "$distinct_ids[1]: must be a string, not a number");
    CHECK(of(R"(["","b"])") == "$distinct_ids[0]: must not be empty");
    CHECK(reason(Op::merge, R"({"$token":"t"})") == "$distinct_ids: is missing");
  }

  TEST_CASE("only the project's token will do, where there is one") {
    constexpr std::string_view body = R"({"$anon_id":"a","$identified_id":"u","$token":"t"})";
    CHECK(reason(Op::create, body) == "");
    CHECK(reason(Op::create, body, "t") == "");
    CHECK(reason(Op::create, body, "T") == "$token: is not the token of this project");
    CHECK(reason(Op::create, R"({"$anon_id":"a","$identified_id":"u","$token":""})") ==
          "$token: must not be empty");
  }

  TEST_CASE("what is not one JSON object is refused") {
    for (const std::string_view body :
         {"", " ", "{", "{}{}", "{'a':1}", R"({"$anon_id":"a",})", "\xef\xbb\xbf{}",
          "{\"$anon_id\":\"\xff\"}", R"({"$anon_id":"\ud800"})", "{\"$anon_id\":\"a\nb\"}",
          "$anon_id=a"}) {
      CAPTURE(body);
      CHECK(reason(Op::create, body).starts_with("body: is not JSON"));
    }
    CHECK(reason(Op::create, "[]") == "body: must be an object, not an array");
    CHECK(reason(Op::create, "null") == "body: must be an object, not null");
    CHECK(reason(Op::create, std::string(100'000, '[')).starts_with("body: is not JSON"));
  }
}
