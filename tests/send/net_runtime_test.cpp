// SPDX-License-Identifier: MIT
#include "send/net_runtime.hpp"

#include <vector>

#include <boost/asio/post.hpp>
#include <doctest/doctest.h>

#include "support/loopback_server.hpp"

using namespace idmerge;
using namespace idmerge::net;
using namespace idmerge::send;
using namespace std::chrono_literals;

TEST_SUITE("send/net_runtime") {
  TEST_CASE("timers call back in the order of their times, and not when they are cancelled") {
    NetRuntime runtime;
    std::vector<int> called;
    Sleep end(runtime);
    const auto late = runtime.timer([&] {
      called.push_back(2);
      end.end();
    });
    const auto early = runtime.timer([&] { called.push_back(1); });
    const auto never = runtime.timer([&] { called.push_back(3); });
    const Instant start = runtime.clock().now();
    never->set(start + 1ms);
    early->set(start + 1h);
    early->set(start + 2ms);  // in place of the hour
    late->set(start + 10ms);
    never->cancel();
    runtime.run(end.until(start + 1h));
    CHECK(called == std::vector{1, 2});
    CHECK(runtime.clock().now() >= start + 10ms);
  }

  TEST_CASE("a sleep that was ended before it began lasts, and one that nobody ends passes") {
    NetRuntime runtime;
    Sleep sleep(runtime);
    sleep.end();
    const Instant start = runtime.clock().now();
    runtime.run(sleep.until(start + 5ms));
    CHECK(runtime.clock().now() >= start + 5ms);
  }

  TEST_CASE("its connections lead to the target") {
    idmerge::testing::LoopbackServer server(
        [](const auto&) { return idmerge::testing::accepted(); });
    NetRuntime runtime;
    SendOptions options;
    options.target = parse_target(server.url()).value();
    REQUIRE(runtime.prepare(options));
    const auto connection = runtime.connection();
    CHECK(!connection->is_open());
    bool opened = false;
    runtime.run([](Connection& it, bool& done) -> Task<void> {
      done = (co_await it.open()).has_value();
      it.close();
    }(*connection, opened));
    CHECK(opened);
  }
}
