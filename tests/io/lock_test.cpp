// SPDX-License-Identifier: MIT
#include "io/lock.hpp"

#include <csignal>
#include <fstream>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/flaky_files.hpp"
#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::io;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Scratch;

namespace {

const ProcessIdentity me{4711, "etl-7", "2026-11-23T18:00:00Z"};
const ProcessIdentity other{4712, "etl-8", "2026-11-23T18:00:01Z"};

}  // namespace

TEST_SUITE("io/lock") {
  TEST_CASE("the second is refused and told who the first is") {
    const Scratch scratch;
    RealFiles files;
    {
      const auto first = Lock::take(files, scratch / "lock", me);
      REQUIRE_MESSAGE(first, first);
      CHECK(first->died().empty());
      const auto second = Lock::take(files, scratch / "lock", other);
      REQUIRE_FALSE(second);
      CHECK(second.error().code == Errc::locked);
      CHECK(second.error().what.find("pid 4711 on etl-7 since 2026-11-23T18:00:00Z") !=
            std::string::npos);
      CHECK(*lock_owner(files, scratch / "lock") == "pid 4711 on etl-7 since 2026-11-23T18:00:00Z");
    }
    CHECK(lock_owner(files, scratch / "lock")->empty());
    const auto third = Lock::take(files, scratch / "lock", other);
    REQUIRE(third);
    CHECK(third->died().empty());
    CHECK(lock_owner(files, scratch / "none")->empty());
  }

  TEST_CASE("the lock of a process that was killed is taken over, with a note") {
    const Scratch scratch;
    RealFiles files;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const auto lock = Lock::take(files, scratch / "lock", me);
      const char ok = lock.has_value() ? 'y' : 'n';
      if (::write(ready[1], &ok, 1) != 1) ::_exit(1);
      ::pause();
      ::_exit(0);
    }
    char ok = 0;
    REQUIRE(::read(ready[0], &ok, 1) == 1);
    CHECK(ok == 'y');
    CHECK_FALSE(Lock::take(files, scratch / "lock", other));
    ::kill(child, SIGKILL);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    CHECK(lock_owner(files, scratch / "lock")->empty());
    const auto lock = Lock::take(files, scratch / "lock", other);
    REQUIRE_MESSAGE(lock, lock);
    CHECK(lock->died() == "pid 4711 on etl-7 since 2026-11-23T18:00:00Z");
    ::close(ready[0]);
    ::close(ready[1]);
  }

  TEST_CASE("a lock whose file is removed while it is taken is none") {
    FlakyFiles files;
    files.put("/w/lock", "");
    files.meanwhile = [&] { REQUIRE(files.remove("/w/lock")); };
    const auto lock = Lock::take(files, "/w/lock", me);
    REQUIRE_FALSE(lock);
    CHECK(lock.error().code == Errc::locked);
    files.put("/w/lock", "");
    files.meanwhile = [&] { files.put("/w/lock", "pid = 7\n"); };  // another file of that name
    CHECK_FALSE(Lock::take(files, "/w/lock", me));
    files.meanwhile = nullptr;
    CHECK(Lock::take(files, "/w/lock", me));
  }

  TEST_CASE("a file that is planted in the place of a lock keeps its bytes") {
    const Scratch scratch;
    RealFiles files;
    std::ofstream(scratch / "victim") << "precious";
    REQUIRE(::link((scratch / "victim").c_str(), (scratch / "lock").c_str()) == 0);
    const auto lock = Lock::take(files, scratch / "lock", me);
    REQUIRE_FALSE(lock);
    CHECK(lock.error().code == Errc::usage);
    CHECK(*files.read_all(scratch / "victim", 100) == "precious");
  }

  TEST_CASE("a lock file with anything in it is only words") {
    const Scratch scratch;
    RealFiles files;
    std::ofstream(scratch / "lock") << "pid = 7\nhost = \\x1b[31m\nsince = x\n";
    CHECK(Lock::take(files, scratch / "lock", me)->died() == "pid 7 on \\x1b[31m since x");
    std::ofstream(scratch / "lock") << "pid = 7\nhost = \xc2\x9b[31m\nsince = \xe2\x80\xae\xff\n";
    CHECK(Lock::take(files, scratch / "lock", me)->died() ==
          "pid 7 on \\u{009b}[31m since \\u{202e}\\xff");
    std::ofstream(scratch / "lock") << std::string(10'000, '\xff');
    const auto lock = Lock::take(files, scratch / "lock", me);
    REQUIRE(lock);
    CHECK(lock->died() == "an unknown process");
  }
}
