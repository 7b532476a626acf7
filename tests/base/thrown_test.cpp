// SPDX-License-Identifier: MIT
#include "idmerge/base/thrown.hpp"

#include <cerrno>
#include <new>
#include <stdexcept>
#include <system_error>

#include <boost/system/system_error.hpp>
#include <doctest/doctest.h>

using namespace idmerge;

TEST_SUITE("base/thrown") {
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
    CHECK(thrown(std::runtime_error("why")).what.find("not foreseen: why: ") == 0);
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
}
