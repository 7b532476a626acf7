// SPDX-License-Identifier: MIT
#include "input/csv_scan.hpp"

#include <random>
#include <string>

#include <doctest/doctest.h>

#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::input;

namespace {

/// "3,7; 9;" : the ends of each row's fields, and '!' if it stopped.
std::string found(std::string_view bytes, char delimiter = ',') {
  Separators separators;
  find_separators(bytes, delimiter, separators);
  std::string text;
  std::size_t at = 0;
  for (std::size_t r = 0; r < separators.row_count; ++r) {
    for (; at < separators.rows[r]; ++at)
      text += std::to_string(separators.ends[at]) + ",";
    text.back() = ';';
  }
  return text + (separators.stopped ? "!" : "");
}

}  // namespace

TEST_SUITE("input/csv_scan") {
  TEST_CASE("fields end at delimiters and line ends outside quotes") {
    CHECK(found("a,b\nc\n") == "1,3;5;");
    CHECK(found("a,\"b,\n\"\"c\"\r\nd\n") == "1,11;13;");
    CHECK(found("a\tb\n", '\t') == "1,3;");
    CHECK(found("\n\n") == "0;1;");
    CHECK(found("") == "");
    CHECK(found("a,b") == "");
  }

  TEST_CASE("it stops at the first quote or carriage return that is out of place") {
    CHECK(found("a,b\nc\"d\ne\n") == "1,3;!");
    CHECK(found("a,b\n\"c\"d\n") == "1,3;!");
    CHECK(found("a,b\nc\rd\n") == "1,3;!");
    CHECK(found("a,b\n\"c\"\rd\n") == "1,3;!");
    CHECK(found("a,b\n\"c") == "1,3;");
    CHECK(found("a,b\n\"c\"") == "1,3;");
    CHECK(found("a,b\n\"c\"\r") == "1,3;");
  }

  TEST_CASE("what is carried from one 64 bytes to the next is the same at every distance") {
    for (const std::string row : {"\"x\",y\n", "\"x\"\"\",\"\"\n", "\"\n\",y\r\n", "\"x\"\r\n",
                                  "\"x\" \n", "x\"\n", "x\ry\n", "\"x\"\ry\n"}) {
      const auto alone = found(row);
      for (std::size_t before = 1; before < 140; ++before) {
        CAPTURE(row);
        CAPTURE(before);
        const std::string bytes = std::string(before, 'a') + "\n" + row;
        CHECK((found(bytes).find('!') == std::string::npos) ==
              (alone.find('!') == std::string::npos));
      }
    }
  }

  TEST_CASE("vector instructions find what plain code finds") {
    std::mt19937_64 random(idmerge::testing::seed());
    const std::string alphabet = "aaa,,\"\"\n\r";
    for (int round = 0; round < 5000; ++round) {
      std::string bytes;
      const auto size = random() % 300;
      const bool valid = random() % 2 == 0;
      while (bytes.size() < size) {
        if (valid) {
          const std::string pieces[] = {"a,", "\"a\"\"\n\",", "b\r\n", "\"\"\n", "cc,"};
          bytes += pieces[random() % 5];
        } else {
          bytes += alphabet[random() % alphabet.size()];
        }
      }
      CAPTURE(bytes);
      Separators one;
      Separators two;
      find_separators(bytes, ',', one);
      find_separators_portably(bytes, ',', two);
      REQUIRE(one.end_count == two.end_count);
      REQUIRE(one.row_count == two.row_count);
      CHECK(one.stopped == two.stopped);
      CHECK(one.doubled == two.doubled);
      CHECK(one.spanning == two.spanning);
      for (std::size_t i = 0; i < one.end_count; ++i)
        CHECK(one.ends[i] == two.ends[i]);
      for (std::size_t i = 0; i < one.row_count; ++i)
        CHECK(one.rows[i] == two.rows[i]);
    }
  }
}
