// SPDX-License-Identifier: MIT
#include "plan/project_mode.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::plan;

TEST_SUITE("plan/project_mode") {
  TEST_CASE("the rules of the project modes are known before anything is sent") {
    for (const Op op : {Op::create, Op::alias, Op::merge}) {
      CHECK(check_op(Api::identity, ProjectMode::none, op).has_value());
      CHECK(check_op(Api::import, ProjectMode::original, op).has_value());
      CHECK(check_op(Api::import, ProjectMode::none, op).has_error());
      CHECK(check_op(Api::import, ProjectMode::simplified, op).has_value() == (op == Op::create));
      CHECK(check_op(Api::import, ProjectMode::legacy, op).has_value() == (op == Op::alias));
      // What a project has does not depend on the way to it.
      CHECK(check_op(Api::identity, ProjectMode::simplified, op).has_value() == (op == Op::create));
      CHECK(check_op(Api::identity, ProjectMode::legacy, op).has_value() == (op == Op::alias));
    }
    CHECK(verbs_of(ProjectMode::none) == Verbs{});
    CHECK(verbs_of(ProjectMode::original) == Verbs{});
    CHECK(verbs_of(ProjectMode::simplified) ==
          Verbs{.create = true, .alias = false, .merge = false});
    CHECK(verbs_of(ProjectMode::legacy) == Verbs{.create = false, .alias = true, .merge = false});
    CHECK(check_op(Api::import, ProjectMode::simplified, Op::merge).error().code == Errc::usage);
  }

  TEST_CASE("APIs and project modes are called what their options take") {
    CHECK(name(Api::identity) == "identity");
    CHECK(name(Api::import) == "import");
    CHECK(name(ProjectMode::none) == "none");
    CHECK(name(ProjectMode::original) == "original");
    CHECK(name(ProjectMode::simplified) == "simplified");
    CHECK(name(ProjectMode::legacy) == "legacy");
  }
}
