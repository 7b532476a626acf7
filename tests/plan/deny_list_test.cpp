// SPDX-License-Identifier: MIT
#include "plan/deny_list.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::plan;

namespace {

std::string error_of(std::string_view text) {
  const auto list = DenyList::parse(text);
  REQUIRE_FALSE(list);
  CHECK(list.error().code == Errc::usage);
  return list.error().what;
}

}  // namespace

TEST_SUITE("plan/deny_list") {
  TEST_CASE("ids are denied byte for byte, expressions anywhere in an id") {
    const auto list = DenyList::parse(
        "\xEF\xBB\xBFqa-1\r\n\n/@test\\.example\\.com$/\n/(?i)^kiosk-/\n#7\n/\xC3\xA4/");
    REQUIRE_MESSAGE(list, list);
    CHECK(list->size() == 5);
    for (const auto* id : {"qa-1", "x@test.example.com", "KIOSK-9", "#7", "b\xC3\xA4r"}) {
      CAPTURE(id);
      CHECK(list->denies(id));
    }
    for (const auto* id : {"qa-11", "QA-1", "qa-1\r", "x@test.example.com.org", "a-kiosk-9", "7",
                           "x@testXexample.com"}) {
      CAPTURE(id);
      CHECK_FALSE(list->denies(id));
    }
  }

  TEST_CASE("an empty list denies nothing") {
    const auto list = DenyList::parse("\n\r\n");
    REQUIRE(list);
    CHECK(list->size() == 0);
    CHECK_FALSE(list->denies("a"));
  }

  TEST_CASE("what cannot match as it is meant is an error with its line") {
    CHECK(error_of("a\n/(b/\n").starts_with("line 2: is not a regular expression: missing )"));
    CHECK(error_of("/x/i").starts_with("line 1: begins with a slash"));
    CHECK(error_of("/").starts_with("line 1: begins with a slash"));
    CHECK(error_of("a\n\n\"b\"").starts_with("line 3: is in quotes"));
    CHECK(error_of("a \n").starts_with("line 1: begins or ends with white space"));
    CHECK(error_of("\xC2\xA0"
                   "a\n")
              .size() > 0);
    CHECK(error_of("a\tb\n").starts_with("line 1: contains a control character"));
    CHECK(error_of("\xFF\xFEq\n").starts_with("line 1: is not UTF-8"));
    CHECK(error_of("//").starts_with("line 1: matches the empty text"));
    CHECK(error_of("/a*/").starts_with("line 1: matches the empty text"));
    CHECK(error_of(std::string(256, 'a')).starts_with("line 1: is longer"));
    CHECK(error_of("/(?=a)/").starts_with("line 1: is not a regular expression"));
  }

  TEST_CASE("expressions that need more memory together than they may is an error") {
    std::string text;
    for (char c = 'a'; c <= 'f'; ++c)
      text += std::string("/") + c + "\\pL{400}/\n";
    CHECK(error_of(text).find("together are too large") != std::string::npos);
  }

  TEST_CASE("many wide expressions still find what they are for") {
    std::string text;
    for (int i = 0; i < 300; ++i)
      text += "/x" + std::to_string(i) + "[a-z]{1,30}[0-9]+end" + std::to_string(i) + "$/\n";
    const auto list = DenyList::parse(text);
    REQUIRE(list);
    CHECK(list->denies("--x7abcdef42end7"));
    CHECK(list->denies("x299q1end299"));
    CHECK_FALSE(list->denies("--x7abcdef42end8"));
  }

  TEST_CASE("expressions that are together are too large are refused before an id is asked for") {
    std::string text;
    for (char c = 'a'; c < 'a' + 8; ++c) {
      text += "/(?:" + std::string(500, c) + "){999}/\n";
      if (c == 'a') CHECK(DenyList::parse(text));
    }
    CHECK(error_of(text).find("together are too large") != std::string::npos);
  }
}
