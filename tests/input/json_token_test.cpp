// SPDX-License-Identifier: MIT
#include "input/json_token.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::input;

TEST_SUITE("input/json_token") {
  TEST_CASE("escapes stand for what JSON says, beyond U+FFFF in pairs") {
    std::vector<char> out;
    out.reserve(100);
    CHECK(!decode_json_string(R"(a\"\\\/\b\f\n\r\t)", out));
    CHECK(std::string(out.begin(), out.end()) == "a\"\\/\b\f\n\r\t");
    out.clear();
    CHECK(!decode_json_string(R"(\u0041\u00e9\u20AC\ud83d\ude00\u0000)", out));
    CHECK(std::string(out.begin(), out.end()) ==
          std::string("A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\0", 11));
  }

  TEST_CASE("half of a surrogate pair is found where it stands") {
    std::vector<char> out;
    out.reserve(100);
    CHECK(decode_json_string(R"(ab\ud83d)", out) == 2);
    CHECK(decode_json_string(R"(ab\ud83dxx)", out) == 2);
    CHECK(decode_json_string(R"(\ud83d\u0041)", out) == 0);
    CHECK(decode_json_string(R"(a\ude00\ud83d)", out) == 1);
    CHECK(decode_json_string(R"(\ud83d\ud83d\ude00)", out) == 0);
  }
}
