// SPDX-License-Identifier: MIT
#include "send/service_registry.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::send;

TEST_SUITE("send/service_registry") {
  TEST_CASE("services are found by the names that plans record") {
    CHECK(service_names() == std::vector<std::string_view>{"identity", "import"});
    CHECK(&default_service() == find_service("identity"));
    for (const auto* service : services())
      CHECK(find_service(service->name) == service);
    CHECK(find_service("") == nullptr);
    CHECK(find_service("Identity") == nullptr);
    CHECK(find_service("imports") == nullptr);
  }

  TEST_CASE("every service says all that the engine asks before a request") {
    std::set<std::string_view> names;
    for (const auto* service : services()) {
      CAPTURE(service->name);
      CHECK(names.insert(service->name).second);
      CHECK(!service->title.empty());
      CHECK(service->rate_per_s > 0);
      CHECK(service->request_links_max >= 1);
      CHECK(service->request_bytes_default <= service->request_bytes_max);
      CHECK((service->check_op != nullptr));
      CHECK((service->make != nullptr));
      CHECK(!service->credentials.token.name.empty());
      CHECK((service->alternative.empty() || find_service(service->alternative) != nullptr));
      CHECK(service->alternative != service->name);
      for (const Region& region : service->regions)
        CHECK(service->region_of(region.host) == region.title);
    }
  }

  TEST_CASE("options are bounded by the service that takes most") {
    CHECK(largest_request_links() == 2'000);
    CHECK(largest_request_bytes() == 10'000'000);
    CHECK(region_names() == std::vector<std::string_view>{"us", "eu", "in"});
  }
}
