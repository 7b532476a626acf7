// SPDX-License-Identifier: MIT
#include "idmerge/core/encoding.hpp"

#include <doctest/doctest.h>

namespace idmerge::testing {
namespace {

using namespace std::string_view_literals;

std::string base64(std::string_view bytes) {
  std::string out;
  append_base64(bytes, out);
  return out;
}

TEST_SUITE("core/encoding") {
  TEST_CASE("a JSON string cannot be left from within") {
    std::string out;
    append_json("a\"b\\c\n\0\x1f/é"sv, out);
    CHECK(out == R"("a\"b\\c\u000a\u0000\u001f/é")");
    out.clear();
    append_json("", out);
    CHECK(out == R"("")");
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
