// SPDX-License-Identifier: MIT
#include "emulator/server.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::emulator;

namespace {

using tcp = boost::asio::ip::tcp;
using boost::system::error_code;

/// A client that speaks bytes: what is sent is what stands in the test.
class Client {
 public:
  explicit Client(const Emulator& emulator) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), emulator.port()});
  }
  void send(std::string_view bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }
  /// Read up to and with this text; what was read so far if the connection ends before.
  std::string read_until(std::string_view text) {
    std::string read;
    char byte = 0;
    while (!read.ends_with(text) && !ended_) {
      boost::asio::read(socket_, boost::asio::buffer(&byte, 1), ended_);
      if (!ended_) read += byte;
    }
    return read;
  }
  std::string read_all() {
    std::string read;
    boost::asio::read(socket_, boost::asio::dynamic_buffer(read), ended_);
    return read;
  }
  /// As send() and read_until(), of a server that may have closed the connection.
  std::string ask(std::string_view bytes, std::string_view end) {
    error_code closed;
    boost::asio::write(socket_, boost::asio::buffer(bytes), closed);
    return read_until(end);
  }
  void shut() { socket_.shutdown(tcp::socket::shutdown_send); }
  error_code ended() const { return ended_; }

 private:
  boost::asio::io_context io_;
  tcp::socket socket_{io_};
  error_code ended_;
};

EmulatorOptions failing(std::string_view risks) {
  EmulatorOptions options;
  options.service.risks = parse_risks(risks).value();
  return options;
}

/// A connection on which nothing more comes ends soon, so that a failing test does not wait for it.
std::unique_ptr<Emulator> start(EmulatorOptions options = {}) {
  options.idle = std::min(options.idle, std::chrono::seconds{5});
  auto started = Emulator::start(std::move(options));
  REQUIRE(started);
  return std::move(*started);
}

std::string post(std::string_view anon, std::string_view headers = "") {
  const std::string body =
      R"({"$anon_id":")" + std::string{anon} + R"(","$identified_id":"u","$token":"t"})";
  return "POST /identity/create HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n" +
         std::string{headers} + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

std::string talk(const Emulator& emulator, std::string_view bytes) {
  Client client{emulator};
  client.send(bytes);
  client.shut();
  return client.read_all();
}

std::size_t count(std::string_view in, std::string_view what) {
  std::size_t found = 0;
  for (auto at = in.find(what); at != in.npos; at = in.find(what, at + 1))
    ++found;
  return found;
}

constexpr std::string_view done = R"({"status":1})";

}  // namespace

TEST_SUITE("emulator/server") {
  TEST_CASE("more connections than the limit are told so, and a place that is free is taken") {
    EmulatorOptions options;
    options.connections_max = 2;
    const auto emulator = start(std::move(options));
    Client one{*emulator};
    one.send(post("a1"));
    CHECK(one.read_until(done).ends_with(done));
    {
      Client two{*emulator};
      two.send(post("a2"));
      CHECK(two.read_until(done).ends_with(done));
      for (int i = 0; i < 3; ++i) {
        Client three{*emulator};
        const auto said = three.read_all();
        CHECK(said.starts_with("HTTP/1.1 503 "));
        CHECK(said.find("more than 2 connections at once") != std::string::npos);
        CHECK(three.ended() == boost::asio::error::eof);
      }
      two.send(post("a3"));
      CHECK(two.read_until(done).ends_with(done));
    }
    std::string said;
    while (!said.ends_with(done)) {  // until the end of the second one is known
      Client next{*emulator};
      said = next.ask(post("a4"), done);
    }
    one.send(post("a5"));
    CHECK(one.read_until(done).ends_with(done));
  }

  TEST_CASE("it listens on a free loopback port, and only there unless told") {
    const auto one = start();
    const auto two = start();
    CHECK(one->port() != 0);
    CHECK(one->port() != two->port());
    const std::string taken = one->url().substr(7);
    CHECK(one->url() == "http://127.0.0.1:" + std::to_string(one->port()));
    for (const std::string listen :
         {"0.0.0.0:0", "192.0.2.1:0", "[::]:0", "127.0.0.1", "8080",
          "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x", "example.com:80", ":80",
          "::1:80", "[127.0.0.1]:80", "", taken.c_str()}) {
      CAPTURE(listen);
      EmulatorOptions options;
      options.listen = listen;
      const auto refused = Emulator::start(options);
      REQUIRE(!refused);
      CHECK(refused.error().code == Errc::usage);
      CHECK(refused.error().what.starts_with("--listen " + listen + ": "));
    }
    EmulatorOptions hostile;
    hostile.listen = "\x1b[2J:0";
    CHECK(Emulator::start(hostile).error().what.find('\x1b') == std::string::npos);
    EmulatorOptions remote;
    remote.listen = "0.0.0.0:0";
    remote.allow_remote = true;
    CHECK(Emulator::start(remote));
    EmulatorOptions local;
    local.listen = "localhost:0";
    CHECK(start(local)->url().starts_with("http://127.0.0.1:"));
  }

  TEST_CASE("a connection is kept, and the answers have what HTTP asks of them") {
    const auto emulator = start();
    Client client{*emulator};
    for (int i = 0; i < 3; ++i) {
      client.send(post("a" + std::to_string(i)));
      const std::string answer = client.read_until(done);
      CHECK(answer.starts_with("HTTP/1.1 200 OK\r\nDate: "));
      CHECK(count(answer, " GMT\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n") ==
            1);
      CHECK(count(answer, "Connection:") == 0);
    }
    emulator->stop();
    CHECK(emulator->service().graph().ids() == 4);
  }

  TEST_CASE("pipelined requests are answered in order, each with its own answer") {
    const auto emulator = start();
    std::string requests;
    for (int i = 0; i < 200; ++i) {
      requests += post("a" + std::to_string(i));
      requests += "GET /emulator/cluster?id=a" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
      requests += "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n";
    }
    Client client{*emulator};
    client.send(requests);
    client.shut();
    std::string answers = client.read_all();
    CHECK(count(answers, "HTTP/1.1 ") == 600);
    for (int i = 0; i < 200; ++i) {
      CAPTURE(i);
      const auto ok = answers.find("HTTP/1.1 200 OK");
      REQUIRE(ok == 0);
      const auto size = answers.find("{\"size\":" + std::to_string(i + 2) + ",");
      const auto gone = answers.find("HTTP/1.1 404 Not Found");
      REQUIRE(size != std::string::npos);
      REQUIRE(size < gone);
      answers.erase(0, answers.find("HTTP/1.1", gone + 1));
    }
  }

  TEST_CASE("a request may come byte by byte, and its body in chunks") {
    const auto emulator = start();
    Client client{*emulator};
    for (const char c : post("a"))
      client.send({&c, 1});
    CHECK(client.read_until(done).starts_with("HTTP/1.1 200"));
    client.send(
        "POST /identity/create HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
        "a\r\n{\"$token\":\r\n1B;x=y\r\n\"t\",\"$identified_id\":\"u\",\"$\r\n"
        "d\r\nanon_id\":\"b\"}\r\n0\r\n\r\n");
    CHECK(client.read_until(done).starts_with("HTTP/1.1 200"));
    emulator->stop();
    CHECK(emulator->service().graph().cluster("b").size() == 3);
  }

  TEST_CASE("HTTP/1.0 and Connection: close end the connection, keep-alive keeps it") {
    const auto emulator = start();
    std::string old = post("a");
    old.replace(old.find("1.1"), 3, "1.0");
    for (const std::string& request : {old, post("a", "Connection: close\r\n")}) {
      Client client{*emulator};
      client.send(request);
      const std::string answer = client.read_all();  // ends, although we did not
      CHECK(answer.ends_with(done));
      CHECK(count(answer, "Connection: close\r\n") == 1);
    }
    Client kept{*emulator};
    old.insert(old.find("Host"), "Connection: keep-alive\r\n");
    for (int i = 0; i < 2; ++i) {
      kept.send(old);
      CHECK(count(kept.read_until(done), "Connection: keep-alive\r\n") == 1);
    }
  }

  TEST_CASE("a client that waits for 100 Continue gets it, once") {
    const auto emulator = start();
    const std::string request = post("a", "Expect: 100-continue\r\n");
    const std::size_t body = request.find("\r\n\r\n") + 4;
    Client client{*emulator};
    client.send(request.substr(0, body));
    CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    for (std::size_t at = body; at < request.size(); ++at)
      client.send(request.substr(at, 1));
    CHECK(client.read_until(done).starts_with("HTTP/1.1 200 OK\r\n"));
    client.send(request);  // who sends it at once anyway needs none
    CHECK(client.read_until(done).starts_with("HTTP/1.1 200 OK\r\n"));
  }

  TEST_CASE("a body over the limit is 413, announced, chunked or expected") {
    EmulatorOptions options;
    options.body_bytes_max = 1000;
    const auto emulator = start(options);
    const std::string head =
        "POST /identity/create HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n";
    const std::string much(2'000'000, 'x');
    for (const std::string& request :
         {head + "Content-Length: 2000000\r\n\r\n" + much,
          head + "Transfer-Encoding: chunked\r\n\r\n1e8480\r\n" + much,
          head + "Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n"}) {
      Client client{*emulator};
      client.send(request);
      const std::string answer = client.read_all();
      CHECK(answer.starts_with("HTTP/1.1 413 "));
      CHECK(count(answer, "exceeds max limit of 1000 bytes") == 1);
    }
    CHECK(talk(*emulator, post("a")).starts_with("HTTP/1.1 200"));
  }

  TEST_CASE("what is no request is turned away with a reason") {
    const auto emulator = start();
    CHECK(talk(*emulator, "\x16\x03\x01 hello\r\n\r\n").starts_with("HTTP/1.1 400 "));
    CHECK(talk(*emulator, "GET / HTTP/9.9\r\n\r\n").starts_with("HTTP/1.1 400 "));
    CHECK(count(talk(*emulator, "GET / HTTP/1.1\r\n\r\n"), "Host: is missing") == 1);
    CHECK(
        talk(*emulator, "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n")
            .starts_with("HTTP/1.1 431 "));
    CHECK(talk(*emulator,
               "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
              .starts_with("HTTP/1.1 400 "));
    CHECK(talk(*emulator, "").empty());
    CHECK(talk(*emulator, post("a").substr(0, 60)).empty());
    CHECK(talk(*emulator, post("a")).starts_with("HTTP/1.1 200"));
  }

  TEST_CASE("an answer to HEAD has no body") {
    const auto emulator = start();
    const std::string answer =
        talk(*emulator, "HEAD /emulator/stats HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    CHECK(answer.starts_with("HTTP/1.1 405 "));
    CHECK(count(answer, "Allow: GET\r\n") == 1);
    CHECK(answer.ends_with("\r\n\r\n"));
  }

  TEST_CASE("refusals carry their headers") {
    EmulatorOptions options;
    options.service.require_auth = "user:secret";
    options.service.limit_per_s = 1;
    const auto emulator = start(options);
    CHECK(count(talk(*emulator, post("a")), "WWW-Authenticate: Basic realm=") == 1);
    const std::string right = post("a", "Authorization: Basic dXNlcjpzZWNyZXQ=\r\n");
    const std::string answers = talk(*emulator, right + right);
    CHECK(count(answers, "HTTP/1.1 200 OK") == 1);
    CHECK(count(answers, "HTTP/1.1 429 Too Many Requests") == 1);
    CHECK(count(answers, "Retry-After: 1\r\n") == 1);
  }

  TEST_CASE("a slow client, a silent one and a latency do not hold up the others") {
    EmulatorOptions options;
    options.latency = std::chrono::hours{1};
    const auto emulator = start(options);
    Client slow{*emulator};
    slow.send(post("a").substr(0, 30));
    Client silent{*emulator};
    Client waiting{*emulator};
    waiting.send(post("b"));
    constexpr std::string_view ask =
        "GET /emulator/cluster?id=b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    while (talk(*emulator, ask).find("\"size\":2") ==
           std::string::npos) {  // made, not yet answered
    }
    emulator->stop();  // and they do not hold up the end either
    CHECK(waiting.read_all().empty());
  }

  TEST_CASE("a latency passes before the answer") {
    EmulatorOptions options;
    options.latency = std::chrono::milliseconds{30};
    const auto emulator = start(options);
    const auto before = std::chrono::steady_clock::now();
    CHECK(talk(*emulator, post("a")).ends_with(done));
    CHECK(std::chrono::steady_clock::now() - before >= options.latency);
  }

  TEST_CASE("a silent connection is closed after the idle time") {
    EmulatorOptions options;
    options.idle = std::chrono::seconds{1};
    const auto emulator = start(options);
    Client client{*emulator};
    CHECK(client.read_all().empty());
  }

  TEST_CASE("a reset is a reset, after the answers before it") {
    const auto emulator = start(failing("reset:1"));
    Client client{*emulator};
    client.send("GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n");
    client.read_until("}");
    client.send(post("a"));
    CHECK(client.read_all().empty());
    CHECK(client.ended() == boost::asio::error::connection_reset);
  }

  TEST_CASE("a hang lasts until the client leaves, and others are served meanwhile") {
    const auto emulator = start(failing("hang:1"));
    Client client{*emulator};
    client.send(post("a"));
    std::string stats;
    while (count(stats, R"("unanswered":1)") == 0)
      stats = talk(*emulator, "GET /emulator/stats HTTP/1.1\r\nHost: h\r\n\r\n");
    client.shut();
    CHECK(client.read_all().empty());
  }

  TEST_CASE("truncated answers stop anywhere short of their end") {
    const auto emulator = start(failing("truncate:1"));
    std::vector<std::size_t> sizes;
    for (int i = 0; i < 100; ++i) {
      Client client{*emulator};
      client.send(post("a"));
      const std::string answer = client.read_all();
      CHECK(answer.starts_with("H"));
      CHECK(!answer.ends_with("}"));
      sizes.push_back(answer.size());
    }
    std::sort(sizes.begin(), sizes.end());
    CHECK(sizes.front() < 20);                 // within the status line
    CHECK(sizes.back() > sizes.front() + 80);  // within the body
  }

  TEST_CASE("garbage is not HTTP, and a close comes unannounced") {
    const auto garbage = start(failing("garbage:1"));
    Client one{*garbage};
    one.send(post("a"));
    CHECK(one.read_all().find("HTTP/") == std::string::npos);
    const auto closing = start(failing("close:1"));
    Client two{*closing};
    two.send(post("a"));
    const std::string answer = two.read_all();
    CHECK(answer.ends_with(done));
    CHECK(count(answer, "Connection") == 0);
  }

  TEST_CASE("stopping twice, or with nobody connected, is harmless") {
    const auto emulator = start();
    emulator->stop();
    emulator->stop();
    CHECK(emulator->service().graph().ids() == 0);
  }
}
