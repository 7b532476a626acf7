// SPDX-License-Identifier: MIT
#include "io/pinned_files.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/flaky_files.hpp"
#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::io;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Scratch;

namespace fs = std::filesystem;

TEST_SUITE("io/pinned_files") {
  TEST_CASE("all that is done in a pinned directory is done in it, wherever it was moved") {
    const Scratch scratch;
    RealFiles real;
    const auto dir = scratch / "job";
    REQUIRE(real.make_dir(dir));
    REQUIRE(real.replace(dir + "/old", "mine"));
    PinnedFiles files(real);
    REQUIRE(files.pin(dir));
    CHECK(files.dir(dir).current_path() == fs::canonical(dir).string());
    fs::rename(dir, scratch / "moved");
    REQUIRE(real.make_dir(dir));
    REQUIRE(real.replace(dir + "/old", "theirs"));

    CHECK(*files.read_all(dir + "/old", 10) == "mine");
    CHECK(files.replace(dir + "/old", "new"));
    CHECK(files.replace(dir + "//new", "new"));
    CHECK(files.create(dir + "/made"));
    CHECK(files.open_append(dir + "/appended")->append("x"));
    CHECK(files.make_dir(dir + "/sub"));
    CHECK(files.replace(dir + "/sub/deep", "new"));
    CHECK(files.rename(dir + "/made", dir + "/named"));
    CHECK(files.remove(dir + "/appended"));
    CHECK(files.sync_dir(dir));
    CHECK((*files.stat(dir))->is(**real.stat(scratch / "moved")));
    CHECK_FALSE(*files.stat(dir + "/made"));
    CHECK(*files.list(dir) == std::vector<std::string>{"named", "new", "old", "sub"});
    CHECK(*real.list(scratch / "moved") == *files.list(dir));
    CHECK(*real.list(dir) == std::vector<std::string>{"old"});
    CHECK(*real.read_all(dir + "/old", 10) == "theirs");
    CHECK(files.dir(dir).current_path() == fs::canonical(scratch / "moved").string());
    fs::remove_all(scratch / "moved");
    CHECK(files.dir(dir).current_path().empty());
    CHECK_FALSE(files.create(dir + "/late"));
    CHECK(*real.list(dir) == std::vector<std::string>{"old"});
  }

  TEST_CASE("of two directories the inner one counts, and what lies outside has its name") {
    const Scratch scratch;
    RealFiles real;
    const auto dir = scratch / "job";
    for (const auto* part : {"", "/run", "/running"})
      REQUIRE(real.make_dir(dir + part));
    PinnedFiles files(real);
    REQUIRE(files.pin(dir));
    REQUIRE(files.pin(dir + "/run"));
    fs::rename(dir + "/run", scratch / "run");
    REQUIRE(real.make_dir(dir + "/run"));
    CHECK(files.replace(dir + "/run/a", ""));
    CHECK(files.replace(dir + "/running/b", ""));
    CHECK(files.replace(dir + "/c", ""));
    CHECK(files.replace(dir + "d", ""));
    CHECK(files.replace(dir + "/run/../e", ""));
    CHECK(*real.list(scratch / "run") == std::vector<std::string>{"a"});
    CHECK(real.list(dir + "/run")->empty());
    CHECK(*real.list(dir + "/running") == std::vector<std::string>{"b"});
    CHECK(*real.list(dir) == std::vector<std::string>{"c", "e", "run", "running"});
    CHECK(real.stat(dir + "d")->has_value());
    CHECK(&files.below() == &real);
  }

  TEST_CASE("where changes are not allowed, no name is made, changed or taken away") {
    const Scratch scratch;
    RealFiles real;
    const auto dir = scratch / "job";
    REQUIRE(real.make_dir(dir));
    REQUIRE(real.replace(dir + "/a", "1"));
    PinnedFiles files(real);
    REQUIRE(files.pin(dir));
    bool allowed = false;
    files.allow_changes_if([&] { return allowed; });
    CHECK_FALSE(files.replace(dir + "/a", "2"));
    CHECK_FALSE(files.create(dir + "/b"));
    CHECK_FALSE(files.open_append(dir + "/c"));
    CHECK_FALSE(files.rename(dir + "/a", dir + "/d"));
    CHECK_FALSE(files.rename(dir + "/a", scratch / "a"));
    CHECK_FALSE(files.rename(scratch / "b", dir + "/a"));
    CHECK_FALSE(files.remove(dir + "/a"));
    CHECK_FALSE(files.make_dir(dir + "/e"));
    CHECK(*files.list(dir) == std::vector<std::string>{"a"});
    CHECK(*files.read_all(dir + "/a", 10) == "1");
    CHECK(files.replace(scratch / "outside", ""));
    allowed = true;
    CHECK(files.replace(dir + "/a", "2"));
  }

  TEST_CASE("a directory that is no directory cannot be pinned, nor one behind a link") {
    const Scratch scratch;
    RealFiles real;
    REQUIRE(real.replace(scratch / "file", ""));
    fs::create_directory_symlink(scratch.path(), scratch / "link");
    PinnedFiles files(real);
    CHECK_FALSE(files.pin(scratch / "file"));
    CHECK_FALSE(files.pin(scratch / "link"));
    CHECK_FALSE(files.pin(scratch / "none"));
  }

  TEST_CASE("on the disk of the tests it is the same") {
    FlakyFiles flaky;
    REQUIRE(flaky.make_dir("/w/job"));
    PinnedFiles files(flaky);
    REQUIRE(files.pin("/w/job"));
    CHECK(files.replace("/w/job/a", "1"));
    CHECK(flaky.content("/w/job/a") == "1");
    CHECK(files.dir("/w/job").current_path() == "/w/job");
    CHECK(*files.list("/w/job") == std::vector<std::string>{"a"});
    CHECK(flaky.calls.back() == "sync /w/job");
    REQUIRE(flaky.remove("/w/job"));
    CHECK(files.dir("/w/job").current_path().empty());
    CHECK_FALSE(files.create("/w/job/b"));
  }
}
