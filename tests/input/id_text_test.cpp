// SPDX-License-Identifier: MIT
#include "input/id_text.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::input;

TEST_SUITE("input/id_text") {
  TEST_CASE("one prefix is taken off in a simplified project, and none elsewhere") {
    CHECK(wire_anon("$device:x", true) == "x");
    CHECK(wire_anon("$device:$device:x", true) == "$device:x");
    CHECK(wire_anon("$device:x", false) == "$device:x");
    CHECK(wire_anon("", true).empty());
    CHECK(has_device_prefix("$device:"));
    CHECK_FALSE(has_device_prefix("$device"));
  }

  TEST_CASE("blank is nothing but white space, of one, two or three bytes") {
    for (const auto* const blank : {"", " ", "\t\r\n", "\xC2\xA0", " \xE2\x80\x8B\xE3\x80\x80"}) {
      CAPTURE(blank);
      CHECK(is_blank(blank));
    }
    for (const auto* const id : {"x", " x", "x ", "\xC2\xA1", "\xE2\x80\xA0", "\xC2"}) {
      CAPTURE(id);
      CHECK_FALSE(is_blank(id));
    }
    CHECK(leading_space("\xE2\x80\xAFx") == 3);
    CHECK(leading_space("x ") == 0);
  }

  TEST_CASE("the first byte that no id may have is found where it stands") {
    CHECK(find_bad_utf8("日本") == std::string_view::npos);
    CHECK(find_bad_utf8("ab\xC0\xAF") == 2);        // overlong
    CHECK(find_bad_utf8("a\xED\xA0\x80") == 1);     // surrogate
    CHECK(find_bad_utf8("\xF4\x90\x80\x80") == 0);  // over U+10FFFF
    CHECK(find_bad_utf8("ab\xE6\x97") == 2);        // cut
    CHECK(find_control("a b") == std::string_view::npos);
    CHECK(find_control("ab\x7F") == 2);
    CHECK(find_control("a\xC2\x85") == 1);      // C1
    CHECK(find_control("a\xE2\x80\xA8") == 1);  // line separator
  }
}
