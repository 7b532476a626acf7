// SPDX-License-Identifier: MIT
#include "input/formats.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::input;

namespace {

Format format_of(std::string_view bytes, RowReaderOptions options = {}) {
  const auto layout = examine({.bytes = bytes, .whole = true, .path = "x"}, options);
  REQUIRE_MESSAGE(layout.has_value(), layout.error().what);
  return layout->format;
}

std::string error_of(std::string_view bytes, RowReaderOptions options = {}) {
  const auto layout = examine({.bytes = bytes, .whole = true, .path = "x"}, options);
  REQUIRE(layout.has_error());
  return layout.error().what;
}

}  // namespace

TEST_SUITE("input/formats") {
  TEST_CASE("formats have the names that options and plans give them") {
    CHECK(format_names() == std::vector<std::string_view>{"auto", "csv", "tsv", "ndjson"});
    for (const auto text : format_names()) {
      const auto format = parse_format(text);
      REQUIRE(format);
      CHECK(name(*format) == text);
    }
    CHECK(!parse_format(""));
    CHECK(!parse_format("CSV"));
    CHECK(!parse_format("jsonl"));
  }

  TEST_CASE("a file is in the format that its first character shows, or in the one that is given") {
    CHECK(format_of("anon_id,user_id\na,b\n") == Format::csv);
    CHECK(format_of("\xEF\xBB\xBF \n{\"anon_id\":\"a\",\"user_id\":\"b\"}\n") == Format::ndjson);
    CHECK(format_of("anon_id\tuser_id\na\tb\n", {.format = Format::tsv}) == Format::tsv);
    CHECK(format_of("") == Format::csv);
    CHECK(error_of("[{\"anon_id\":1}]").find("one JSON array") != std::string::npos);
    CHECK(error_of("anon_id,user_id\n", {.format = Format::ndjson}).find("not a JSON object") !=
          std::string::npos);
  }

  TEST_CASE("what is no text is refused with a remedy, whatever the format") {
    for (const auto format : {Format::automatic, Format::csv, Format::tsv, Format::ndjson}) {
      CHECK(error_of("PAR1\1\2", {.format = format}).find("Parquet") != std::string::npos);
      CHECK(error_of("\xff\xfe{\0", {.format = format}).find("UTF-16") != std::string::npos);
    }
  }

  TEST_CASE("a format without a header takes no --no-header") {
    CHECK(check_format({.format = Format::automatic, .no_header = true}));
    CHECK(check_format({.format = Format::csv, .no_header = true}));
    CHECK(check_format({.format = Format::ndjson}));
    const auto refused = check_format({.format = Format::ndjson, .no_header = true});
    REQUIRE(refused.has_error());
    CHECK(refused.error().what == "--no-header: NDJSON has no header: leave it out");
    CHECK(error_of("{\"anon_id\":\"a\",\"user_id\":\"b\"}\n", {.no_header = true}) ==
          refused.error().what);
  }

  TEST_CASE("backslashes may be escapes where databases write them") {
    CHECK_FALSE(may_have_escapes({}));
    CHECK_FALSE(may_have_escapes({.format = Format::csv}));
    CHECK_FALSE(may_have_escapes({.format = Format::csv, .delimiter = ';'}));
    CHECK(may_have_escapes({.format = Format::tsv}));
    CHECK(may_have_escapes({.delimiter = '\t'}));
    CHECK(may_have_escapes({.format = Format::csv, .delimiter = '\x01'}));
  }
}
