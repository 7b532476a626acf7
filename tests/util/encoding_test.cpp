// SPDX-License-Identifier: MIT
#include "util/encoding.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace idmerge::testing {

using namespace util;
namespace {

using namespace std::string_view_literals;

std::string base64(std::string_view bytes) {
  std::string out;
  append_base64(bytes, out);
  return out;
}

TEST_SUITE("util/encoding") {
  TEST_CASE("a JSON string cannot be left from within") {
    std::string out;
    append_json("a\"b\\c\n\0\x1f/é"sv, out);
    CHECK(out == R"("a\"b\\c\u000a\u0000\u001f/é")");
    out.clear();
    append_json("", out);
    CHECK(out == R"("")");
  }

  TEST_CASE("every byte is escaped, or not, at every place of a string, whatever its neighbours") {
    const auto escaped = [](char c) -> std::string {
      const auto code = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') return {'\\', c};
      return code < 0x20 ? fmt::format("\\u{:04x}", code) : std::string(1, c);
    };
    for (const char filler : {'a', ' ', '\x1f', '"', '\x7f', '\x80', '\xff'}) {
      for (std::size_t at = 0; at < 20; ++at) {
        for (int byte = 0; byte < 256; ++byte) {
          std::string text(20, filler);
          text[at] = static_cast<char>(byte);
          std::string expected = "\"";
          for (const char c : text)
            expected += escaped(c);
          std::string out;
          append_json(text, out);
          if (out != expected + "\"") FAIL(byte, " at ", at, " among ", int{filler});
        }
      }
    }
  }

  TEST_CASE("base64 is as the RFC has it") {
    CHECK(base64("") == "");
    CHECK(base64("f") == "Zg==");
    CHECK(base64("fo") == "Zm8=");
    CHECK(base64("foo") == "Zm9v");
    CHECK(base64("foobar") == "Zm9vYmFy");
    CHECK(base64("\xff\xfe\0"sv) == "//4A");
  }
}

}  // namespace
}  // namespace idmerge::testing
