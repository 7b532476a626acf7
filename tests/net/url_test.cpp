// SPDX-License-Identifier: MIT
#include "net/url.hpp"

#include <doctest/doctest.h>

namespace idmerge::testing {

using namespace net;
namespace {

Target target(std::string_view text) {
  auto parsed = parse_target(text);
  REQUIRE_MESSAGE(parsed.has_value(), parsed.error().what);
  return *parsed;
}

std::string refusal(std::string_view text) {
  const auto parsed = parse_target(text);
  REQUIRE_MESSAGE(parsed.has_error(), text);
  CHECK(parsed.error().code == Errc::usage);
  return parsed.error().what;
}

TEST_SUITE("net/url") {
  TEST_CASE("the error for what is no URL names the other values that the caller takes") {
    CHECK(refusal("eu").ends_with("is no target: write a URL such as https://api.example.com"));
    const auto parsed = parse_target("mars", "us, eu");
    REQUIRE(parsed.has_error());
    CHECK(parsed.error().what ==
          "\"mars\" is no target: write us, eu, or a URL such as https://api.example.com");
  }

  TEST_CASE("a URL is taken apart and put together in one way") {
    const auto it = target("HTTPS://Api.Example.COM:8443/mixpanel/v1/");
    CHECK(it.tls);
    CHECK(it.host == "api.example.com");
    CHECK(it.port == 8443);
    CHECK(it.base == "/mixpanel/v1");
    CHECK(it.authority() == "api.example.com:8443");
    CHECK(it.url() == "https://api.example.com:8443/mixpanel/v1");
    CHECK(target(it.url()) == it);
    CHECK(target("https://example.com:443/").url() == "https://example.com");
    CHECK(target("http://localhost").authority() == "localhost");
    CHECK(target("http://localhost").port == 80);
    CHECK(target("http://localhost:443").authority() == "localhost:443");
  }

  TEST_CASE("an IPv6 address stands in brackets and is written in one way") {
    const auto it = target("https://[2001:DB8:0:0::1]:8443");
    CHECK(it.host == "2001:db8::1");
    CHECK(it.authority() == "[2001:db8::1]:8443");
    CHECK(target("http://[::1]").url() == "http://[::1]");
    for (const auto* text : {"https://[::1", "https://[nonsense]", "https://[::1]8080",
                             "https://[127.0.0.1]", "https://::1/", "https://[fe80::1%eth0]"}) {
      refusal(text);
    }
  }

  TEST_CASE("http is for this machine only") {
    for (const auto* text : {"http://localhost:8080", "http://127.0.0.1:8080", "http://127.255.0.3",
                             "http://[::1]:8080"}) {
      CHECK(target(text).loopback());
    }
    for (const auto* text :
         {"http://example.com", "http://localhost.example.com", "http://127.0.0.1.example.com",
          "http://10.0.0.1", "http://[2001:db8::1]", "http://127.1", "http://0x7f.0.0.1",
          "http://[::ffff:127.0.0.1]", "http://0.0.0.0"}) {
      CHECK(refusal(text).find("in clear") != std::string::npos);
    }
    CHECK_FALSE(target("https://example.com").loopback());
  }

  TEST_CASE("a user name in the URL is refused and not repeated") {
    for (const auto* text :
         {"https://etl:hunter2@api.mixpanel.com", "https://hunter2@example.com/",
          "https://etl:hunter2@[::1]/", "etl:hunter2@example.com", "etl:hunter2/x@example.com",
          "https://etl:5/hunter2@example.com", "https://etl/hunter2@example.com/",
          "https://example.com?etl=hunter2@x"}) {
      const auto what = refusal(text);
      CHECK(what.find("hunter2") == std::string::npos);
      CHECK(what.find("MIXPANEL_SECRET") != std::string::npos);
    }
  }

  TEST_CASE("what is no target is refused with what to write") {
    for (const auto* text : {"",
                             "US",
                             "de",
                             "api.mixpanel.com",
                             "ftp://example.com",
                             "https://",
                             "https:///x",
                             "https://:8080",
                             "https://example.com:",
                             "https://example.com:0",
                             "https://example.com:65536",
                             "https://example.com:80x",
                             "https://example.com:-1",
                             "https://exa mple.com",
                             "https://example.com/\r\nHost: x",
                             "https://bücher.example",
                             "https://example.com/?a=b",
                             "https://example.com#x",
                             "https://example.com?x",
                             "https://-example.com",
                             "https://.example.com",
                             "https://a..b",
                             "https://a,b"}) {
      CAPTURE(text);
      refusal(text);
    }
  }

  TEST_CASE("a proxy is read with its password from the environment only") {
    auto proxy = parse_proxy("http://proxy.example.com:3128", false);
    REQUIRE(proxy.has_value());
    CHECK(proxy->host == "proxy.example.com");
    CHECK(proxy->port == 3128);
    CHECK(proxy->username.empty());
    CHECK(parse_proxy("proxy:3128/", false)->port == 3128);
    CHECK(parse_proxy("http://[::1]:3128", false)->host == "::1");

    proxy = parse_proxy("http://me:p%40ss:w@proxy:3128", true);
    REQUIRE(proxy.has_value());
    CHECK(proxy->username == "me");
    CHECK(proxy->password.reveal() == "p@ss:w");
    CHECK(proxy->host == "proxy");

    for (const auto* text : {"https://proxy:3128", "socks5://proxy:1080", "", "http://", "a b"}) {
      CHECK(parse_proxy(text, false).has_error());
      CHECK(parse_proxy(text, true).has_error());
    }
    const auto refused = parse_proxy("http://me:hunter2@proxy:3128", false);
    REQUIRE(refused.has_error());
    CHECK(refused.error().what.find("hunter2") == std::string::npos);
    const auto no_scheme = parse_proxy("me:hunter2://proxy:3128", true);
    REQUIRE(no_scheme.has_error());
    CHECK(no_scheme.error().what.find("hunter2") == std::string::npos);
    CHECK(parse_proxy("http://me:100%@proxy:3128", true).has_error());
    for (const auto* text : {"http://m%3Ae:hunter2@proxy", "http://me:hunter2%0A@proxy",
                             "http://me%00:hunter2@proxy", "http://me:hunter2%ff@proxy"}) {
      const auto unsendable = parse_proxy(text, true);
      REQUIRE(unsendable.has_error());
      CHECK(unsendable.error().what.find("hunter2") == std::string::npos);
    }
    const auto blanks = parse_proxy("http://me%20too:p%C3%A4ss%20w@proxy", true);
    REQUIRE(blanks.has_value());
    CHECK(blanks->username == "me too");
    CHECK(blanks->password.reveal() == "päss w");
  }

  TEST_CASE("NO_PROXY exempts a domain and all below it, and nothing that only looks like it") {
    const auto eu = target("https://api-eu.mixpanel.com");
    for (const auto* list :
         {"*", "mixpanel.com", ".mixpanel.com", "api-eu.mixpanel.com", "x.com, Mixpanel.COM",
          "mixpanel.com:443", "a,b,.com", "*.mixpanel.com", "*.com", "mixpanel.com.",
          ".mixpanel.com.", "*.mixpanel.com.", "*.mixpanel.com:443", "mixpanel.com.:443"}) {
      CAPTURE(list);
      CHECK(exempt_from_proxy(eu, list));
    }
    for (const auto* list :
         {"", "panel.com", "eu.mixpanel.com", "api-eu.mixpanel.com.evil", "mixpanel.com:8443", ",",
          "10.0.0.0/8", ":443", ".", "*.", "*.panel.com", "**.mixpanel.com", "mixpanel.com..",
          "*.mixpanel.com:8443"}) {
      CAPTURE(list);
      CHECK_FALSE(exempt_from_proxy(eu, list));
    }
    CHECK(exempt_from_proxy(target("https://api.example.com."), "*.example.com"));
    const auto address = target("https://10.1.2.3:8443");
    CHECK(exempt_from_proxy(address, "10.0.0.0/8"));
    CHECK(exempt_from_proxy(address, "10.1.2.3"));
    CHECK(exempt_from_proxy(address, "10.1.2.3:8443"));
    CHECK_FALSE(exempt_from_proxy(address, "10.0.0.0/16"));
    CHECK_FALSE(exempt_from_proxy(address, "10.1.2.3:443"));
    CHECK_FALSE(exempt_from_proxy(address, "2.3"));
    CHECK(exempt_from_proxy(target("https://[2001:db8::1]"), "2001:db8::/32"));
    CHECK(exempt_from_proxy(target("http://localhost:8080"), ""));
  }
}

}  // namespace
}  // namespace idmerge::testing
