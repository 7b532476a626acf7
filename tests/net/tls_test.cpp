// SPDX-License-Identifier: MIT
#include "net/tls.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/client.hpp"

#include "support/await.hpp"
#include "support/loopback_server.hpp"
#include "support/outside.hpp"
#include "support/scratch.hpp"

namespace idmerge::testing {

using namespace net;
using namespace util;
namespace {

using namespace std::chrono_literals;
using Then = Reaction::Then;

constexpr std::string_view request =
    "POST /identity/create HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";

/// One authority for all tests: making keys takes a while.
const Certificates& certificates() {
  static const Scratch scratch;
  static const Certificates made(scratch.path());
  return made;
}

const std::string& good_certificate() {
  static const std::string made =
      certificates().sign("good", "DNS:localhost,DNS:idmerge.test,IP:127.0.0.1");
  return made;
}

std::string key_of(const std::string& certificate) {
  return certificate.substr(0, certificate.size() - 4) + ".key";
}

EndpointOptions to(std::uint16_t port, const std::string& host = "localhost") {
  EndpointOptions options;
  options.target = *parse_target(fmt::format("https://{}:{}", host, port));
  options.tls.ca_cert = certificates().authority;
  options.timeout = 10s;
  return options;
}

ServerOptions with_tls(std::function<Reaction(const SeenRequest&)> react) {
  return {.react = std::move(react),
          .welcome = {},
          .certificate = good_certificate(),
          .key = key_of(good_certificate())};
}

struct Talk {
  std::vector<unsigned> statuses;  // 0: no answer
  std::vector<ResponseEnd> ends;
  std::string body;
  int opened = 0;
  int resumed = 0;
};

Task<Result<Talk>> talk(Endpoint& endpoint, int times, std::string_view what) {
  ClientConnection connection(endpoint);
  Talk talk;
  for (int i = 0; i < times; ++i) {
    if (!connection.is_open()) {
      const auto opened = co_await connection.open();
      if (!opened) co_return opened.error();
      ++talk.opened;
      talk.resumed += connection.resumed() ? 1 : 0;
    }
    const Answer answer = co_await connection.exchange(what);
    talk.statuses.push_back(answer.response.status);
    talk.ends.push_back(answer.end);
    talk.body = answer.response.body;
  }
  co_return talk;
}

Result<Talk> talk(EndpointOptions options, int times = 1, std::string_view what = request) {
  asio::io_context io(1);
  auto endpoint = Endpoint::make(io, std::move(options));
  if (!endpoint) return endpoint.error();
  return await(io, talk(*endpoint, times, what));
}

Task<Result<void>> just_open(Endpoint& endpoint) {
  ClientConnection connection(endpoint);
  co_return co_await connection.open();
}

Result<void> open(EndpointOptions options) {
  asio::io_context io(1);
  auto endpoint = Endpoint::make(io, std::move(options));
  if (!endpoint) return endpoint.error();
  return await(io, just_open(*endpoint));
}

/// `openssl s_server` on a port of this machine, as long as this object lives.
Program s_server(std::uint16_t port, const std::string& certificate,
                 const std::vector<std::string>& more) {
  std::vector<std::string> command{
      "openssl", "s_server",  "-accept", fmt::format("127.0.0.1:{}", port),
      "-cert",   certificate, "-key",    key_of(certificate),
      "-quiet",  "-www"};
  command.insert(command.end(), more.begin(), more.end());
  return Program(command, port);
}

/// Why a connection to `openssl s_server` could not be opened; empty if it could.
Result<void> open_s_server(const std::string& certificate, const std::vector<std::string>& more,
                           EndpointOptions options = to(1)) {
  options.target.port = free_port();
  const Program server = s_server(options.target.port, certificate, more);
  return open(options);
}

struct FirstAnswer {
  ResponseEnd end;
  bool stale;
  std::string what;
};

/// What a request meets that leaves `rest` after the handshake.
Task<Result<FirstAnswer>> ask_after(Endpoint& endpoint, std::chrono::milliseconds rest) {
  ClientConnection connection(endpoint);
  const auto opened = co_await connection.open();
  if (!opened) co_return opened.error();
  co_await sleep_for(rest);
  const Answer answer = co_await connection.exchange("GET / HTTP/1.0\r\nConnection: close\r\n\r\n");
  co_return FirstAnswer{answer.end, answer.stale, std::string(answer.what)};
}

Result<FirstAnswer> ask_s_server(const std::vector<std::string>& more, EndpointOptions options,
                                 std::chrono::milliseconds rest = 0ms) {
  options.target.port = free_port();
  const Program server = s_server(options.target.port, good_certificate(), more);
  asio::io_context io(1);
  auto endpoint = Endpoint::make(io, std::move(options));
  if (!endpoint) return endpoint.error();
  return await(io, ask_after(*endpoint, rest));
}

/// Where OpenSSL looks for the authorities of the system while this lives.
class TrustVariables {
 public:
  TrustVariables(const std::string& file, const std::string& dir) {
    ::setenv("SSL_CERT_FILE", file.c_str(), 1);
    ::setenv("SSL_CERT_DIR", dir.c_str(), 1);
  }
  TrustVariables(const TrustVariables&) = delete;
  TrustVariables& operator=(const TrustVariables&) = delete;
  ~TrustVariables() {
    ::unsetenv("SSL_CERT_FILE");
    ::unsetenv("SSL_CERT_DIR");
  }
};

TEST_SUITE("net/tls") {
  TEST_CASE("a file that cannot be used is named, with its flag") {
    const Scratch scratch;
    const std::string nonsense = scratch.write("nonsense.pem", "no PEM at all");
    for (const auto& options :
         {TlsOptions{.ca_cert = "/no/such/ca.pem", .client_cert = {}, .client_key = {}},
          TlsOptions{.ca_cert = nonsense, .client_cert = {}, .client_key = {}},
          TlsOptions{.ca_cert = {}, .client_cert = "/no/such/cert.pem", .client_key = {}},
          TlsOptions{.ca_cert = {}, .client_cert = good_certificate(), .client_key = nonsense},
          TlsOptions{.ca_cert = {}, .client_cert = good_certificate(), .client_key = {}},
          TlsOptions{.ca_cert = {}, .client_cert = {}, .client_key = "/no/such/key.pem"}}) {
      const auto made = TlsContext::make(options);
      REQUIRE(made.has_error());
      CHECK(made.error().code == Errc::usage);
      CHECK(made.error().what.starts_with("--c"));
    }
    // A key that belongs to another certificate.
    CHECK(TlsContext::make({.ca_cert = {},
                            .client_cert = good_certificate(),
                            .client_key = certificates().directory + "/authority.key"})
              .has_error());
  }

  TEST_CASE("without files the authorities of the system are taken") {
    const Scratch scratch;
    const auto& file = certificates().authority;
    const auto hashed = scratch.path("hashed");
    std::filesystem::create_directory(hashed);
    std::filesystem::copy_file(certificates().authority, hashed + "/9d66eef0.0");
    const auto empty = scratch.path("empty");
    std::filesystem::create_directory(empty);
    for (const auto& paths :
         {std::pair{file, empty}, std::pair{std::string("/nonexistent"), hashed},
          std::pair{std::string(), empty + ":/nonexistent:" + hashed}, std::pair{file, hashed}}) {
      const auto& its_file = paths.first;
      const auto& its_dir = paths.second;
      CAPTURE(its_file);
      CAPTURE(its_dir);
      const TrustVariables variables(its_file, its_dir);
      CHECK(TlsContext::make({}).has_value());
    }
  }

  TEST_CASE("without a CA certificate no service is asked, and it is said what to install") {
    const Scratch scratch;
    const auto nothing = scratch.path("empty");
    std::filesystem::create_directory(nothing);
    const auto unhashed = scratch.path("unhashed");
    std::filesystem::create_directory(unhashed);
    std::filesystem::copy_file(certificates().authority, unhashed + "/authority.pem");
    const auto nonsense = scratch.write("nonsense.pem", "no PEM at all");
    for (const auto& paths : {std::pair{std::string("/nonexistent"), std::string("/nonexistent")},
                              std::pair{nonsense, nothing}, std::pair{std::string(), unhashed},
                              std::pair{nothing, nonsense}}) {
      const auto& file = paths.first;
      const auto& dir = paths.second;
      CAPTURE(file);
      CAPTURE(dir);
      const TrustVariables variables(file, dir);
      const auto made = TlsContext::make({});
      REQUIRE(made.has_error());
      CHECK(made.error().code == Errc::service);
      CHECK(made.error().what.find("this machine has no CA certificates") != std::string::npos);
      CHECK(made.error().what.find("apt-get install ca-certificates") != std::string::npos);
      CHECK(made.error().what.find("SSL_CERT_FILE=" + file + " and SSL_CERT_DIR=" + dir) !=
            std::string::npos);
      TlsOptions own;
      own.ca_cert = certificates().authority;
      CHECK(TlsContext::make(own).has_value());
    }
  }

  TEST_CASE("requests and answers pass in any slices, many on one connection") {
    for (const std::size_t slice : {std::size_t{0}, std::size_t{1}, std::size_t{50}}) {
      LoopbackServer server(with_tls([&](const SeenRequest&) {
        return Reaction{.bytes = http(200, R"({"status":1})"), .slice = slice};
      }));
      const auto seen = talk(to(server.port()), 20);
      REQUIRE_MESSAGE(seen.has_value(), seen.error().what);
      CHECK(seen->statuses == std::vector<unsigned>(20, 200));
      CHECK(seen->body == R"({"status":1})");
      CHECK(server.connections() == 1);
      for (const auto& it : server.seen())
        CHECK(it.head + it.body == request);
    }
  }

  TEST_CASE("a peer that has gone is an error, not a signal") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    ::close(ends[1]);
    TlsOptions options;
    options.ca_cert = certificates().authority;
    const auto context = TlsContext::make(options);
    REQUIRE(context.has_value());
    auto stream = context->connect(ends[0], "localhost");
    REQUIRE(stream.has_value());
    CHECK(stream->handshake().want == Step::Want::failed);  // SIGPIPE has its default effect here
    ::close(ends[0]);
  }

  TEST_CASE("large requests and answers pass") {
    LoopbackServer server(with_tls([](const SeenRequest& it) {
      return Reaction{.bytes =
                          http(200, std::string(200'000, 'y') + std::to_string(it.body.size()))};
    }));
    const std::string large =
        "POST / HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n" + std::string(5'000'000, 'x');
    const auto seen = talk(to(server.port()), 3, large);
    REQUIRE(seen.has_value());
    CHECK(seen->body == std::string(200'000, 'y') + "5000000");
  }

  TEST_CASE("a session is resumed when a connection is opened again") {
    LoopbackServer server(with_tls([](const SeenRequest&) {
      return Reaction{.bytes = http(200, "{}", "Connection: close\r\n"), .then = Then::close};
    }));
    const auto seen = talk(to(server.port()), 6);
    REQUIRE(seen.has_value());
    CHECK(seen->opened == 6);
    CHECK(seen->resumed == 5);
    CHECK(server.resumed() == 5);
  }

  TEST_CASE("a connection that is cut off is no complete answer, even without a length") {
    const std::string open_end = "HTTP/1.1 200 OK\r\n\r\n{\"status\":1}";
    LoopbackServer reset(with_tls(
        [&](const SeenRequest&) { return Reaction{.bytes = open_end, .then = Then::reset}; }));
    auto seen = talk(to(reset.port()));
    REQUIRE(seen.has_value());
    CHECK(seen->ends.front() == ResponseEnd::closed);
    LoopbackServer closed(with_tls(
        [&](const SeenRequest&) { return Reaction{.bytes = open_end, .then = Then::close}; }));
    seen = talk(to(closed.port()));
    REQUIRE(seen.has_value());
    CHECK(seen->ends.front() == ResponseEnd::answered);  // it said farewell
    CHECK(seen->body == R"({"status":1})");
  }

  TEST_CASE("a hang meets the deadline, in the handshake and after it") {
    LoopbackServer server(
        with_tls([](const SeenRequest&) { return Reaction{.then = Then::hang}; }));
    EndpointOptions options = to(server.port());
    options.timeout = 150ms;
    const auto seen = talk(options);
    REQUIRE(seen.has_value());
    CHECK(seen->ends.front() == ResponseEnd::timed_out);

    LoopbackServer plain([](const SeenRequest&) { return accepted(); });  // waits for a request
    options = to(plain.port());
    options.timeout = 150ms;
    const auto opened = open(options);
    REQUIRE(opened.has_error());
    CHECK(opened.error().code == Errc::outage);
  }

  TEST_CASE("openssl s_server: the good certificate is good, by name and by address") {
    CHECK(open_s_server(good_certificate(), {}).has_value());
    CHECK(open_s_server(good_certificate(), {}, to(1, "127.0.0.1")).has_value());
    CHECK(open_s_server(good_certificate(), {"-tls1_2"}).has_value());
    CHECK(open_s_server(good_certificate(), {"-tls1_3"}).has_value());
  }

  TEST_CASE("openssl s_server: a certificate that does not hold is refused, whatever is wrong") {
    const auto refused = [](const Result<void>& result, std::string_view why) {
      REQUIRE(result.has_error());
      CHECK(result.error().code == Errc::service);
      CHECK_MESSAGE(result.error().what.find(why) != std::string::npos, result.error().what);
    };
    refused(open_s_server(certificates().sign("other", "DNS:example.com"), {}), "ostname mismatch");
    refused(open_s_server(certificates().sign("noip", "DNS:localhost"), {}, to(1, "127.0.0.1")),
            "IP address mismatch");
    refused(open_s_server(certificates().sign("partial", "DNS:local*"), {}), "ostname mismatch");
    refused(open_s_server(certificates().sign("expired", "DNS:localhost", -1), {}), "expired");
    const Scratch elsewhere;
    const Certificates stranger(elsewhere.path());
    EndpointOptions system = to(1);
    system.tls.ca_cert.clear();
    {
      const TrustVariables variables(stranger.authority, "/nonexistent");
      refused(open_s_server(good_certificate(), {}, system),
              "there are no CA certificates in SSL_CERT_DIR");
    }
    refused(open_s_server(stranger.sign("good", "DNS:localhost"), {}), "certificate");
  }

  TEST_CASE("openssl s_server: a common name does not count, however it is asked for") {
    for (const std::string alternatives : {"", "DNS:example.com", "IP:192.0.2.1"}) {
      CAPTURE(alternatives);
      const auto result = open_s_server(certificates().sign("localhost", alternatives), {});
      REQUIRE(result.has_error());
      CHECK(result.error().code == Errc::service);
      CHECK_MESSAGE(result.error().what.find("subjectAltName") != std::string::npos,
                    result.error().what);
    }
  }

  TEST_CASE("openssl s_server: TLS 1.1 is refused") {
    const auto result =
        open_s_server(good_certificate(), {"-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"});
    REQUIRE(result.has_error());
    CHECK(result.error().code == Errc::service);
    CHECK_MESSAGE(result.error().what.find("TLS 1.2") != std::string::npos, result.error().what);
  }

  TEST_CASE("openssl s_server: a client certificate is shown where it is asked for") {
    const auto client = certificates().sign("client", "DNS:client");
    for (const std::string version : {"-tls1_2", "-tls1_3"}) {
      CAPTURE(version);
      const std::vector<std::string> asks{"-Verify", "2",       "-verify_return_error",
                                          version,   "-CAfile", certificates().authority};
      EndpointOptions options = to(1);
      options.tls.client_cert = client;
      options.tls.client_key = key_of(client);
      const auto answer = ask_s_server(asks, options);
      REQUIRE_MESSAGE(answer.has_value(), answer.error().what);
      CHECK_MESSAGE(answer->end == ResponseEnd::answered, answer->what);
    }
  }

  TEST_CASE("openssl s_server: whose client certificate is missing or unknown is told so") {
    const Scratch elsewhere;
    const Certificates stranger(elsewhere.path());
    const auto unknown = stranger.sign("client", "DNS:client");
    for (const bool shows_one : {false, true}) {
      CAPTURE(shows_one);
      EndpointOptions options = to(1);
      if (shows_one) options.tls = {certificates().authority, unknown, key_of(unknown)};
      std::vector<std::string> asks{
          "-Verify", "2", "-verify_return_error", "-CAfile", certificates().authority, "-tls1_2"};
      const auto early = ask_s_server(asks, options);
      REQUIRE(early.has_error());
      CHECK(early.error().code == Errc::service);
      CHECK_MESSAGE(early.error().what.find("--client-cert") != std::string::npos,
                    early.error().what);
      // With TLS 1.3 the client is done first, and hears of it when the connection is open: while
      // it waits for its answer, or for its turn.
      asks.back() = "-tls1_3";
      for (const auto rest : {0ms, 100ms}) {
        CAPTURE(rest.count());
        const auto late = ask_s_server(asks, options, rest);
        REQUIRE_MESSAGE(late.has_value(), late.error().what);
        CHECK(late->end == ResponseEnd::refused);
        CHECK_FALSE(late->stale);
        CHECK_MESSAGE(late->what.find("--client-cert") != std::string::npos, late->what);
      }
    }
  }

  TEST_CASE("a port that speaks no TLS is told apart") {
    LoopbackServer server(
        ServerOptions{.react = [](const SeenRequest&) { return accepted(); },
                      .welcome = [](int) { return Welcome{.unasked = http(400, "plain")}; },
                      .certificate = {},
                      .key = {}});
    const auto result = open(to(server.port()));
    REQUIRE(result.has_error());
    CHECK(result.error().code == Errc::service);
    CHECK(result.error().what.find("does not speak TLS") != std::string::npos);
  }

  TEST_CASE("nginx: many requests, its own limit for a connection, and sessions") {
    if (!has_program("nginx")) {
      MESSAGE("nginx is not installed: not tested against it");
      return;
    }
    const Scratch scratch;
    const auto port = free_port();
    const auto config = scratch.write(
        "nginx.conf",
        fmt::format("daemon off; worker_processes 1; error_log {0}/error.log; pid {0}/pid;\n"
                    "events {{}}\nhttp {{ access_log off; client_body_temp_path {0}/body;\n"
                    "proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u;\n"
                    "scgi_temp_path {0}/s; keepalive_requests 10; default_type application/json;\n"
                    "server {{ listen 127.0.0.1:{1} ssl; ssl_certificate {2};\n"
                    "ssl_certificate_key {3}; ssl_session_cache shared:a:1m;\n"
                    "location / {{ return 200 '{{\"status\":1}}'; }} }} }}\n",
                    scratch.path(), port, good_certificate(), key_of(good_certificate())));
    const Program nginx({"nginx", "-p", scratch.path(), "-c", config}, port);
    const auto seen = talk(to(port), 100);
    REQUIRE_MESSAGE(seen.has_value(), seen.error().what);
    CHECK(seen->statuses == std::vector<unsigned>(100, 200));
    CHECK(seen->body == R"({"status":1})");
    CHECK(seen->opened == 10);
    CHECK(seen->resumed == 9);
  }

  TEST_CASE("Python's http.server: an answer without a length in HTTP/1.0 is read to its end") {
    const Scratch scratch;
    const auto port = free_port();
    const Program server({"python3", "-m", "http.server", std::to_string(port), "--bind",
                          "127.0.0.1", "--directory", scratch.path()},
                         port);
    EndpointOptions options;
    options.target = *parse_target(fmt::format("http://127.0.0.1:{}", port));
    const auto seen = talk(options, 3);
    REQUIRE(seen.has_value());
    CHECK(seen->statuses == std::vector<unsigned>(3, 501));
    CHECK(seen->opened == 3);
    CHECK(seen->body.find("Unsupported method") != std::string::npos);
  }

  TEST_CASE("a tunnel through a proxy leads to a verified service, with and without a password") {
    LoopbackServer service(with_tls([](const SeenRequest&) { return accepted(); }));
    LoopbackServer proxy([&](const SeenRequest& it) {
      if (it.head.find("\r\nProxy-Authorization: Basic bWU6cEBzcw==\r\n") == std::string::npos) {
        return Reaction{.bytes = http(407, "who are you?")};
      }
      return Reaction{.bytes =
                          "HTTP/1.1 103 Early Hints\r\n\r\n"
                          "HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n",
                      .then = Then::tunnel,
                      .tunnel_port = service.port()};
    });
    EndpointOptions options = to(443, "idmerge.test");  // a name that only the proxy knows
    options.proxy = *parse_proxy(fmt::format("http://me:p%40ss@127.0.0.1:{}", proxy.port()), true);
    const auto seen = talk(options, 5);
    REQUIRE_MESSAGE(seen.has_value(), seen.error().what);
    CHECK(seen->statuses == std::vector<unsigned>(5, 200));
    CHECK(proxy.seen().front().head.starts_with(
        "CONNECT idmerge.test:443 HTTP/1.1\r\nHost: idmerge.test:443\r\n"));
    CHECK(service.seen().size() == 5);

    options.proxy = *parse_proxy(fmt::format("127.0.0.1:{}", proxy.port()), false);
    const auto stranger = open(options);
    REQUIRE(stranger.has_error());
    CHECK(stranger.error().code == Errc::service);
    CHECK(stranger.error().what.find("407") != std::string::npos);

    options.target.host = "other.test";  // the tunnel leads to a service with another name
    options.proxy = *parse_proxy(fmt::format("http://me:p%40ss@127.0.0.1:{}", proxy.port()), true);
    CHECK(open(options).error().what.find("certificate") != std::string::npos);
  }

  TEST_CASE("a proxy that says no, nothing, or nonsense is told apart") {
    const auto through = [](Reaction reaction) {
      LoopbackServer proxy([&](const SeenRequest&) { return reaction; });
      EndpointOptions options = to(443, "idmerge.test");
      options.timeout = 300ms;
      options.proxy = *parse_proxy(fmt::format("127.0.0.1:{}", proxy.port()), false);
      const auto result = open(options);
      REQUIRE(result.has_error());
      CHECK(result.error().what.starts_with("proxy 127.0.0.1:"));
      return result.error().code;
    };
    CHECK(through({.bytes = http(403, "not there")}) == Errc::service);
    CHECK(through({.bytes = http(502, "it is down")}) == Errc::outage);
    CHECK(through({.bytes = "SSH-2.0\r\n\r\n"}) == Errc::outage);
    CHECK(through({.then = Then::close}) == Errc::outage);
    CHECK(through({.then = Then::hang}) == Errc::outage);
    CHECK(through({.bytes = "HTTP/1.1 200 OK\r\n\r\nunasked"}) == Errc::outage);
  }
}

}  // namespace
}  // namespace idmerge::testing
