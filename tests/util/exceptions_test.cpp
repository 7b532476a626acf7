// SPDX-License-Identifier: MIT
#include "util/exceptions.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include <boost/system/system_error.hpp>
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace idmerge;
using namespace idmerge::util;

namespace {

/// What a process of its own says when `call` ends it as main has set it up; checks the exit code.
template <class Call>
std::string last_words(Call call) {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(pipe[1], STDERR_FILENO);
    end_with_message();
    call();
    ::_exit(77);
  }
  ::close(pipe[1]);
  std::string words;
  std::array<char, 256> piece{};
  for (ssize_t size = 1; size > 0;) {
    size = ::read(pipe[0], piece.data(), piece.size());
    words.append(piece.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 1);
  return words;
}

/// Out of sight of the compiler, which would warn of what is meant here.
template <class Thing>
void throw_it(const Thing& thing) {
  throw thing;
}

struct ThrowsWhenLeft {
  ~ThrowsWhenLeft() { throw_it(std::bad_alloc()); }
};

}  // namespace

TEST_SUITE("util/exceptions") {
  TEST_CASE("what was thrown keeps the meaning that the system gave it") {
    const auto limited = thrown(std::system_error(EMFILE, std::generic_category(), "epoll"));
    CHECK(limited.code == Errc::outage);
    CHECK(limited.what.find("ulimit -n") != std::string::npos);
    const boost::system::system_error no_epoll({EMFILE, boost::system::system_category()}, "epoll");
    CHECK(thrown(no_epoll) == limited);
    CHECK(thrown(std::system_error(EAGAIN, std::generic_category())).code == Errc::outage);
    CHECK(thrown(std::bad_alloc()).what.find("out of memory") == 0);
    const auto bug = thrown(std::system_error(EBADF, std::generic_category()));
    CHECK(bug.code == Errc::internal);
    CHECK(bug.what.find("please report it") != std::string::npos);
    CHECK(thrown(std::runtime_error("why")).what.find("unexpected error: why: ") == 0);
  }

  TEST_CASE("a call that throws returns an error, and any other one what it returns") {
    const auto throws = caught([]() -> Result<int> { throw std::bad_alloc(); });
    REQUIRE(!throws);
    CHECK(throws.error() == thrown(std::bad_alloc()));
    const auto fails = caught([]() -> Result<int> { return Error{Errc::usage, "why"}; });
    REQUIRE(!fails);
    CHECK(fails.error() == Error{Errc::usage, "why"});
    CHECK(caught([]() -> Result<int> { return 7; }) == Result<int>(7));
  }

  TEST_CASE("what a C library has no memory for is thrown") {
    int thing = 7;
    CHECK(made(&thing) == &thing);
    CHECK_THROWS_AS(made(static_cast<int*>(nullptr)), std::bad_alloc);
  }

  TEST_CASE("what nobody can catch ends the process in words, with the exit code of its kind") {
    const auto memory = thrown(std::bad_alloc()).what;
    CHECK(last_words([]() noexcept { throw_it(std::bad_alloc()); }) == "idmerge: " + memory + "\n");
    CHECK(last_words([]() noexcept { throw_it(std::runtime_error("why")); }) ==
          "idmerge: " + thrown(std::runtime_error("why")).what + "\n");
    CHECK(last_words([]() noexcept { throw_it(7); }) ==
          "idmerge: unexpected error: please report it; the job can be resumed\n");
    CHECK(last_words([] { std::terminate(); }) ==
          "idmerge: ended while handling an error, most likely " + memory + "\n");
    CHECK(last_words([] { const ThrowsWhenLeft left; }).find(memory) != std::string::npos);
    // It has room for so much, and the line still ends.
    const auto much =
        last_words([]() noexcept { throw_it(std::runtime_error(std::string(600, 'x'))); });
    CHECK(much.size() == 512);
    CHECK(much.ends_with("x\n"));
  }
}
