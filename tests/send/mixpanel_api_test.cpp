// SPDX-License-Identifier: MIT
#include "send/mixpanel_api.hpp"

#include <string>
#include <tuple>

#include <doctest/doctest.h>

#include "send/identity_api.hpp"
#include "send/import_api.hpp"

namespace idmerge::testing {

using namespace input;
using namespace net;
using namespace send;
using namespace util;
namespace {

ServiceApiOptions options() {
  ServiceApiOptions it;
  it.token = Secret("0123456789abcdef");
  it.username = Secret("etl.12345.mp-service-account");
  it.secret = Secret("open sesame");
  return it;
}

}  // namespace

TEST_SUITE("send/mixpanel_api") {
  TEST_CASE("both APIs have the same regions, and the variables of one service account") {
    for (const auto* facts : {&identity_api, &import_api}) {
      CHECK(facts->find_region("us")->host == "api.mixpanel.com");
      CHECK(facts->find_region("eu")->host == "api-eu.mixpanel.com");
      CHECK(facts->find_region("in")->host == "api-in.mixpanel.com");
      CHECK(facts->find_region("") == nullptr);
      CHECK(facts->region_of("api-eu.mixpanel.com") == "EU");
      CHECK(facts->region_of("api-in.mixpanel.com") == "India");
      CHECK(facts->region_of("example.com").empty());
      CHECK(facts->credentials.token.name == "MIXPANEL_TOKEN");
      CHECK(facts->credentials.username.old_name == "MP_ACCT");
      CHECK(facts->credentials.secret.name == "MIXPANEL_SECRET");
    }
  }

  TEST_CASE("secrets that no request can carry are refused before anything is sent") {
    const auto error = [](auto change) {
      ServiceApiOptions it = options();
      change(it);
      const auto made = identity_api.make(it, "api.mixpanel.com", "");
      REQUIRE(made.has_error());
      CHECK(made.error().code == Errc::usage);
      return made.error().what;
    };
    CHECK(error([](auto& it) { it.token = Secret(); }).find("MIXPANEL_TOKEN") != std::string::npos);
    error([](auto& it) { it.token = Secret("a\r\nX-Evil: 1"); });
    error([](auto& it) { it.username = Secret(); });
    error([](auto& it) { it.token = Secret("\"0123456789abcdef\""); });
    error([](auto& it) { it.username = Secret("a:b"); });
    CHECK(error([](auto& it) { it.secret = Secret("hunter2\n"); }).find("hunter2") ==
          std::string::npos);
    CHECK(identity_api.make(options(), "api.mixpanel.com\r\nX: y", "").has_error());
    CHECK(identity_api.make(options(), "api.mixpanel.com", "/a b").has_error());
  }

  TEST_CASE("credentials are encoded as base64 at every length") {
    Link one;
    one.anon = "a";
    one.user = "b";
    for (const auto& [user, secret, text] :
         {std::tuple{"a", "", "YTo="}, std::tuple{"a", "b", "YTpi"},
          std::tuple{"a", "bc", "YTpiYw=="}, std::tuple{"test", "123£", "dGVzdDoxMjPCow=="},
          std::tuple{"Aladdin", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}}) {
      ServiceApiOptions it = options();
      it.username = Secret(user);
      it.secret = Secret(secret);
      auto service_api = identity_api.make(it, "h", "");
      REQUIRE(service_api.has_value());
      std::string text_of_request;
      CHECK((*service_api)->encode({&one, 1}, text_of_request) == 1);
      CHECK(text_of_request.find(std::string("Basic ") + text + "\r") != std::string::npos);
    }
  }
}

}  // namespace idmerge::testing
