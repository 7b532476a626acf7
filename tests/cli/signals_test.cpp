// SPDX-License-Identifier: MIT
#include "cli/signals.hpp"

#include <doctest/doctest.h>
#include <signal.h>

using namespace idmerge;
using namespace idmerge::cli;

TEST_SUITE("cli/signals") {
  TEST_CASE("signals are remembered until somebody asks, and lost terminals are ignored") {
    Signals signals;
    const int before = signals.stop().asked();
    CHECK_FALSE(signals.take_status_request());
    ::raise(SIGUSR1);
    CHECK(signals.take_status_request());
    CHECK_FALSE(signals.take_status_request());
    ::raise(SIGHUP);
    ::raise(SIGPIPE);
    ::raise(SIGXFSZ);
    CHECK(signals.stop().asked() == before);
    // SIGTERM and SIGINT are raised in end-to-end tests: what was asked here would last.
  }
}
