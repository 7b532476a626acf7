// SPDX-License-Identifier: MIT
#include "cli/job_ending.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::cli;

TEST_SUITE("cli/job_ending") {
  TEST_CASE("the ending of a call that sent is read back from its summary") {
    const auto ending = ending_of_sending(
        R"({"exit_code":3,"stop":"why","next":"idmerge run","send":{"links":1}})");
    REQUIRE(ending.has_value());
    CHECK(ending->exit_code == 3);
    CHECK(ending->stop == "why");
    CHECK(ending->next == "idmerge run");
    const auto plain = ending_of_sending(R"({"exit_code":0,"stop":null,"next":null,"send":{}})");
    REQUIRE(plain.has_value());
    CHECK(plain->stop.empty());
  }

  TEST_CASE("a call that sent nothing, or no summary, has none") {
    for (const auto* const text : {R"({"exit_code":0,"send":null})", R"({"send":{}})",
                                   R"({"exit_code":"0","send":{}})", "[]", "", "no json"}) {
      CAPTURE(text);
      CHECK_FALSE(ending_of_sending(text).has_value());
    }
  }
}
