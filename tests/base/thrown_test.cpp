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
}
