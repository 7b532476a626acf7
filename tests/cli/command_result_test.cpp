// SPDX-License-Identifier: MIT
#include "cli/command_result.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::cli;

TEST_SUITE("cli/command_result") {
  TEST_CASE("the result of a call that sent is read back from its summary") {
    const auto result = result_of_sending(
        R"({"exit_code":3,"stop":"why","next":"idmerge run","send":{"links":1}})");
    REQUIRE(result.has_value());
    CHECK(result->exit_code == 3);
    CHECK(result->stop == "why");
    CHECK(result->next == "idmerge run");
    const auto plain = result_of_sending(R"({"exit_code":0,"stop":null,"next":null,"send":{}})");
    REQUIRE(plain.has_value());
    CHECK(plain->stop.empty());
  }

  TEST_CASE("a call that sent nothing, or no summary, has none") {
    for (const auto* const text : {R"({"exit_code":0,"send":null})", R"({"send":{}})",
                                   R"({"exit_code":"0","send":{}})", "[]", "", "no json"}) {
      CAPTURE(text);
      CHECK_FALSE(result_of_sending(text).has_value());
    }
  }
}
