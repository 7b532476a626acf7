// SPDX-License-Identifier: MIT
#include "input/ndjson_format.hpp"

#include <string>

#include <doctest/doctest.h>

#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::input;
using idmerge::testing::Scratch;

TEST_SUITE("input/ndjson_format") {
  TEST_CASE("JSON shows by the first character that is not blank") {
    CHECK(looks_like_json("{"));
    CHECK(looks_like_json(" \r\n\t[1]"));
    CHECK(looks_like_json("\xEF\xBB\xBF{"));
    CHECK_FALSE(looks_like_json(""));
    CHECK_FALSE(looks_like_json(" \n"));
    CHECK_FALSE(looks_like_json("a{"));
    CHECK_FALSE(looks_like_json("\"{\""));
  }

  TEST_CASE("the keys of the sides follow from the first rows") {
    const std::string row = "{\"x\":1,\"user_id\":\"u\",\"anon_id\":\"a\"}\n";
    const auto layout = examine_ndjson({.bytes = row, .whole = true}, {});
    REQUIRE(layout);
    CHECK(layout->format == Format::ndjson);
    CHECK(layout->start == 0);
    CHECK(layout->columns == 0);
    CHECK(layout->side_names == std::array<std::string, 2>{"anon_id", "user_id"});
    REQUIRE(layout->reader);
    CHECK(!layout->reader->seen_sides());
    RowBlock block;
    const std::string rows = row + "{\"user_id\":\"v\"}\n";
    CHECK(layout->reader->feed(rows, true, block).value() == rows.size());
    REQUIRE(block.rows.size() == 2);
    CHECK(block.rows[0].anon == "a");
    CHECK(layout->reader->line() == 0);
    const auto seen = layout->reader->seen_sides();
    REQUIRE(seen);
    CHECK((*seen)[0]);
    CHECK((*seen)[1]);
  }

  TEST_CASE("rows that are no objects show nothing, and a blank file has no reader") {
    const auto none = examine_ndjson({.bytes = "1\n2\n", .whole = true}, {});
    REQUIRE(none.has_error());
    CHECK(none.error().what.find("not a JSON object") != std::string::npos);
    CHECK(!examine_ndjson({.bytes = " \n", .whole = true}, {})->reader);
    CHECK(examine_ndjson({.bytes = " \n"}, {})->undecided);
    CHECK(examine_ndjson({.bytes = "{\"anon_id\""}, {})->undecided);
  }

  TEST_CASE("behind a first row that is too long the keys are looked for, but not in a pipe") {
    const Scratch scratch;
    const std::string row = "{\"anon_id\":\"a\",\"user_id\":\"" + std::string(200, 'u') + "\"}\n";
    const std::string bytes = row + "{\"anon_id\":\"b\",\"user_id\":\"v\"}\n";
    const auto path = scratch.write("x.ndjson", bytes);
    const RowReaderOptions options{.row_max = 64};
    const auto head = std::string_view(bytes).substr(0, 69);
    const auto layout = examine_ndjson({.bytes = head, .path = path}, options);
    REQUIRE_MESSAGE(layout.has_value(), layout.error().what);
    CHECK(layout->side_names == std::array<std::string, 2>{"anon_id", "user_id"});
    const auto piped = examine_ndjson({.bytes = head, .pipe = true, .path = path}, options);
    REQUIRE(piped.has_error());
    CHECK(piped.error().what.find("a pipe cannot be searched") != std::string::npos);
  }
}
