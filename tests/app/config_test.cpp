// SPDX-License-Identifier: MIT
#include "idmerge/app/config.hpp"

#include <doctest/doctest.h>

using namespace idmerge;

namespace {

std::string error_of(std::string_view text) {
  const auto lines = parse_config(text);
  return lines ? "no error" : lines.error().what;
}

}  // namespace

TEST_SUITE("app/config") {
  TEST_CASE("strings, numbers, switches and lists are read") {
    const auto lines = parse_config(
        "# night job\r\n"
        "rate = \"500/s\"  # polite\n"
        "\n"
        "connections=16\n"
        "no-collapse = true\n"
        "allow = [\"ragged\", 'lazy-quotes',]\n"
        "null-word = 'a # b \\n'\n"
        "delimiter = \"\\t\"");
    REQUIRE(lines);
    CHECK(*lines == std::vector<ConfigLine>{{"rate", {"500/s"}, 2},
                                            {"connections", {"16"}, 4},
                                            {"no-collapse", {"true"}, 5},
                                            {"allow", {"ragged", "lazy-quotes"}, 6},
                                            {"null-word", {"a # b \\n"}, 7},
                                            {"delimiter", {"\t"}, 8}});
    CHECK(parse_config("")->empty());
    CHECK(parse_config("\xef\xbb\xbf"
                       "a = []")
              ->at(0)
              .values.empty());
  }

  TEST_CASE("nothing that is not understood is read over") {
    CHECK(error_of("rate = 500/s") ==
          "line 1: rate: the value cannot be read: write a string in quotes, a whole number, true "
          "or false");
    for (const auto* text : {"a = \"open", "a = 'open", "a = \"x\" y", "a = [1 2]", "a = [1",
                             "a =", "a = 1.5", "a = yes", "a = +5", "a = +", "a = -",
                             "a = \"\\u0041\"", "a = \"\\", "a = \"\"\"x\"\"\""}) {
      CAPTURE(text);
      CHECK(error_of(text).starts_with("line 1: a: the value cannot be read"));
    }
    CHECK(error_of("\nrate \"500/s\"") ==
          "line 2: not a setting: write for example rate = \"500/s\"");
    CHECK(error_of("MIXPANEL_SECRET: hunter2").find("hunter2") == std::string::npos);
    CHECK(error_of("[run]\nrate = 1") ==
          "line 1: tables are not used here: write the keys without one");
    CHECK(error_of("a = 1\nb = 2\na = 3") == "line 3: a: is set on line 1 too: keep one");
  }
}
