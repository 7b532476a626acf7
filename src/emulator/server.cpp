// SPDX-License-Identifier: MIT
#include "emulator/server.hpp"

#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstring>
#include <ctime>
#include <exception>
#include <list>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <fmt/format.h>

#include "emulator/request_parser.hpp"
#include "net/async.hpp"
#include "util/check.hpp"
#include "util/exceptions.hpp"
#include "util/log.hpp"

namespace idmerge::emulator {
namespace {

namespace http = boost::beast::http;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using boost::system::error_code;

using Socket = asio::basic_stream_socket<tcp, net::Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, net::Executor>;

constexpr std::size_t buffer_bytes = 32 * 1024;  // must hold any request head
constexpr std::size_t answers_bytes_max = 64 * 1024;
constexpr auto linger_time = std::chrono::seconds{5};

Result<tcp::endpoint> parse_listen(std::string_view text, bool allow_remote) {
  const auto malformed = [&] {
    return Error{Errc::usage, fmt::format("--listen {}: is not ADDRESS:PORT: write 127.0.0.1:8080, "
                                          "[::1]:8080 or localhost:0",
                                          util::printable(text))};
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed();
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  std::uint16_t port = 0;
  const char* const port_end = port_text.data() + port_text.size();
  const auto [end, ec] = std::from_chars(port_text.data(), port_end, port);
  if (ec != std::errc{} || end != port_end) return malformed();
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  error_code no_address;
  const auto address = asio::ip::make_address(std::string{host}, no_address);
  if (no_address || address.is_v6() != bracketed) return malformed();
  if (!address.is_loopback() && !allow_remote) {
    return Error{Errc::usage, fmt::format("--listen {}: other machines could reach it: listen on "
                                          "127.0.0.1, or use --allow-remote",
                                          util::printable(text))};
  }
  return tcp::endpoint{address, port};
}

/// The current time as in a Date header, formatted once per second.
class HttpDate {
 public:
  std::string_view text() {
    const std::time_t now = std::time(nullptr);
    if (now != second_) {
      second_ = now;
      std::tm utc{};
      gmtime_r(&now, &utc);
      size_ = std::strftime(text_.data(), text_.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    }
    return {text_.data(), size_};
  }

 private:
  std::time_t second_ = -1;
  std::array<char, 32> text_{};
  std::size_t size_ = 0;
};

/// One connection. It stays in Host::sessions until its coroutine has ended.
struct Session {
  explicit Session(Socket connected) : socket(std::move(connected)) {}

  Socket socket;
  net::Timer timer{socket.get_executor()};
  ParsedRequest request;
  std::optional<RequestParser> parser;
  std::unique_ptr<char[]> buffer = std::make_unique_for_overwrite<char[]>(buffer_bytes);
  std::size_t begin = 0;  // of the bytes in `buffer` that are not parsed yet
  std::size_t end = 0;
  std::string answers;  // not written yet
  Clock::time_point expires = Clock::time_point::max();
};

}  // namespace

struct Emulator::Host {
  Host(EmulatorOptions chosen)
      : options(std::move(chosen)), service(options.service, Clock::now()) {}

  Result<void> listen();
  void begin();
  void serve_all();
  void end();

  net::Task<> accept();
  void refuse(Socket& socket) const;
  net::Task<> sweep();
  net::Task<> serve(Session& session);
  net::Task<bool> receive(Session& session);
  net::Task<bool> fill(Session& session);
  net::Task<bool> flush(Session& session);
  net::Task<bool> answer(Session& session, bool keep_alive);
  net::Task<> linger(Session& session);
  net::Task<> turn_away(Session& session, error_code why);
  void append(std::string& to, const Response& answer, const Session& session, bool keep_alive);
  void spoil(Session& session, const Response& answer, std::size_t start);
  void append_error(Session& session, unsigned status, std::string_view reason);

  EmulatorOptions options;
  Service service;
  std::unique_ptr<asio::io_context> io = std::make_unique<asio::io_context>(1);
  Acceptor acceptor{*io};
  net::Timer sweeper{*io};
  net::Timer breather{*io};
  std::list<Session> sessions;
  HttpDate date;
  std::uint16_t port = 0;
  std::string url;
  std::uint64_t spoiled = 0;
  bool ending = false;
  Result<void> outcome;  // may be read by any thread once `failed`
  std::atomic<bool> failed = false;
  std::thread thread;
};

Result<void> Emulator::Host::listen() {
  const auto endpoint = parse_listen(options.listen, options.allow_remote);
  if (!endpoint) return endpoint.error();
  error_code ec;
  acceptor.open(endpoint->protocol(), ec);
  if (!ec) acceptor.set_option(Acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(*endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  const tcp::endpoint bound = ec ? tcp::endpoint{} : acceptor.local_endpoint(ec);
  if (ec) {
    return Error{Errc::usage, fmt::format("--listen {}: {}: choose another address or port 0",
                                          util::printable(options.listen), ec.message())};
  }
  port = bound.port();
  const std::string address = bound.address().to_string();
  const bool v6 = bound.address().is_v6();
  url = v6 ? fmt::format("http://[{}]:{}", address, port)
           : fmt::format("http://{}:{}", address, port);
  return {};
}

void Emulator::Host::begin() {
  const auto ended = [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  };
  asio::co_spawn(*io, accept(), ended);
  asio::co_spawn(*io, sweep(), ended);
}

/// Serves until the end, or until an exception, which closes all connections.
void Emulator::Host::serve_all() {
  auto served = util::caught([this]() -> Result<void> {
    begin();
    io->run();
    return {};
  });
  if (served) return;
  outcome = std::move(served);  // moved: copying its error may need memory that is not available
  failed = true;
  end();
}

/// Closes everything, so that `io` runs out of work. Thread safety: on the thread of `io`.
void Emulator::Host::end() {
  ending = true;
  error_code ignored;
  acceptor.close(ignored);
  sweeper.cancel();
  breather.cancel();
  for (Session& session : sessions) {
    session.socket.close(ignored);
    session.timer.cancel();
  }
}

net::Task<> Emulator::Host::accept() {
  while (!ending) {
    auto [ec, socket] = co_await acceptor.async_accept(net::use_tuple);
    if (ending) co_return;
    if (ec) {  // most likely out of descriptors; retry when some are closed
      breather.expires_after(std::chrono::milliseconds{50});
      co_await breather.async_wait(net::use_tuple);
      continue;
    }
    if (sessions.size() >= options.connections_max) {
      refuse(socket);
      continue;
    }
    socket.set_option(tcp::no_delay(true), ec);
    sessions.emplace_front(std::move(socket));
    const auto place = sessions.begin();
    asio::co_spawn(*io, serve(*place), [this, place](const std::exception_ptr& thrown) {
      sessions.erase(place);
      if (thrown) std::rethrow_exception(thrown);
    });
  }
}

/// Answers why a connection is refused, as far as the socket accepts it without waiting: waiting
/// would take up a connection.
void Emulator::Host::refuse(Socket& socket) const {
  const auto body = fmt::format(
      R"({{"status":0,"error":"more than {} connections at once: see --limit-connections"}})",
      options.connections_max);
  const auto answer = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
      body.size(), body);
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(answer), ignored);
  socket.shutdown(Socket::shutdown_send, ignored);
  socket.close(ignored);
}

/// Closes idle connections: one pass per second instead of a timer for each read.
net::Task<> Emulator::Host::sweep() {
  while (!ending) {
    sweeper.expires_after(std::chrono::seconds{1});
    co_await sweeper.async_wait(net::use_tuple);
    const auto now = Clock::now();
    for (Session& session : sessions) {
      error_code ignored;
      if (session.expires < now) session.socket.close(ignored);
    }
  }
}

net::Task<> Emulator::Host::serve(Session& session) {
  bool more = true;
  while (more && !ending) {
    session.parser.emplace(session.request);
    session.parser->eager(true);
    session.parser->body_limit(options.body_bytes_max);
    if (!co_await receive(session)) co_return;
    more = co_await answer(session, session.parser->keep_alive());
  }
}

/// Reads one request.
///
/// Returns: false if there is none and the connection must be closed.
net::Task<bool> Emulator::Host::receive(Session& session) {
  RequestParser& parser = *session.parser;
  bool continued = false;
  for (;;) {
    if (session.begin < session.end) {
      error_code ec;
      session.begin += parser.put(
          asio::buffer(session.buffer.get() + session.begin, session.end - session.begin), ec);
      if (ec && ec != http::error::need_more) {
        co_await turn_away(session, ec);
        co_return false;
      }
      if (parser.is_done()) co_return true;
    }
    if (parser.is_header_done() && session.request.expects_continue && !continued) {
      continued = true;
      if (session.request.version >= 11) session.answers += "HTTP/1.1 100 Continue\r\n\r\n";
    }
    if (!co_await flush(session)) co_return false;
    if (!co_await fill(session)) co_return false;
  }
}

/// Reads bytes and appends them to those not parsed yet.
net::Task<bool> Emulator::Host::fill(Session& session) {
  char* const buffer = session.buffer.get();
  if (session.begin == session.end) {
    session.begin = session.end = 0;
  } else if (session.begin > 0) {
    std::memmove(buffer, buffer + session.begin, session.end - session.begin);
    session.end -= std::exchange(session.begin, 0);
  }
  if (session.end == buffer_bytes) co_return false;  // the parser's own limits are lower
  session.expires = Clock::now() + options.idle;
  auto [ec, size] = co_await session.socket.async_read_some(
      asio::buffer(buffer + session.end, buffer_bytes - session.end), net::use_tuple);
  session.end += size;
  co_return !ec;
}

net::Task<bool> Emulator::Host::flush(Session& session) {
  if (session.answers.empty()) co_return true;
  session.expires = Clock::now() + options.idle;
  auto [ec, size] =
      co_await asio::async_write(session.socket, asio::buffer(session.answers), net::use_tuple);
  if (session.answers.capacity() > answers_bytes_max) session.answers = {};
  session.answers.clear();
  co_return !ec;
}

/// Answers the current request. The bytes may be buffered to be written with those of the next one.
///
/// Returns: false if the connection must be closed.
net::Task<bool> Emulator::Host::answer(Session& session, bool keep_alive) {
  const ParsedRequest& request = session.request;
  if (request.version >= 11 && !request.has_host) {
    append_error(session, 400, "Host: is missing");
    co_await linger(session);
    co_return false;
  }
  const Response answer =
      service.answer({request.method, request.target, request.content_type,
                      request.content_encoding, request.authorization, request.body},
                     Clock::now());
  if (answer.delayed && options.latency.count() > 0) {
    if (!co_await flush(session)) co_return false;
    session.expires = Clock::time_point::max();
    session.timer.expires_after(options.latency);
    auto [ec] = co_await session.timer.async_wait(net::use_tuple);
    if (ec) co_return false;
  }
  if (answer.mishap == Mishap::reset || answer.mishap == Mishap::hang) {
    if (!co_await flush(session)) co_return false;
    error_code ec;
    if (answer.mishap == Mishap::reset) {
      session.socket.set_option(asio::socket_base::linger(true, 0), ec);
      session.socket.close(ec);
      co_return false;
    }
    session.expires = Clock::time_point::max();
    while (!ec) {
      const auto [gone, size] = co_await session.socket.async_read_some(
          asio::buffer(session.buffer.get(), buffer_bytes), net::use_tuple);
      ec = gone;
    }
    co_return false;
  }
  const std::size_t start = session.answers.size();
  append(session.answers, answer, session, keep_alive);
  if (answer.mishap != Mishap::none) spoil(session, answer, start);
  if (!keep_alive || answer.mishap != Mishap::none) {
    co_await linger(session);
    co_return false;
  }
  if (session.answers.size() >= answers_bytes_max) co_return co_await flush(session);
  co_return true;
}

void Emulator::Host::append(std::string& to, const Response& answer, const Session& session,
                            bool keep_alive) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(answer.status));
  fmt::format_to(std::back_inserter(to),
                 "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n",
                 answer.status, std::string_view{reason.data(), reason.size()}, date.text(),
                 answer.type, answer.body.size());
  if (answer.retry_after_s)
    fmt::format_to(std::back_inserter(to), "Retry-After: {}\r\n", *answer.retry_after_s);
  if (!answer.allow.empty()) fmt::format_to(std::back_inserter(to), "Allow: {}\r\n", answer.allow);
  if (answer.status == 401) to += "WWW-Authenticate: Basic realm=\"emulator\"\r\n";
  if (!keep_alive) to += "Connection: close\r\n";
  if (keep_alive && session.request.version < 11) to += "Connection: keep-alive\r\n";
  to += "\r\n";
  if (session.request.method != "HEAD") to += answer.body;
}

/// Applies the fault to the last answer, which begins at `start`.
void Emulator::Host::spoil(Session& session, const Response& answer, std::size_t start) {
  std::string& answers = session.answers;
  if (answer.mishap == Mishap::truncate) {  // at varying but reproducible positions
    const std::size_t size = answers.size() - start;
    answers.resize(start + 1 + spoiled++ * 37 % (size - 1));
  }
  if (answer.mishap == Mishap::garbage) {
    answers.resize(start);
    answers += "\x16\x03\x01 this is not HTTP\r\n\r\n";
  }
}

void Emulator::Host::append_error(Session& session, unsigned status, std::string_view reason) {
  service.count_malformed();
  Response answer;
  answer.status = status;
  answer.body = session.request.target.starts_with("/import")
                    ? import_error(status, reason)
                    : fmt::format(R"({{"status":0,"error":"{}"}})", reason);
  append(session.answers, answer, session, false);
}

/// Answers invalid HTTP.
net::Task<> Emulator::Host::turn_away(Session& session, error_code why) {
  if (why == http::error::body_limit) {
    append_error(session, 413,
                 fmt::format("request exceeds max limit of {} bytes", options.body_bytes_max));
  } else if (why == http::error::header_limit) {
    append_error(session, 431, "the request header is too large");
  } else {
    append_error(session, 400, fmt::format("not an HTTP request: {}", why.message()));
  }
  co_await linger(session);
}

/// Writes the buffered answers, shuts down sending, and reads until the client closes, at most for
/// `linger_time`: closing at once could reset the connection and lose the answer.
net::Task<> Emulator::Host::linger(Session& session) {
  if (!co_await flush(session)) co_return;
  error_code ec;
  session.socket.shutdown(Socket::shutdown_send, ec);
  session.expires = Clock::now() + linger_time;
  while (!ec) {
    const auto [gone, size] = co_await session.socket.async_read_some(
        asio::buffer(session.buffer.get(), buffer_bytes), net::use_tuple);
    ec = gone;
  }
}

Emulator::Emulator(std::unique_ptr<Host> host) : host_(std::move(host)) {}

Emulator::~Emulator() {
  stop();
}

Result<std::unique_ptr<Emulator>> Emulator::start(EmulatorOptions options) {
  auto host = std::make_unique<Host>(std::move(options));
  if (const auto listening = host->listen(); !listening) return listening.error();
  Host& running = *host;
  std::unique_ptr<Emulator> emulator{new Emulator{std::move(host)}};
  running.thread = std::thread{[&running] { running.serve_all(); }};
  return emulator;
}

std::uint16_t Emulator::port() const {
  return host_->port;
}

std::string Emulator::url() const {
  return host_->url;
}

void Emulator::stop() {
  if (!host_->thread.joinable()) return;
  const auto asked = util::caught([this]() -> Result<void> {
    asio::post(*host_->io, [this] { host_->end(); });
    return {};
  });
  if (!asked) host_->io->stop();  // needs no memory; the destructors close what is open
  host_->thread.join();
  if (!asked || host_->failed) net::leak_io_context(std::move(host_->io));
}

std::optional<Error> Emulator::failure() const {
  if (!host_->failed) return std::nullopt;
  return host_->outcome.error();
}

const Service& Emulator::service() const {
  IDMERGE_CHECK(!host_->thread.joinable());
  return host_->service;
}

Result<void> run_emulator(const EmulatorOptions& options, std::FILE* out) {
  Emulator::Host host{options};
  if (auto listening = host.listen(); !listening) return listening;
  asio::signal_set signals{*host.io, SIGINT, SIGTERM};
  signals.async_wait([&](const error_code&, int) { host.end(); });
  fmt::print(out, "emulator: listening on {}\n", host.url);
  std::fflush(out);
  host.serve_all();
  if (host.failed) {
    net::leak_io_context(std::move(host.io));
    return host.outcome;
  }
  fmt::print(out, "{}\n", host.service.stats(Clock::now()));
  std::fflush(out);
  return {};
}

}  // namespace idmerge::emulator
