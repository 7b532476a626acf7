// SPDX-License-Identifier: MIT
#include "cli/app.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::cli;

TEST_SUITE("cli/app") {
  TEST_CASE("a usage error is exit code 2, whatever the command") {
    CHECK(run_app({}) == 2);
    CHECK(run_app({"frobnicate"}) == 2);
    CHECK(run_app({"status"}) == 2);
    CHECK(run_app({"emulator", "--listen", "nowhere"}) == 2);
  }
}
