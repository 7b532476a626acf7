// SPDX-License-Identifier: MIT
#include "emulator/fault_injection.hpp"

#include <cmath>
#include <map>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::emulator;

namespace {

FaultInjection fault_injection(std::string_view risks, std::uint64_t seed = 1) {
  return FaultInjection{parse_risks(risks).value(), seed};
}

}  // namespace

TEST_SUITE("emulator/fault_injection") {
  TEST_CASE("each fault of --fail is understood") {
    const auto risks = parse_risks(
        "503:0.01,429-bare:0.02,502-html:0.03,html:0.04,status0:0.05,reset:.06,hang:1e-2,"
        "truncate:0,garbage:0.1,close:0.2");
    REQUIRE(risks);
    REQUIRE(risks->size() == 10);
    CHECK((*risks)[0].status == 503);
    CHECK((*risks)[0].share == 0.01);
    CHECK((*risks)[1].dress == Dress::bare);
    CHECK((*risks)[2].dress == Dress::html);
    CHECK((*risks)[2].status == 502);
    CHECK((*risks)[3].status == 200);
    CHECK((*risks)[3].dress == Dress::html);
    CHECK((*risks)[4].dress == Dress::status0);
    CHECK((*risks)[5].mishap == Mishap::reset);
    CHECK((*risks)[6].mishap == Mishap::hang);
    CHECK((*risks)[9].name == "close");
    CHECK(parse_risks("")->empty());
  }

  TEST_CASE("an unknown fault, a wrong share or a sum above 1 is a usage error that names it") {
    for (const std::string_view text :
         {"503", "503:", "503:x", "503:0.1x", "503:-0.1", "503:2", "503:nan", ":0.1", "200:0.1",
          "304:0.1", "600:0.1", "99:0.1", "5030:0.1", "503-htm:0.1", "teapot:0.1", "503:0.1,,",
          "503:0.6,reset:0.6", "503 :0.1", "503:0.1;429:0.1"}) {
      CAPTURE(text);
      const auto risks = parse_risks(text);
      REQUIRE(!risks);
      CHECK(risks.error().code == Errc::usage);
    }
    for (const std::string_view text : {"503:\x1b[2J", "\x1b[2J:0.1"})
      CHECK(parse_risks(text).error().what.find('\x1b') == std::string::npos);
  }

  TEST_CASE("shares come out as asked for, within four standard deviations") {
    const FaultInjection some = fault_injection("503:0.01,reset:0.05,hang:0.2", 42);
    constexpr int requests = 200'000;
    std::map<std::string, int> seen;
    int after = 0;
    int struck = 0;
    for (int i = 0; i < requests; ++i) {
      const auto draw = some.draw(static_cast<std::uint64_t>(i));
      if (draw.risk == nullptr) continue;
      ++seen[draw.risk->name];
      ++struck;
      if (draw.after) ++after;
    }
    for (const Risk& risk : some.risks()) {
      const double wanted = risk.share * requests;
      CHECK(std::abs(seen[risk.name] - wanted) < 4 * std::sqrt(wanted));
    }
    CHECK(std::abs(after - struck / 2.0) < 2 * std::sqrt(struck));
  }

  TEST_CASE("the seed and the number decide, nothing else") {
    const auto pattern = [](const FaultInjection& some) {
      std::string text;
      for (std::uint64_t i = 0; i < 1000; ++i) {
        const auto draw = some.draw(i);
        text += draw.risk == nullptr ? '.' : draw.after ? 'A' : 'B';
      }
      return text;
    };
    CHECK(pattern(fault_injection("503:0.3", 7)) == pattern(fault_injection("503:0.3", 7)));
    CHECK(pattern(fault_injection("503:0.3", 7)) != pattern(fault_injection("503:0.3", 8)));
    CHECK(pattern(fault_injection("503:1", 7)).find('.') == std::string::npos);
    CHECK(pattern(fault_injection("503:0", 7)) == std::string(1000, '.'));
  }

  TEST_CASE("a refusal strikes before the link is made, a spoiled answer after it") {
    const auto after = [](std::string_view risks) {
      const FaultInjection some = fault_injection(risks);
      int count = 0;
      for (std::uint64_t i = 0; i < 1000; ++i)
        count += some.draw(i).after ? 1 : 0;
      return count;
    };
    for (const std::string_view risks :
         {"400:1", "401:1", "429:1", "429-bare:1", "404-html:1", "301:1", "status0:1"}) {
      CAPTURE(risks);
      CHECK(after(risks) == 0);
    }
    for (const std::string_view risks : {"truncate:1", "close:1"})
      CHECK(after(risks) == 1000);
    for (const std::string_view risks :
         {"503:1", "502-html:1", "html:1", "reset:1", "hang:1", "garbage:1"}) {
      CAPTURE(risks);
      CHECK(after(risks) > 400);
      CHECK(after(risks) < 600);
    }
  }

  TEST_CASE("a lot falls on the same links for ever, whichever id comes first") {
    int refused = 0;
    int otherwise = 0;
    for (int i = 0; i < 10'000; ++i) {
      const auto a = "a" + std::to_string(i);
      const auto b = "b" + std::to_string(i % 97);
      const bool is_refused = refused_at_random(0.2, 5, a, b);
      CHECK(refused_at_random(0.2, 5, b, a) == is_refused);
      CHECK((!is_refused || refused_at_random(0.3, 5, a, b)));
      if (is_refused != refused_at_random(0.2, 6, a, b)) ++otherwise;
      if (is_refused) ++refused;
      CHECK(!refused_at_random(0, 5, a, b));
      CHECK(refused_at_random(1, 5, a, b));
    }
    CHECK(refused > 1'800);
    CHECK(refused < 2'200);
    CHECK(otherwise > 2'000);
  }
}
