// SPDX-License-Identifier: MIT
#include "api/access.hpp"

#include <csignal>

#include <doctest/doctest.h>

using namespace idmerge;

TEST_SUITE("api/access") {
  TEST_CASE("a consent names its plan, or none") {
    CHECK(api::Access::plan_id(api::Consent::to_plan("68095eb81ba2")) == "68095eb81ba2");
    CHECK(api::Access::plan_id(api::Consent::to_any_plan()).empty());
  }

  TEST_CASE("a stop request counts how often it was asked") {
    api::StopRequest stop;
    CHECK(api::Access::request(stop).asked() == 0);
    stop.ask();
    stop.ask();
    CHECK(api::Access::request(stop).asked() == 2);
    CHECK(api::Access::request(stop).signal_number() == SIGINT);
  }
}
