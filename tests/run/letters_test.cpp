// SPDX-License-Identifier: MIT
#include "idmerge/run/letters.hpp"

#include <doctest/doctest.h>

using namespace idmerge;

TEST_SUITE("run/letters") {
  TEST_CASE("a rejected row says where its fault is, on a later line of the row too") {
    Row row;
    row.text = "a,\"two\nlines\",\x01";
    row.line = 7;
    row.offset = 100;
    row.fault = Fault::control_byte;
    row.fault_at = 14;
    std::string out;
    append_rejected(out, row, "in.csv");
    CHECK(out.find("\"line\":8,\"column\":8,\"byte_offset\":114,\"reason\":\"control-byte\"") !=
          std::string::npos);
    CHECK(out.find("\\u0001") != std::string::npos);
    CHECK(out.back() == '\n');
    CHECK(out.find('\n') == out.size() - 1);
  }

  TEST_CASE("a refused letter is input again, for each operation") {
    const std::vector<PlanInput> inputs{{.format = "csv", .path = "in.csv"}};
    Link link{.anon = "a\"1", .user = "u1", .line = 3, .offset = 40};
    CHECK(refused_letter(link, inputs, 400, "no\nsuch id", 2) ==
          "{\"anonymous_id\":\"a\\\"1\",\"user_id\":\"u1\",\"op\":\"create\",\"file\":\"in.csv\","
          "\"line\":3,\"byte_offset\":40,\"status\":400,\"message\":\"no\\nsuch id\","
          "\"attempts\":2}");
    link.op = Op::alias;
    CHECK(refused_letter(link, inputs, 400, "", 1)
              .find("{\"alias\":\"a\\\"1\",\"distinct_id\":\"u1\"") == 0);
    link.op = Op::merge;
    link.sided = false;
    CHECK(refused_letter(link, inputs, 400, "", 1).find("{\"$distinct_ids\":[\"a\\\"1\",\"u1\"]") ==
          0);
  }
}
