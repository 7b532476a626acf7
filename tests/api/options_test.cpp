// SPDX-License-Identifier: MIT
#include "idmerge/options.hpp"

#include <doctest/doctest.h>

#include "api/access.hpp"

using namespace idmerge;

TEST_SUITE("api/options") {
  TEST_CASE("inputs, values and switches keep their order") {
    api::Options options;
    options.input("b.csv").input("a.csv").set("rate", "5/s").job("j").to("eu").set("uuid-only");
    CHECK(api::Access::inputs(options) == std::vector<std::string>{"b.csv", "a.csv"});
    const auto& values = api::Access::values(options);
    REQUIRE(values.size() == 3);
    CHECK(values[0] == std::pair<std::string, std::string>("rate", "5/s"));
    CHECK(values[1].first == "job");
    CHECK(values[2].second == "eu");
    CHECK(api::Access::switches(options) == std::vector<std::string>{"uuid-only"});
    CHECK(api::Access::credentials(options) == nullptr);
  }

  TEST_CASE("a copy of credentials has bytes of its own") {
    api::Credentials first("token", "user", "secret");
    api::Credentials second = first;
    first = api::Credentials("other", "", "");
    CHECK(api::Access::secrets(second).token.reveal() == "token");
    CHECK(api::Access::secrets(second).secret.reveal() == "secret");
    CHECK(api::Access::secrets(first).token.reveal() == "other");
    CHECK(api::Access::secrets(first).username.empty());
  }
}
