// SPDX-License-Identifier: MIT
#include "util/json_writer.hpp"

#include <random>
#include <string>

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "util/utf8.hpp"

#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::util;

namespace {

std::string quoted(std::string_view bytes) {
  std::string out;
  append_json_string(out, bytes);
  return out;
}

/// What another library reads out of our string.
std::string read_back(const std::string& json) {
  boost::system::error_code error;
  const auto value = boost::json::parse(json, error);
  REQUIRE_MESSAGE(!error, json);
  return std::string(value.as_string());
}

/// Each byte of no character stands for the character of its number.
std::string latin1(unsigned char byte) {
  return {static_cast<char>(0xc0 | byte >> 6), static_cast<char>(0x80 | (byte & 0x3f))};
}

}  // namespace

TEST_SUITE("util/json_writer") {
  TEST_CASE("text stays readable and what a terminal might interpret is escaped") {
    CHECK(quoted("") == R"("")");
    CHECK(quoted("a\"b\\c/d") == R"("a\"b\\c/d")");
    CHECK(quoted("tab\tline\ncr\r") == R"("tab\tline\ncr\r")");
    CHECK(quoted(std::string("nul\0esc\x1b[31m\x7f", 13)) == R"("nul\u0000esc\u001b[31m\u007f")");
    CHECK(quoted("zoë 漢字 😀") == "\"zoë 漢字 😀\"");
    CHECK(quoted("\xc2\x9b\xe2\x80\xa8\xe2\x80\xa9\xc2\xa0") ==
          "\"\\u009b\\u2028\\u2029\xc2\xa0\"");
    CHECK(quoted("\u202egpj.exe\u2066\ufeff\U000e0041") ==
          R"("\u202egpj.exe\u2066\ufeff\udb40\udc41")");
  }

  TEST_CASE("bytes that are not UTF-8 become characters of their number") {
    CHECK(quoted("\xff") == R"("\u00ff")");
    CHECK(quoted("a\xc3") == R"("a\u00c3")");
    CHECK(quoted("\xc0\xaf") == R"("\u00c0\u00af")");            // overlong
    CHECK(quoted("\xed\xa0\x80") == R"("\u00ed\u00a0\u0080")");  // surrogate
    CHECK(quoted("\xf4\x90\x80\x80") == R"("\u00f4\u0090\u0080\u0080")");
    CHECK(quoted("\xe0\x80\xaf") == R"("\u00e0\u0080\u00af")");
    CHECK(quoted("\xf0\x80\x80\x80") == R"("\u00f0\u0080\u0080\u0080")");
  }

  TEST_CASE("another library reads every string as we meant it") {
    std::mt19937_64 random(testing::seed());
    const std::string alphabet = std::string("a\"\\\n\x1b\x7f\0", 7) +
                                 "\xc2\xe2\x80\xa8\xed\xa0\xf0\x9f\x98\x80\xf4\x90\xff\xc3\xab";
    for (int round = 0; round < 20'000; ++round) {
      std::string bytes;
      for (auto n = random() % 12; n > 0; --n)
        bytes += alphabet[random() % alphabet.size()];
      std::string meant;
      for (std::string_view rest = bytes; !rest.empty();) {
        const auto length = read_utf8(rest).bytes;
        meant += length == 0 ? latin1(static_cast<unsigned char>(rest[0]))
                             : std::string(rest.substr(0, length));
        rest.remove_prefix(length == 0 ? 1 : length);
      }
      CHECK(read_back(quoted(bytes)) == meant);
    }
  }

  TEST_CASE("members are separated by commas and nothing else") {
    std::string out = "{";
    append_json_member(out, "file", "a.csv");
    append_json_member(out, "line", std::uint64_t{7});
    append_json_key(out, "row");
    out += "null}";
    CHECK(out == R"({"file":"a.csv","line":7,"row":null})");
  }
}
