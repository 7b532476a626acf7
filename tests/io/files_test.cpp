// SPDX-License-Identifier: MIT
#include "io/files.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/flaky_files.hpp"
#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::io;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Harm;
using idmerge::testing::Scratch;

namespace {

/// What both kinds of disk must do alike.
void check_contract(Files& files, const std::string& dir) {
  const auto path = dir + "/a";
  {
    auto file = files.create(path);
    REQUIRE_MESSAGE(file, file);
    CHECK(file->append("hello "));
    CHECK(file->append("world"));
    CHECK(file->sync());
    CHECK(file->close());
  }
  auto bytes = files.read_all(path, 100);
  REQUIRE(bytes);
  CHECK(*bytes == "hello world");
  CHECK_FALSE(files.read_all(path, 10));

  auto file = files.open_append(path);
  REQUIRE(file);
  CHECK(file->append("!"));
  CHECK(file->cut(5));
  CHECK(file->append("?"));
  char buffer[16] = {};
  auto count = file->read_at(1, buffer);
  REQUIRE(count);
  CHECK(std::string(buffer, *count) == "ello?");
  CHECK(file->stat()->size_bytes == 6);
  count = file->read_at(6, buffer);
  REQUIRE(count);
  CHECK(*count == 0);

  CHECK(files.replace(path, "new"));
  CHECK(*files.read_all(path, 100) == "new");
  count = file->read_at(0, buffer);  // the handle still sees the file that was replaced
  REQUIRE(count);
  CHECK(std::string(buffer, *count) == "hello?");

  CHECK(files.make_dir(dir + "/sub"));
  CHECK_FALSE(files.make_dir(dir + "/sub"));
  CHECK(files.sync_dir(dir));
  CHECK(*files.list(dir) == std::vector<std::string>{"a", "sub"});
  CHECK((*files.stat(dir + "/sub"))->kind == FileStat::Kind::directory);
  CHECK_FALSE(*files.stat(dir + "/none"));
  CHECK(files.rename(path, dir + "/b"));
  CHECK(files.remove(dir + "/b"));
  CHECK(files.remove(dir + "/b"));  // none is fine
  CHECK(*files.list(dir) == std::vector<std::string>{"sub"});
  CHECK(files.disk_of(dir).value().free_bytes > 0);
  const auto absent = files.open(dir + "/b");
  REQUIRE_FALSE(absent);
  CHECK(absent.error().what.substr(0, dir.size() + 4) == dir + "/b: ");
}

}  // namespace

TEST_SUITE("io/files") {
  TEST_CASE("the real disk and the one of the tests keep the same contract") {
    const Scratch scratch;
    RealFiles real;
    check_contract(real, scratch.path());
    FlakyFiles flaky;
    check_contract(flaky, "/w");
  }

  TEST_CASE("how much is free is not known of what is not there") {
    const Scratch scratch;
    RealFiles files;
    const auto free = files.disk_of(scratch / "none");
    REQUIRE(!free);
    CHECK(free.error().what.starts_with(scratch / "none: "));
  }

  TEST_CASE("files are ours alone, whatever the umask says") {
    const Scratch scratch;
    RealFiles files;
    const auto before = ::umask(0);
    CHECK(files.replace(scratch / "f", "x"));
    CHECK(files.open_append(scratch / "g"));
    CHECK(files.make_dir(scratch / "d"));
    ::umask(before);
    CHECK((*files.stat(scratch / "f"))->mode == 0600);
    CHECK((*files.stat(scratch / "g"))->mode == 0600);
    CHECK((*files.stat(scratch / "d"))->mode == 0700);
  }

  TEST_CASE("a symbolic link is neither read nor written through, and a pipe does not hang us") {
    const Scratch scratch;
    RealFiles files;
    std::ofstream(scratch / "victim") << "precious";
    REQUIRE(::symlink((scratch / "victim").c_str(), (scratch / "link").c_str()) == 0);
    for (const auto& result : {files.open(scratch / "link").has_value(),
                               files.open_append(scratch / "link").has_value()}) {
      CHECK_FALSE(result);
    }
    CHECK(files.open(scratch / "link").error().what.find("symbolic link") != std::string::npos);
    CHECK(files.replace(scratch / "link", "ours"));  // replaces the link itself
    CHECK(*files.read_all(scratch / "victim", 100) == "precious");
    REQUIRE(::symlink((scratch / "victim").c_str(), (scratch / "new.part").c_str()) == 0);
    CHECK(files.replace(scratch / "new", "ours"));
    CHECK(*files.read_all(scratch / "victim", 100) == "precious");
    REQUIRE(::mkfifo((scratch / "pipe").c_str(), 0600) == 0);
    CHECK_FALSE(files.open(scratch / "pipe"));
    CHECK_FALSE(files.open_append(scratch / "pipe"));
  }

  TEST_CASE("a file that has another name is read, and replaced, but not written in its place") {
    const Scratch scratch;
    RealFiles files;
    std::ofstream(scratch / "victim") << "precious";
    REQUIRE(::link((scratch / "victim").c_str(), (scratch / "link").c_str()) == 0);
    const auto opened = files.open_append(scratch / "link");
    REQUIRE_FALSE(opened);
    CHECK(opened.error() ==
          Error{Errc::usage,
                scratch / "link" +
                    ": has another hard link, which would be changed too: replace it by a copy"});
    CHECK(files.open(scratch / "link"));
    CHECK(files.replace(scratch / "link", "ours"));
    CHECK(*files.read_all(scratch / "victim", 100) == "precious");
    CHECK(files.open_append(scratch / "link"));
  }

  TEST_CASE("a write that is interrupted or falls short goes on") {
    for (const auto harm : {Harm::interrupt, Harm::shorten}) {
      FlakyFiles files;
      auto file = files.create("/w/a");
      REQUIRE(file);
      files.harm(0, harm);
      CHECK(file->append("hello world"));
      CHECK(files.content("/w/a") == "hello world");
      files.harm(0, Harm::interrupt);
      CHECK(file->sync());
      files.harm(0, Harm::interrupt);
      CHECK(file->cut(3));
      CHECK(files.content("/w/a") == "hel");
    }
  }

  TEST_CASE("a full disk is an outage that names the file") {
    FlakyFiles files;
    auto file = files.create("/w/a");
    REQUIRE(file);
    files.harm(0, Harm::full, true);
    const auto done = file->append("hello world");
    REQUIRE_FALSE(done);
    CHECK(done.error().code == Errc::outage);
    CHECK(done.error().what ==
          "/w/a: No space left on device: make room, then run the same command again");
  }

  TEST_CASE("a file is replaced whole or not at all, at whichever step it fails") {
    for (const auto harm : {Harm::full, Harm::fail, Harm::kill, Harm::tear}) {
      for (std::uint64_t step = 0;; ++step) {
        FlakyFiles files;
        files.put("/w/a", "old");
        files.harm(step, harm, harm == Harm::full);
        const auto done = files.replace("/w/a", "brand new");
        if (files.steps() <= step) {
          CHECK(step >= 5);  // create, write, sync, rename, sync the directory
          break;
        }
        CHECK_FALSE(done);
        const bool was_killed = files.killed();
        files.revive();
        const auto left = files.content("/w/a");
        CHECK((left == "old" || left == "brand new"));
        if (!was_killed && harm == Harm::full) CHECK_FALSE(files.exists("/w/a.part"));
        CHECK(files.replace("/w/a", "again"));
        CHECK(files.content("/w/a") == "again");
      }
    }
  }

  TEST_CASE(
      "what was replaced stays so without power, and is whole whatever the disk had written") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      FlakyFiles files;
      files.put("/w/a", "old");
      files.harm(seed % 6, Harm::kill);
      const bool is_done = files.replace("/w/a", "brand new").has_value();
      files.lose_power(FlakyFiles::Keep::some, seed);
      const auto left = files.content("/w/a");
      if (is_done) CHECK(left == "brand new");
      CHECK((left == "old" || left == "brand new"));
    }
  }

  TEST_CASE("only a committed part file gets its name") {
    FlakyFiles files;
    {
      auto part = PartFile::begin(files, "/w/a");
      REQUIRE(part);
      CHECK(part->append("x"));
      CHECK(files.exists("/w/a.part"));
    }
    CHECK_FALSE(files.exists("/w/a.part"));
    CHECK_FALSE(files.exists("/w/a"));
  }

  TEST_CASE("a file system that lacks what a job needs is told so by name") {
    FlakyFiles files;
    files.put("/w/a", "old");
    for (const int refusal : {EEXIST, EXDEV, EOPNOTSUPP, ENOSYS}) {
      files.rename_refusal = refusal;
      const auto replaced = files.replace("/w/a", "new");
      REQUIRE_FALSE(replaced);
      CHECK(replaced.error().code == Errc::usage);
      CHECK(replaced.error().what.find("/w/a: this filesystem cannot replace a file") == 0);
      CHECK(files.content("/w/a") == "old");
      CHECK_FALSE(files.exists("/w/a.part"));
    }
    for (const int refusal : {ENOLCK, EOPNOTSUPP, ENOSYS, EINVAL}) {
      files.lock_refusal = refusal;
      auto file = files.open_append("/w/a");
      REQUIRE(file);
      const auto locked = file->try_lock();
      REQUIRE_FALSE(locked);
      CHECK(locked.error().code == Errc::usage);
      CHECK(locked.error().what.find("/w/a: this filesystem has no locks") == 0);
    }
    files.lock_refusal = EIO;
    CHECK(files.open_append("/w/a")->try_lock().error().code == Errc::outage);
  }

  TEST_CASE("the directory of a path") {
    CHECK(parent_of("a") == ".");
    CHECK(parent_of("/a") == "/");
    CHECK(parent_of("x/y/z") == "x/y");
  }
}
