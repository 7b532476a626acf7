// SPDX-License-Identifier: MIT
#include "plan/resolver_options.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::plan;

TEST_SUITE("plan/resolver_options") {
  TEST_CASE("each policy has the word of its option") {
    CHECK(name(OnConflict::hold) == "hold");
    CHECK(name(OnConflict::earliest) == "earliest");
    CHECK(name(OnConflict::latest) == "latest");
    CHECK(name(OnConflict::send) == "send");
  }
}
