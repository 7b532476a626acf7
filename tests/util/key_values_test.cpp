// SPDX-License-Identifier: MIT
#include "util/key_values.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::util;

TEST_SUITE("util/key_values") {
  TEST_CASE("what is written is read again, byte for byte") {
    KeyValues values{{"rate", "500/s"}, {"path", "a = b \\ c\n\x7f\x01 \xff"}, {"empty", ""}};
    values.set("rate", "30req/s");
    CHECK(values.text() == "rate = 30req/s\npath = a = b \\x5c c\\x0a\\x7f\\x01 \xff\nempty = \n");
    const auto read = KeyValues::parse(values.text());
    REQUIRE(read);
    CHECK(*read == values);
    CHECK(read->text() == values.text());
    CHECK(read->get("path") == "a = b \\ c\n\x7f\x01 \xff");
    CHECK(read->find("rates") == nullptr);
    CHECK(read->get("rates", "none") == "none");
  }

  TEST_CASE("every byte is a value") {
    for (int i = 0; i < 256; ++i) {
      const KeyValues values{{"v", std::string(1, static_cast<char>(i))}};
      const auto read = KeyValues::parse(values.text());
      REQUIRE(read);
      CHECK(*read == values);
    }
  }

  TEST_CASE("what would not be written like that is refused, with its line") {
    for (const std::string text :
         {"a", "a = b", "a=b\n", "a = b\na = c\n", "A = b\n", " = b\n", "a = \\x41\n", "a = \\n\n",
          "a = \\x0\n", "a = \\x0A\n", "a = \x01\n", "\n", "a = b\n\n"}) {
      CAPTURE(text);
      const auto read = KeyValues::parse(text);
      REQUIRE_FALSE(read);
      CHECK(read.error().code == Errc::input);
      CHECK(read.error().what.substr(0, 5) == "line ");
    }
  }

  TEST_CASE("a number has one spelling") {
    std::uint64_t number = 0;
    CHECK(parse_number("0", number));
    CHECK(parse_number("18446744073709551615", number));
    CHECK(number == UINT64_MAX);
    for (const auto* text :
         {"", "00", "01", "-1", "+1", " 1", "1 ", "0x1", "1.0", "18446744073709551616"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_number(text, number));
    }
  }
}
