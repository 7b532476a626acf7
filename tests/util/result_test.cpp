// SPDX-License-Identifier: MIT
#include "util/result.hpp"

#include <cerrno>
#include <memory>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::util;

TEST_SUITE("util/result") {
  TEST_CASE("a result holds a value or an error, move-only values included") {
    Result<std::unique_ptr<int>> good = std::make_unique<int>(7);
    REQUIRE(good);
    CHECK(**good == 7);
    Result<void> bad = Error{Errc::input, "pairs.csv: not there"};
    REQUIRE(!bad);
    CHECK(bad.error().code == Errc::input);
  }

  TEST_CASE("a full disk is for the scheduler, a missing permission for the author") {
    CHECK(system_error("job", ENOSPC).code == Errc::outage);
    CHECK(system_error("job", EIO).code == Errc::outage);
    CHECK(system_error("job", EFBIG).what.find("ulimit -f") != std::string::npos);
    CHECK(system_error("job", EACCES).code == Errc::usage);
    CHECK(system_error("/x/y", ENOENT).what == "/x/y: No such file or directory: check the path");
  }
}
