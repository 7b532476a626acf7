// SPDX-License-Identifier: MIT
#include "input/json_shape.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/structure.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::testing;

namespace {

/// A shape with the value of key "u" as its only token.
struct Learned {
  explicit Learned(const std::string& line) {
    std::vector<JsonToken> tokens(1);
    const auto at = structure(line);
    tokens[0].start = static_cast<std::uint32_t>(line.find("\"u\"") + 3);
    while (line[tokens[0].start] == ':' || line[tokens[0].start] == ' ')
      ++tokens[0].start;
    tokens[0].kind = JsonToken::Kind::string;
    const bool escapes = line.find('\\') != std::string::npos;
    shape.learn({line.data(), static_cast<std::uint32_t>(line.size()), escapes}, at.data(), tokens);
  }

  /// What stands for "u" in a text, or "no" if its first object has another shape.
  std::string match(const std::string& text) {
    std::vector<JsonToken> tokens(1);
    const auto at = structure(text);
    const auto* behind = at.data();
    const bool escapes = text.find('\\') != std::string::npos;
    const auto stop = shape.match({text.data(), static_cast<std::uint32_t>(text.size()), escapes},
                                  behind, tokens);
    if (stop == 0) {
      CHECK(behind == at.data());
      return "no";
    }
    CHECK(text[stop - 1] == '}');
    CHECK(*behind >= stop);
    return text.substr(tokens[0].start, tokens[0].end - tokens[0].start);
  }

  JsonShape shape;
};

}  // namespace

TEST_SUITE("input/json_shape") {
  TEST_CASE("a line of the same keys and brackets matches, whatever its values") {
    Learned one(R"({"a":"x","u":"y","n":{"k":[1,true]}})");
    CHECK(one.match(R"({"a":"x","u":"y","n":{"k":[1,true]}})") == "\"y\"");
    CHECK(one.match(R"({"a":"","u":17,"n":{"k":["{}[]:,",null]}})") == "17");
    CHECK(one.match(R"({"a":-0.5,"u":null,"n":{"k":[false,2e9]}}   )") == "null");
    CHECK(one.match(R"({"a":"x" ,"u":"y"  ,"n":{"k":[1,true]}})") == "\"y\"");
    CHECK(one.match(R"({"a":"\"","u":"\u0041","n":{"k":[1,true]}})") == "\"\\u0041\"");
    CHECK(one.match("{\"a\":1,\"u\":2,\"n\":{\"k\":[3,4]}}\n{\"a\":1}") == "2");
    Learned spaced(R"({ "a" : "x", "u" : "y" })");
    CHECK(spaced.match(R"({ "a" : "x", "u" : "z" })") == "\"z\"");
    CHECK(spaced.match(R"({ "a": "x", "u": "z" })") == "no");
  }

  TEST_CASE("whatever differs elsewhere is left to the reader that knows the grammar") {
    Learned one(R"({"a":"x","u":"y"})");
    for (const auto* line : {R"({"b":"x","u":"y"})",
                             R"({"a":"x","u":"y","c":1})",
                             R"({"a":"x"})",
                             R"({"a":"x","u":})",
                             R"({"a":"x","u":"y")",
                             R"({"a":"x","u")",
                             R"({"a":"x","u":{"y":1}})",
                             R"({"a":["x"],"u":"y"})",
                             R"({"a":"x" "u":"y"})",
                             R"(["a":"x","u":"y"})",
                             R"({"a":tru,"u":"y"})",
                             R"({"a":01,"u":"y"})",
                             R"({"a":"\x","u":"y"})",
                             R"({"a":"x","u":"y"])",
                             R"({"a":"x","u":,})",
                             R"({"a":1 2,"u":"y"})",
                             R"({)",
                             R"({"a")",
                             "{\"a\":\"x\"\n,\"u\":\"y\"}",
                             "{\"a\":\"x\",\"u\":\"y\"\n}",
                             "{\"a\":1\n,\"u\":2}",
                             "{\"a\":1,\"u\":2\r\n}",
                             "{\"a\":\n1,\"u\":2}"}) {
      CAPTURE(line);
      CHECK(one.match(line) == "no");
    }
  }

  TEST_CASE("keys with escapes and values that are no leaves have no shape") {
    CHECK(Learned(R"({"\u0061":"x","u":"y"})").match(R"({"\u0061":"x","u":"y"})") == "no");
    CHECK(Learned(R"({"a":"x","u":["y"]})").match(R"({"a":"x","u":["y"]})") == "no");
    std::string wide = "{\"u\":\"y\"";
    for (std::size_t i = 1; i < JsonShape::leaves_max; ++i)
      wide += ",\"k\":0";
    CHECK(Learned(wide + "}").match(wide + "}") == "\"y\"");
    CHECK(Learned(wide + ",\"k\":0}").match(wide + ",\"k\":0}") == "no");
  }

  TEST_CASE("a shape that fits no more gives way to one that does") {
    Learned one(R"({"a":"x","u":"y"})");
    const std::string other = R"({"u":"y","b":1})";
    for (int i = 0; i < 10; ++i) {
      const auto at = structure(other);
      std::vector<JsonToken> tokens(1);
      tokens[0] = {JsonToken::Kind::string, false, 5, 8};
      if (one.match(other) != "no") break;
      one.shape.learn({other.data(), static_cast<std::uint32_t>(other.size()), false}, at.data(),
                      tokens);
    }
    CHECK(one.match(other) == "\"y\"");
    CHECK(one.match(R"({"a":"x","u":"y"})") == "no");
  }
}
