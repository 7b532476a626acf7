// SPDX-License-Identifier: MIT
#include "plan/rule_files.hpp"

#include <doctest/doctest.h>

#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::io;
using namespace idmerge::plan;
using idmerge::testing::Scratch;

TEST_SUITE("plan/rule_files") {
  TEST_CASE("a file is what its bytes say, and its digest tells two apart") {
    Scratch scratch;
    RealFiles files;
    const auto deny = read_deny_file(files, scratch.write("deny", "qa-1\n"));
    const auto other = read_deny_file(files, scratch.write("deny", "qa-1\nqa-2\n"));
    REQUIRE((deny && other));
    CHECK(deny->list->denies("qa-1"));
    CHECK_FALSE(deny->list->denies("qa-2"));
    CHECK(deny->digest.size() == 32);
    CHECK(deny->digest != other->digest);

    const auto path = scratch.write("d.csv", "anonymous_id,user_id\na1,u1\n");
    const auto decisions = read_decision_file(files, path);
    REQUIRE(decisions);
    CHECK(decisions->path == path);
    CHECK(decisions->decisions.size() == 1);
    CHECK(decisions->digest.size() == 32);
  }

  TEST_CASE("what is wrong is a usage error with option, file and line") {
    Scratch scratch;
    RealFiles files;
    const auto deny = read_deny_file(files, scratch.write("deny", "qa-1\n/[/\n"));
    REQUIRE_FALSE(deny);
    CHECK(deny.error().code == Errc::usage);
    CHECK(deny.error().what.starts_with("--deny-file: " + scratch.path("deny") + ": line 2: "));
    const auto decisions = read_decision_file(files, scratch.write("d.csv", "a,b\n"));
    REQUIRE_FALSE(decisions);
    CHECK(decisions.error().code == Errc::usage);
    CHECK(decisions.error().what.starts_with("--decisions: " + scratch.path("d.csv") + ": line 1"));
    CHECK(read_deny_file(files, scratch.path("none")).error().code == Errc::usage);
    CHECK(read_decision_file(files, scratch.path("none")).error().code == Errc::usage);
  }
}
