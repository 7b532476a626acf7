// SPDX-License-Identifier: MIT
#include "cli/config.hpp"

#include <utility>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::cli;

namespace {

using Values = std::vector<std::string>;

std::string error_of(std::string_view text) {
  const auto lines = parse_config(text);
  return lines ? "no error" : lines.error().what;
}

/// The values of the only setting in `text`.
Values values_of(std::string_view text) {
  const auto lines = parse_config(text);
  REQUIRE_MESSAGE(lines, lines);
  REQUIRE(lines->size() == 1);
  return lines->at(0).values;
}

}  // namespace

TEST_SUITE("cli/config") {
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
          "1:11: rate: the value cannot be read: write a string in quotes, a whole number, true or "
          "false");
    for (const auto* text : {"a = \"open", "a = 'open", "a = \"x\" y",     "a = [1 2]",
                             "a = [1",     "a =",       "a = yes",         "a = +",
                             "a = -",      "a = \"\\",  "a = 'it''s'",     "a = \"\"\"x\"\"",
                             "a = \n1",    "a = [,]",   "a = [1,,2]",      "a = {b = 1,}",
                             "a = True",   "a = 1 2",   "a = \"\\ud800\"", "a = \"\\U00110000\""}) {
      CAPTURE(text);
      const auto error = error_of(text);
      CHECK(error.starts_with("1:"));
      CHECK(error.find(": a: the value cannot be read") != std::string::npos);
      CHECK(error.ends_with(": write a string in quotes, a whole number, true or false"));
    }
    CHECK(error_of("\nrate \"500/s\"") == "2:6: not a setting: write for example rate = \"500/s\"");
    CHECK(error_of("rate") == "1:5: not a setting: write for example rate = \"500/s\"");
    CHECK(error_of("= 5") == "1:1: not a setting: write for example rate = \"500/s\"");
    CHECK(error_of("a = 1\nb = 2\na = 3") == "3:1: a: is set on line 1 too: keep one");
    CHECK(error_of("a = 1\n  \"a\" = 3") == "2:3: a: is set on line 1 too: keep one");
  }

  TEST_CASE("an error has its reason, and columns are characters") {
    CHECK(error_of("a = [\"é\", 'é' 7]") ==
          "1:15: a: the value cannot be read (expected comma or closing ']'): write a string in "
          "quotes, a whole number, true or false");
    CHECK(error_of("a = \"\\q\"") ==
          "1:7: a: the value cannot be read (unknown escape sequence '\\q'): write a string in "
          "quotes, a whole number, true or false");
    CHECK(error_of("b = 1\na = [\n  'x',\nrate = 5\n") ==
          "4:1: a: the value that begins on line 2 cannot be read: write a string in quotes, a "
          "whole number, true or false");
    CHECK(error_of("a = \"\"\"\nb = 1\n") ==
          "2:7: a: the value that begins on line 1 cannot be read (the file ends within it): write "
          "a string in quotes, a whole number, true or false");
    CHECK(error_of("a = 0077").find("(leading zeroes are prohibited)") != std::string::npos);
    CHECK(error_of("a = 9223372036854775808").find("more than 64 bits") != std::string::npos);
    CHECK(error_of("# \x1b").starts_with("1:3: not a setting (control characters"));
    CHECK(error_of("a = 'x'\nb = \"\xc3\xa9\xe9\"") ==
          "2:7: the byte 0xe9 is not UTF-8: save the file as UTF-8");
  }

  TEST_CASE("a string that is left open far above is still an error") {
    std::string text = "a = '''\n";
    for (int i = 0; i < 1000; ++i)
      text += "b = 1\n";
    CHECK(error_of(text) ==
          "1001:7: cannot be read (the file ends within it): close the string or the array that "
          "begins before this line");
  }

  TEST_CASE("no error repeats a value, which may be a secret") {
    for (const auto* text :
         {"MIXPANEL_SECRET: hunter22", "a = hunter22", "a = 'x' hunter22", "a = [1, hunter22]",
          "a = {hunter22 = 1, hunter22 = 2}", "a = 9922222222222222222222", "a = 1e99222",
          "a = \"hunter22\\u0000\"", "hunter22", "a = [[\"hunter22\"]]", "a.b = 'hunter22'",
          "[hunter22]", "a = 1922-22-99"}) {
      CAPTURE(text);
      CHECK(error_of(text) != "no error");
      CHECK(error_of(text).find("22:") == std::string::npos);
      CHECK(error_of(text).find("22'") == std::string::npos);
      CHECK(error_of(text).find("hunter") == std::string::npos);
      CHECK(error_of(text).find("99") == std::string::npos);
    }
  }

  TEST_CASE("strings of all four kinds") {
    CHECK(values_of("a = \"\\u00df\\U0001f511\\b\\f\\r\\\"\"") ==
          Values{"ß\xf0\x9f\x94\x91\b\f\r\""});
    CHECK(values_of("a = 'C:\\new\\\"x\"'") == Values{"C:\\new\\\"x\""});
    CHECK(values_of("a = \"\"\"\n08:00,20/s \\\n\n   19:00,9/s\"\"\"") ==
          Values{"08:00,20/s 19:00,9/s"});
    CHECK(values_of("a = '''\n'one'\n# two'''") == Values{"'one'\n# two"});
    CHECK(values_of("a = \"\"\"\"q\"\"\"\"") == Values{"\"q\""});
    CHECK(values_of("a = \"# no comment\" # a comment") == Values{"# no comment"});
    CHECK(values_of("a = ''") == Values{""});
    CHECK(error_of("a = \"x\\u0000y\"") == "1:5: a: the value has a NUL character: remove it");
  }

  TEST_CASE("letters beyond ASCII stand in strings and comments only") {
    // toml++ divides the characters into 64 parts; these are of those that it looks at closely.
    for (const std::string text :
         {"é", "ж", "\u1790", "\u200c", "か", "\ufb2a", "\ufe0f", "\ufefe"}) {
      CAPTURE(text);
      CHECK(values_of("a = '" + text + "' # " + text) == Values{text});
      CHECK(values_of("a = \"\"\"x\\\n " + text + "\"\"\"") == Values{"x" + text});
      for (const auto& wrong : {text, text + " = 1", "a" + text + " = 1", "a " + text + " = 1"}) {
        CHECK(error_of(wrong).find("not a setting") != std::string::npos);
      }
      for (const auto& wrong :
           {"a = " + text, "a = 5" + text, "a = 'x' " + text, "a = [1 " + text, "a = true" + text,
            "a = 1999-12-31" + text, "a = \"\"\"\\" + text + "\"\"\""}) {
        CHECK(error_of(wrong).find("a: the value cannot be read") != std::string::npos);
      }
    }
  }

  TEST_CASE("an array may have lines, comments and a last comma") {
    const auto lines = parse_config(
        "null-word = [ # words\n"
        "  \"nil\",\n"
        "\n"
        "  'n/a' # another\n"
        "  , true, 3_0,]\n"
        "last-row = 'take'\n");
    REQUIRE(lines);
    CHECK(*lines == std::vector<ConfigLine>{{"null-word", {"nil", "n/a", "true", "30"}, 1, "3_0"},
                                            {"last-row", {"take"}, 6}});
    CHECK(error_of("a = [1, [2]]") ==
          "1:9: a: an array within an array is not used here: write one array");
    CHECK(error_of("a = [[[[[[[[[[[[[[1").find("depth of 8)") != std::string::npos);
  }

  TEST_CASE("a number is its text, and says when it was spelled in another way") {
    using Pair = std::pair<std::string, std::string>;
    for (const auto* text :
         {"7", "-12", "-0", "2.50", "6e3", "-0.5E-2", "inf", "nan", "9223372036854775807"}) {
      CAPTURE(text);
      const auto lines = parse_config(std::string("a = ") + text + "# x");
      REQUIRE(lines);
      CHECK(lines->at(0).values == Values{text});
      CHECK(lines->at(0).respelled.empty());
    }
    for (const auto& number :
         {Pair{"+99", "99"}, Pair{"1_000_000", "1000000"}, Pair{"0xDead_beef", "3735928559"},
          Pair{"0o755", "493"}, Pair{"0b1101", "13"}, Pair{"+2.5", "2.5"}, Pair{"9_1.2_5", "91.25"},
          Pair{"5e+2_2", "5e+22"}, Pair{"+inf", "inf"}}) {
      CAPTURE(number.first);
      const auto lines = parse_config("a = [\"ü\", " + number.first + "]");
      REQUIRE(lines);
      CHECK(lines->at(0).values == Values{"ü", number.second});
      CHECK(lines->at(0).respelled == number.first);
    }
    for (const auto* text :
         {"00", "-01", "_7", "7_", "7__0", "1.", ".5", "1.e2", "0x", "-0x1", "0XFF", "1e", "0b2",
          "0o8", "++1", "infinity", "-9223372036854775809", "0xffffffffffffffff"}) {
      CAPTURE(text);
      CHECK(error_of(std::string("a = ") + text).find(": a: the value cannot be read") !=
            std::string::npos);
    }
  }

  TEST_CASE("dates, times and tables are refused") {
    for (const auto* text : {"1999-12-31", "23:59:59", "23:59:59.5", "1999-12-31T23:59:59",
                             "1999-12-31 23:59:59Z", "1999-12-31T23:59:59.25+01:00"}) {
      CAPTURE(text);
      CHECK(error_of(std::string("a = ") + text) ==
            "1:5: a: dates and times are not used here: write a string in quotes");
    }
    using Pair = std::pair<const char*, std::string>;
    for (const auto& table :
         {Pair{"[run]\nrate = 1", "1:1"}, Pair{"x = 1\n[run]", "2:1"}, Pair{"[a.b]", "1:1"},
          Pair{"[[a]]\nb = 1", "1:1"}, Pair{"a.b = 1", "1:1"}, Pair{"a . 'b' = 1", "1:1"},
          Pair{"a = {b = 1}", "1:5"}, Pair{"a = {}", "1:5"}, Pair{"a = [{}]", "1:6"},
          Pair{"[run\nb = 1", "1:1"}, Pair{"[&", "1:1"}, Pair{"[ =9]", "1:1"},
          Pair{"[[\n]]", "1:1"}, Pair{"[a.&]", "1:1"}, Pair{"[a]\n[a]", "1:1"},
          Pair{"[a]\nb = oops", "1:1"}, Pair{"a = 1\na.b = 2", "2:1"}}) {
      CAPTURE(table.first);
      CHECK(error_of(table.first) ==
            table.second + ": tables are not used here: write the keys without one");
    }
    CHECK(values_of("\"max-held\" = 3") == Values{"3"});
  }

  TEST_CASE("settings are in the order of the file, and the first mistake is named") {
    const auto lines = parse_config("z = 1\na = 2\nm = 3");
    REQUIRE(lines);
    CHECK(*lines == std::vector<ConfigLine>{{"z", {"1"}, 1}, {"a", {"2"}, 2}, {"m", {"3"}, 3}});
    CHECK(error_of("z = 12:00:00\na = {}").starts_with("1:5: z: dates"));
    CHECK(error_of("z = {}\na = oops").starts_with("1:5: tables"));
  }

  TEST_CASE("keys are not nested beyond what the stack holds") {
    const auto nested = [](std::size_t points) {
      std::string text = "#.....\n  # ..\nx";
      for (std::size_t i = 0; i < points; ++i)
        text += ".x";
      return text + " = 1";
    };
    CHECK(error_of(nested(1000)) == "3:1: tables are not used here: write the keys without one");
    CHECK(error_of(nested(1001)).starts_with("3:2002: more than 1000 points"));
  }
}
