// SPDX-License-Identifier: MIT
#include "plan/sheet_cell.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::plan;

namespace {

std::string written(std::string_view field) {
  std::string out;
  append_sheet_cell(out, field);
  return out;
}

}  // namespace

TEST_SUITE("plan/sheet_cell") {
  TEST_CASE("what a spreadsheet would run gets an apostrophe") {
    CHECK(written("=1+1") == "'=1+1");
    CHECK(written("=HYPERLINK(\"http://x\",\"y\")") ==
          "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
    CHECK(written("@SUM(A1)") == "'@SUM(A1)");
    CHECK(written("-1") == "'-1");
    CHECK(written("+49") == "'+49");
    CHECK(written("\t=1") == "'\t=1");
    CHECK(written("'=1") == "''=1");
  }

  TEST_CASE("other fields are CSV as it always is") {
    CHECK(written("") == "");
    CHECK(written("user-1") == "user-1");
    CHECK(written("a=b") == "a=b");
    CHECK(written("a,b") == "\"a,b\"");
    CHECK(written("say \"x\"") == "\"say \"\"x\"\"\"");
  }

  TEST_CASE("what was written is read again, and what nobody guarded stays") {
    for (const auto* field :
         {"", "'", "''", "=1", "'=1", "''=1", "'a", "a", "-", "+-", "@", "\t", "$x"}) {
      CAPTURE(field);
      CHECK(read_sheet_cell(written(field)) == field);
    }
    CHECK(read_sheet_cell("'tis") == "'tis");
    CHECK(read_sheet_cell("-1") == "-1");
  }
}
