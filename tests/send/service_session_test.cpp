// SPDX-License-Identifier: MIT
#include "send/service_session.hpp"

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::send;
using namespace idmerge::util;

namespace {

SendOptions options_with(const std::string& secret) {
  SendOptions options;
  options.target = net::parse_target("http://127.0.0.1:9").value();
  options.service_api.token = Secret("token-0123456789");
  options.service_api.username = Secret("etl.12345");
  options.service_api.secret = Secret(secret);
  return options;
}

std::string request_of(ServiceSession& session) {
  input::Link link;
  link.anon = "a1";
  link.user = "u1";
  std::string request;
  session.api().encode({&link, 1}, request);
  return request;
}

}  // namespace

TEST_SUITE("send/service_session") {
  TEST_CASE("credentials are read again once, and requests have the new ones from then on") {
    auto options = options_with("old");
    int times = 0;
    options.reread = [&]() -> Result<ServiceApiOptions> {
      ++times;
      return options_with("new").service_api;
    };
    auto session = ServiceSession::make(options, 0).value();
    const auto before = request_of(session);
    CHECK(session.version() == 0);
    CHECK(session.renew().value());
    CHECK(session.version() == 1);
    CHECK(request_of(session) != before);
    CHECK(!session.renew().value());
    CHECK(times == 1);
  }

  TEST_CASE("without a source, or where it fails, there are no new ones") {
    auto options = options_with("old");
    auto session = ServiceSession::make(options, 0).value();
    CHECK(!session.renew().value());
    options.reread = []() -> Result<ServiceApiOptions> { return Error{Errc::usage, "no"}; };
    CHECK(!session.renew().value());
    CHECK(session.version() == 0);
  }

  TEST_CASE("credentials of another project are an error and are not used") {
    auto options = options_with("old");
    options.reread = []() -> Result<ServiceApiOptions> {
      auto other = options_with("new").service_api;
      other.token = Secret("token-of-another");
      return other;
    };
    auto session = ServiceSession::make(options, 0).value();
    const auto before = request_of(session);
    const auto renewed = session.renew();
    REQUIRE(!renewed);
    CHECK(renewed.error().code == Errc::usage);
    CHECK(request_of(session) == before);
  }
}
