// SPDX-License-Identifier: MIT
#include "input/json_line.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/structure.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::testing;

// The grammar as a whole is tested in ndjson_test.cpp and by its fuzzer; here, what is looked for.
TEST_SUITE("input/json_line") {
  TEST_CASE("tokens are found at their pointers, rivals at the top level") {
    JsonLine reader({{"u"}, {"p", "a"}, {"l", "1"}}, std::nullopt, {"user"});
    const std::string line = R"({"p":{"u":1,"a":"x"},"l":[true,-5,[]],"u":null,"user":{"user":2}})";
    const auto end = static_cast<std::uint32_t>(line.size());
    const auto at = structure(line);
    CHECK(reader.read(line.data(), 0, end, at.data(), false) == Fault::none);
    CHECK(reader.token(0).kind == JsonToken::Kind::null);
    CHECK(reader.token(1).kind == JsonToken::Kind::string);
    CHECK(line.substr(reader.token(1).start, reader.token(1).end - reader.token(1).start) ==
          "\"x\"");
    CHECK(reader.token(2).kind == JsonToken::Kind::integer);
    CHECK(reader.rival() == 0U);
    CHECK(*reader.next_structural() == end);
  }

  TEST_CASE("a line with a fault, a rival or an array of ids leaves no shape behind") {
    for (const std::string line :
         {R"({"u":1,"u":2})", R"({"u":1,"user":2})", R"({"u":1,"$distinct_ids":["a","b"]})"}) {
      CAPTURE(line);
      JsonLine reader({{"u"}, {"$distinct_ids"}}, 1, {"user"});
      const auto at = structure(line);
      const auto end = static_cast<std::uint32_t>(line.size());
      reader.read(line.data(), 0, end, at.data(), false);
      const auto* behind = at.data();
      CHECK(reader.match({line.data(), end, false}, behind) == 0);
    }
    JsonLine reader({{"u"}, {"$distinct_ids"}}, 1, {"user"});
    const std::string line = R"({"u":1,"v":2})";
    const auto at = structure(line);
    const auto end = static_cast<std::uint32_t>(line.size());
    reader.read(line.data(), 0, end, at.data(), false);
    const auto* behind = at.data();
    CHECK(reader.match({line.data(), end, false}, behind) == end);
    CHECK(reader.token(0).kind == JsonToken::Kind::integer);
    CHECK(reader.token(1).kind == JsonToken::Kind::absent);
  }
}
