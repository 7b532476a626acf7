// SPDX-License-Identifier: MIT
#include "plan/project_mode.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::plan;

TEST_SUITE("plan/project_mode") {
  TEST_CASE("the rules of the project modes are known before anything is sent") {
    for (const Op op : {Op::create, Op::alias, Op::merge}) {
      CHECK(check_op(ProjectMode::none, op).has_value());
      CHECK(check_op(ProjectMode::original, op).has_value());
      CHECK(check_op(ProjectMode::simplified, op).has_value() == (op == Op::create));
      CHECK(check_op(ProjectMode::legacy, op).has_value() == (op == Op::alias));
    }
    CHECK(verbs_of(ProjectMode::none) == Verbs{});
    CHECK(verbs_of(ProjectMode::original) == Verbs{});
    CHECK(verbs_of(ProjectMode::simplified) ==
          Verbs{.create = true, .alias = false, .merge = false});
    CHECK(verbs_of(ProjectMode::legacy) == Verbs{.create = false, .alias = true, .merge = false});
    CHECK(check_op(ProjectMode::simplified, Op::merge).error().code == Errc::usage);
  }

  TEST_CASE("project modes are called what their option takes") {
    CHECK(name(ProjectMode::none) == "none");
    CHECK(name(ProjectMode::original) == "original");
    CHECK(name(ProjectMode::simplified) == "simplified");
    CHECK(name(ProjectMode::legacy) == "legacy");
  }
}
