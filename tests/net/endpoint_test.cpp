// SPDX-License-Identifier: MIT
#include "net/endpoint.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <netdb.h>

#include "support/await.hpp"

namespace idmerge::testing {

using namespace net;
using namespace util;
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

Endpoint to(asio::io_context& io, std::string_view url) {
  EndpointOptions options;
  options.target = *parse_target(url);
  auto made = Endpoint::make(io, std::move(options));
  REQUIRE(made.has_value());
  return std::move(*made);
}

/// Watched as a connection is, and unwatched however the test ends.
struct Watched : WatchedSocket {
  explicit Watched(Endpoint& its) : WatchedSocket(its.executor()), endpoint(its) {
    endpoint.watch(*this);
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  ~Watched() { endpoint.unwatch(*this); }
  Endpoint& endpoint;
};

Task<void> ask(Endpoint& endpoint, std::size_t& found) {
  Watched watched(endpoint);
  const auto addresses = co_await endpoint.addresses(watched);
  found += addresses ? addresses->size() : 0;
}

/// What names lead to while this lives; the real lookup is not asked.
class ToldAddresses {
 public:
  explicit ToldAddresses(std::vector<std::string> addresses) { told = std::move(addresses); }
  ToldAddresses(const ToldAddresses&) = delete;
  ToldAddresses& operator=(const ToldAddresses&) = delete;
  ~ToldAddresses() { told.clear(); }

  static inline std::vector<std::string> told;
};

TEST_SUITE("net/endpoint") {
  TEST_CASE("what is overdue is ended, what is not is left alone, and then the loop ends") {
    asio::io_context io(1);
    Endpoint endpoint = to(io, "http://127.0.0.1:1");
    Watched early(endpoint), late(endpoint), never(endpoint);
    const auto start = steady_clock::now();
    const auto run = [&]() -> Task<void> {
      endpoint.set_deadline(early, start + 60ms);
      endpoint.set_deadline(late, start + 1h);
      co_await early.wake.wait();
      CHECK(early.overdue);
      CHECK_FALSE(late.overdue);
      CHECK_FALSE(never.overdue);
      CHECK(steady_clock::now() - start >= 60ms);
      endpoint.set_deadline(late, Instant::max());
    };
    await(io, run());  // would last an hour if the watchdog kept the loop alive
    CHECK(steady_clock::now() - start < 10s);
  }

  TEST_CASE("when no connection is open or waits, the loop ends without the watchdog's next look") {
    asio::io_context io(1);
    Endpoint endpoint = to(io, "http://127.0.0.1:1");
    Watched waits(endpoint), open(endpoint);
    const auto is_over = [&] {
      endpoint.rest();
      io.poll();
      return io.stopped();
    };
    endpoint.set_deadline(waits, steady_clock::now() + 1h);
    CHECK_FALSE(is_over());
    open.socket.open(asio::ip::tcp::v4());
    endpoint.set_deadline(waits, Instant::max());
    CHECK_FALSE(is_over());
    open.socket.close();
    CHECK(is_over());
    io.restart();
    endpoint.set_deadline(waits, steady_clock::now() + 60ms);
    const auto wait = [&]() -> Task<void> { co_await waits.wake.wait(); };
    await(io, wait());
    CHECK(waits.overdue);
  }

  TEST_CASE("an address needs no lookup") {
    asio::io_context io(1);
    Endpoint endpoint = to(io, "http://[::1]:8080");
    Watched watched(endpoint);
    const auto addresses = await(io, endpoint.addresses(watched));
    REQUIRE(addresses.has_value());
    REQUIRE(addresses->size() == 1);
    CHECK(addresses->front().port() == 8080);
    CHECK(addresses->front().address().is_v6());
  }

  TEST_CASE("several connections that ask together are all answered") {
    asio::io_context io(1);
    Endpoint endpoint = to(io, "http://localhost:8080");
    std::size_t found = 0;
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 10; ++i)
      tasks.push_back(ask(endpoint, found));
    await(io, join(std::move(tasks)));
    CHECK(found >= 10);
    CHECK(found % 10 == 0);
  }

  TEST_CASE("an address that did not answer is tried last") {
    asio::io_context io(1);
    Endpoint endpoint = to(io, "http://localhost:8080");
    Watched watched(endpoint);
    const auto before = *await(io, endpoint.addresses(watched));
    endpoint.demote(before.front());
    const auto after = *await(io, endpoint.addresses(watched));
    CHECK(after.size() == before.size());
    CHECK(after.back() == before.front());
    if (before.size() > 1) {
      endpoint.demote(before.front());  // not the first any more: a second worker that failed there
      CHECK(await(io, endpoint.addresses(watched))->back() == before.front());
    }
  }

  TEST_CASE("without TLS only addresses of this machine are taken, whatever localhost leads to") {
    using Addresses = std::vector<std::string>;
    for (const auto& [answers, kept] :
         {std::pair{Addresses{"192.0.2.7"}, Addresses{}},
          std::pair{Addresses{"2001:db8::7", "10.0.0.1"}, Addresses{}},
          std::pair{Addresses{"0.0.0.0"}, Addresses{}},
          std::pair{Addresses{"192.0.2.7", "127.0.0.1"}, Addresses{"127.0.0.1"}},
          std::pair{Addresses{"127.8.9.1", "::1"}, Addresses{"127.8.9.1", "::1"}}}) {
      const Addresses& told = answers;
      CAPTURE(told);
      const ToldAddresses lookup(told);
      asio::io_context io(1);
      Endpoint endpoint = to(io, "http://localhost:8080");
      Watched watched(endpoint);
      const auto addresses = await(io, endpoint.addresses(watched));
      CHECK(addresses.has_value() == !kept.empty());
      if (addresses) {
        Addresses found;
        for (const auto& it : *addresses)
          found.push_back(it.address().to_string());
        CHECK(found == kept);
        continue;
      }
      CHECK(addresses.error().code == Errc::service);
      CHECK(addresses.error().what.starts_with("localhost: its name resolves to " + told.front()));
    }
  }

  TEST_CASE("with TLS the certificate says who it is, wherever localhost leads to") {
    const ToldAddresses lookup({"192.0.2.7"});
    asio::io_context io(1);
    Endpoint endpoint = to(io, "https://localhost:8080");
    Watched watched(endpoint);
    const auto addresses = await(io, endpoint.addresses(watched));
    REQUIRE(addresses.has_value());
    CHECK(addresses->front().address().to_string() == "192.0.2.7");
  }

  TEST_CASE("a proxy on the way to a loopback target is ignored") {
    asio::io_context io(1);
    EndpointOptions options;
    options.target = *parse_target("http://localhost:1");
    options.proxy = *parse_proxy("proxy:3128", false);
    CHECK(Endpoint::make(io, options)->proxy() == nullptr);
    options.target = *parse_target("https://api-eu.mixpanel.com");
    CHECK(Endpoint::make(io, options)->proxy() != nullptr);
  }
}

}  // namespace
}  // namespace idmerge::testing

// The linker lets these stand in for getaddrinfo (--wrap).
extern "C" {

int __real_getaddrinfo(const char* host, const char* port, const addrinfo* hints, addrinfo** found);
int __wrap_getaddrinfo(const char* host, const char* port, const addrinfo* hints, addrinfo** found);

int __wrap_getaddrinfo(const char* host, const char* port, const addrinfo* hints,
                       addrinfo** found) {
  const auto& told = idmerge::testing::ToldAddresses::told;
  if (told.empty()) return __real_getaddrinfo(host, port, hints, found);
  addrinfo numeric{};
  numeric.ai_socktype = SOCK_STREAM;
  numeric.ai_flags = AI_NUMERICHOST;
  addrinfo** end = found;
  for (const auto& address : told) {
    if (const int failed = __real_getaddrinfo(address.c_str(), port, &numeric, end); failed != 0) {
      return failed;
    }
    end = &(*end)->ai_next;
  }
  return 0;
}

}  // extern "C"
