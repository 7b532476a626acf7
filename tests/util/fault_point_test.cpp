// SPDX-License-Identifier: MIT
#include "util/fault_point.hpp"

#include <csignal>
#include <cstdlib>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace idmerge;
using namespace idmerge::util;

TEST_SUITE("util/fault_point") {
  TEST_CASE("a test build dies at the named step, at the n-th time, and what is shipped never") {
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::setenv("IDMERGE_FAULT", "after:plan_rename:2", 1);
      fault_point("plan_sync");
      fault_point("plan_rename");
      if (::getenv("IDMERGE_FAULT") == nullptr) ::_exit(1);
      fault_point("plan_rename");
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
#ifdef IDMERGE_FAULTS
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGKILL);
#else
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
#endif
  }
}
