// SPDX-License-Identifier: MIT
#include "util/utf8.hpp"

#include <random>
#include <string>

#include <doctest/doctest.h>
#include <simdjson.h>

#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::util;

TEST_SUITE("util/utf8") {
  TEST_CASE("every code point is read as it was written") {
    for (char32_t code = 0; code <= 0x10ffff; ++code) {
      std::string bytes;
      append_utf8(code, bytes);
      const auto read = read_utf8(bytes + "x");
      const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
      if (read.bytes != (is_surrogate ? 0 : bytes.size()) || (!is_surrogate && read.code != code)) {
        FAIL("code point " << static_cast<unsigned>(code));
      }
    }
    CHECK(read_utf8("").bytes == 0);
  }

  TEST_CASE("simdjson takes the same bytes for UTF-8") {
    std::mt19937_64 random(testing::seed());
    const std::string alphabet =
        "a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee"
        "\xef\xf0\xf1\xf3\xf4\xf5\xff";
    for (int round = 0; round < 200'000; ++round) {
      std::string bytes;
      for (auto n = 1 + random() % 5; n > 0; --n)
        bytes += alphabet[random() % alphabet.size()];
      bool is_valid = true;
      for (std::string_view rest = bytes; is_valid && !rest.empty();) {
        const auto character = read_utf8(rest);
        is_valid = character.bytes > 0;
        rest.remove_prefix(character.bytes);
      }
      if (is_valid != simdjson::validate_utf8(bytes)) FAIL("differs after round " << round);
    }
  }

  TEST_CASE("what is not shown but does something") {
    for (const char32_t code : {U'\0', U'\n', U'\x1b', U'\x7f', U'\u0085', U'\u061c', U'\u200e',
                                U'\u2028', U'\u202e', U'\u2066', U'\ufeff', U'\U000e0041'}) {
      CAPTURE(static_cast<unsigned>(code));
      CHECK(steers_display(code));
    }
    // What words and emoji are made of.
    for (const char32_t code :
         {U' ', U'a', U'\u00a0', U'\u00eb', U'\u200c', U'\u200d', U'\u6f22', U'\U0001f600'}) {
      CAPTURE(static_cast<unsigned>(code));
      CHECK(!steers_display(code));
    }
  }
}
