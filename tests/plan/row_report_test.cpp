// SPDX-License-Identifier: MIT
#include "plan/row_report.hpp"

#include <doctest/doctest.h>

#include "support/flaky_files.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::plan;
using idmerge::testing::FlakyFiles;

TEST_SUITE("plan/row_report") {
  TEST_CASE("a rejected row says where its fault is, on a later line of the row too") {
    Row row;
    row.text = "a,\"two\nlines\",\x01";
    row.line = 7;
    row.offset = 100;
    row.fault = Fault::control_byte;
    row.fault_at = 14;
    std::string out;
    append_faulty(out, row, "in.csv");
    CHECK(fault_place(row).line == 8);
    CHECK(fault_place(row).column == 8);
    CHECK(out.find("\"line\":8,\"column\":8,\"byte_offset\":114,\"reason\":\"control-byte\"") !=
          std::string::npos);
    CHECK(out.find("\\u0001") != std::string::npos);
    CHECK(out.back() == '\n');
    CHECK(out.find('\n') == out.size() - 1);
  }

  TEST_CASE("a refused letter is input again, for each operation") {
    const std::vector<PlanInput> inputs{{.format = "csv", .path = "in.csv"}};
    Link link{.anon = "a\"1", .user = "u1", .line = 3, .offset = 40};
    CHECK(refused_report(17, link, inputs, 400, "no\nsuch id", 2) ==
          "{\"link\":17,\"anonymous_id\":\"a\\\"1\",\"user_id\":\"u1\",\"op\":\"create\",\"file\":"
          "\"in.csv\","
          "\"line\":3,\"byte_offset\":40,\"status\":400,\"message\":\"no\\nsuch id\","
          "\"attempts\":2}");
    link.op = Op::alias;
    CHECK(refused_report(17, link, inputs, 400, "", 1)
              .find("{\"link\":17,\"alias\":\"a\\\"1\",\"distinct_id\":\"u1\"") == 0);
    link.op = Op::merge;
    link.sided = false;
    CHECK(refused_report(17, link, inputs, 400, "", 1)
              .find("{\"link\":17,\"$distinct_ids\":[\"a\\\"1\",\"u1\"]") == 0);
  }

  TEST_CASE("letters are read back as far as they count, in the order of their links") {
    FlakyFiles files;
    const std::vector<PlanInput> inputs{{.format = "csv", .path = "in.csv"}};
    const Link link{.anon = "a", .user = "u"};
    std::string text;
    std::vector<std::uint64_t> ordinals;
    for (std::uint64_t i = 0; i < 2'000; ++i) {
      const auto ordinal = (i * 7919) % 2'000;
      text += refused_report(ordinal, link, inputs, 400, std::string(i % 700, 'x'), 1) + "\n";
      ordinals.push_back(i);
    }
    const auto counted = text.size();
    text += refused_report(9'999, link, inputs, 400, "not counted yet", 1) + "\n";
    files.put("/w/refused.ndjson", text);
    const auto read = read_refused(files, "/w/refused.ndjson", counted);
    REQUIRE_MESSAGE(read, read);
    CHECK(*read == ordinals);
    CHECK(read_refused(files, "/w/absent", 0)->empty());
    for (const auto& [bytes, what] : {std::pair<std::uint64_t, std::string>{counted - 1, text},
                                      {text.size() + 1, text},
                                      {4, "{}\n\n"},
                                      {15, "{\"link\":x,\"a\":1}\n"}}) {
      files.put("/w/refused.ndjson", what);
      const auto wrong = read_refused(files, "/w/refused.ndjson", bytes);
      REQUIRE(!wrong);
      CHECK(wrong.error().code == Errc::input);
    }
  }
}
