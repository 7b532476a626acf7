// SPDX-License-Identifier: MIT
#include "net/client.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include "net/answer_reader.hpp"
#include "util/check.hpp"
#include "util/encoding.hpp"

namespace idmerge::net {
namespace {

using std::chrono::steady_clock;

// Time that the other side has to close a connection that is no longer needed.
constexpr std::chrono::milliseconds farewell_wait{1'000};

}  // namespace

struct ClientConnection::State : WatchedSocket {
  explicit State(Endpoint& its_endpoint)
      : WatchedSocket(its_endpoint.executor()),
        endpoint(its_endpoint),
        answers(its_endpoint.options().head_bytes_max, its_endpoint.options().body_bytes_max) {
    endpoint.watch(*this);
  }
  ~State() { endpoint.unwatch(*this); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Endpoint& endpoint;
  TlsStream tls;
  AnswerReader answers;
  bool drained = true;    // the last read emptied the socket: wait before the next one
  std::uint64_t had = 0;  // answers received on this connection
  std::uint64_t number = 0;
  std::optional<Step> end_seen;  // the end of the connection, if look() has found it
  std::string what;

  void close();
  Step took(Step step, std::size_t room);
  Step read_some();
  Step write_some(std::string_view bytes);
  Unasked look(Step& step);
  bool look_for_surplus();

  Step write_ready(std::string_view& rest);
  Task<bool> ready(Step::Want want);
  Task<Step> write_rest(std::string_view& rest, Step step);
  Task<Result<void>> connect(const Endpoint::Address& address, Instant last);
  Task<Result<void>> through_proxy(const Proxy& proxy);
  Task<Result<void>> shake_hands();
  Task<Answer> converse(std::string_view request, bool read_answer);

  Answer answered(bool whole);
  Answer garbage(bool sent, const boost::beast::error_code& ec);
  Answer broken(Step step, bool sent);
  Answer ended(ResponseEnd how, bool sent, bool stale, std::string_view why);
  Error connect_error(const Endpoint::Address& address, const std::string& why) const;
};

namespace {

/// Clears the deadline of a connection at the end of an operation, and closes the socket unless the
/// operation has completed. This also holds if the coroutine is cancelled.
class Guard {
 public:
  Guard(Endpoint& endpoint, WatchedSocket& watched, Instant deadline)
      : endpoint_(endpoint), watched_(watched) {
    watched_.overdue = false;
    endpoint_.set_deadline(watched_, deadline);
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard() {
    endpoint_.set_deadline(watched_, Instant::max());
    if (done_) return;
    boost::system::error_code ignored;
    watched_.socket.close(ignored);
  }

  void done() { done_ = true; }

 private:
  Endpoint& endpoint_;
  WatchedSocket& watched_;
  bool done_ = false;
};

}  // namespace

// ---- The socket

void ClientConnection::State::close() {
  if (socket.is_open()) tls.shutdown();
  boost::system::error_code ignored;
  socket.close(ignored);
  tls = TlsStream();
  answers.clear();
  readable_at = 1;  // the default of a new socket
  drained = true;
  had = 0;
  end_seen.reset();
}

/// Account for the bytes of a read into a buffer of `room` bytes.
Step ClientConnection::State::took(Step step, std::size_t room) {
  answers.came(step.bytes);
  drained = step.want != Step::Want::nothing || (!tls && step.bytes < room);
  return step;
}

Step ClientConnection::State::read_some() {
  const auto into = answers.room();
  if (tls) return took(tls.read(static_cast<char*>(into.data()), into.size()), into.size());
  const auto n = ::recv(socket.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
  if (n > 0) return took({Step::Want::nothing, static_cast<std::size_t>(n)}, into.size());
  if (n == 0) return took({Step::Want::closed, 0}, into.size());
  const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return took({again ? Step::Want::read : Step::Want::failed, 0}, into.size());
}

Step ClientConnection::State::write_some(std::string_view bytes) {
  if (tls) return tls.write(bytes);
  const auto n =
      ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n >= 0) return {Step::Want::nothing, static_cast<std::size_t>(n)};
  const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {again ? Step::Want::write : Step::Want::failed, 0};
}

/// Write as much as the socket accepts without waiting, and remove it from `rest`.
Step ClientConnection::State::write_ready(std::string_view& rest) {
  Step step;
  while (!rest.empty() && step.want == Step::Want::nothing) {
    step = write_some(rest);
    rest.remove_prefix(step.bytes);
  }
  return step;
}

/// Write the rest as the socket becomes ready, until all is written or the connection fails.
Task<Step> ClientConnection::State::write_rest(std::string_view& rest, Step step) {
  while (step.want == Step::Want::read || step.want == Step::Want::write) {
    const bool good = co_await ready(step.want);
    if (!good) co_return Step{Step::Want::failed, 0};
    step = write_ready(rest);
  }
  co_return step;
}

/// Wait until the socket is ready. Returns: false on failure or after the deadline.
Task<bool> ClientConnection::State::ready(Step::Want want) {
  const auto how = want == Step::Want::write ? Socket::wait_write : Socket::wait_read;
  const auto [ec] = co_await socket.async_wait(how, use_tuple);
  co_return !ec && !overdue;
}

/// Read without waiting what has arrived since the last answer. Returns: its kind. `step` tells
/// whether the connection is open (`read`) or how it ended.
Unasked ClientConnection::State::look(Step& step) {
  step = end_seen.value_or(Step{});
  auto unasked = answers.unasked();
  while (unasked != Unasked::answer && step.want == Step::Want::nothing) {
    if (answers.room().size() == 0) break;
    step = read_some();  // may read a TLS session ticket, which is no answer
    unasked = answers.unasked();
  }
  if (step.want == Step::Want::closed || step.want == Step::Want::failed) end_seen = step;
  return unasked;
}

bool ClientConnection::State::look_for_surplus() {
  Step step;
  return look(step) == Unasked::answer;
}

// ---- Open

ClientConnection::ClientConnection(Endpoint& endpoint)
    : state_(std::make_unique<State>(endpoint)) {}
ClientConnection::~ClientConnection() {
  close();
}

bool ClientConnection::is_open() const {
  return state_->socket.is_open();
}

void ClientConnection::close() {
  state_->close();
  state_->endpoint.rest();
}

std::uint64_t ClientConnection::number() const {
  return state_->number;
}

bool ClientConnection::look_for_surplus() {
  State& state = *state_;
  const bool is_at_work = state.deadline != Instant::max() || state.answers.is_awaiting();
  if (!is_open() || is_at_work || !state.look_for_surplus()) return false;
  close();
  return true;
}

Task<bool> ClientConnection::finish() {
  State& state = *state_;
  if (!is_open()) co_return false;
  const auto wait = std::min(state.endpoint.options().timeout, farewell_wait);
  bool surplus = false;
  {
    Guard guard(state.endpoint, state, steady_clock::now() + wait);
    if (state.tls) state.tls.shutdown();
    boost::system::error_code ignored;
    state.socket.shutdown(WatchedSocket::Socket::shutdown_send, ignored);
    state.set_readable_at(1);
    while (true) {
      Step step;
      surplus = state.look(step) == Unasked::answer;
      if (surplus || step.want != Step::Want::read) break;
      const bool good = co_await state.ready(step.want);
      if (!good) break;
    }
    guard.done();
  }
  close();
  co_return surplus;
}

bool ClientConnection::resumed() const {
  return state_->tls && state_->tls.resumed();
}

Task<Result<void>> ClientConnection::open() {
  State& state = *state_;
  state.close();
  const Instant last = steady_clock::now() + state.endpoint.options().timeout;
  Guard guard(state.endpoint, state, last);

  auto addresses = co_await state.endpoint.addresses(state);
  if (!addresses) co_return addresses.error();
  Result<void> result = Error{Errc::outage, "no address"};
  for (const auto& address : *addresses) {
    state.close();
    const bool only = addresses->size() == 1;
    const Instant now = steady_clock::now();
    const Instant until =
        only ? last : std::min(last, now + state.endpoint.options().connect_timeout);
    result = co_await state.connect(address, until);
    if (result) {
      state.endpoint.set_deadline(state, last);
      if (state.endpoint.proxy() != nullptr) {
        result = co_await state.through_proxy(*state.endpoint.proxy());
      }
      if (result && state.endpoint.tls() != nullptr) result = co_await state.shake_hands();
    }
    if (result) {
      state.number = state.endpoint.number_next();
      guard.done();
      co_return result;
    }
    if (result.error().code != Errc::outage || steady_clock::now() >= last) break;
    state.endpoint.demote(address);
    state.overdue = false;
  }
  state.close();
  co_return result;
}

Error ClientConnection::State::connect_error(const Endpoint::Address& address,
                                             const std::string& why) const {
  const Proxy* proxy = endpoint.proxy();
  const std::string subject = proxy != nullptr
                                  ? fmt::format("proxy {}:{}", proxy->host, proxy->port)
                                  : endpoint.options().target.url();
  return {Errc::outage,
          fmt::format("{}: cannot connect to {} port {}: {}: check --to and the network", subject,
                      address.address().to_string(), address.port(), why)};
}

Task<Result<void>> ClientConnection::State::connect(const Endpoint::Address& address,
                                                    Instant last) {
  endpoint.set_deadline(*this, last);
  const auto [ec] = co_await socket.async_connect(address, use_tuple);
  if (overdue) co_return connect_error(address, "no answer in time");
  if (ec) co_return connect_error(address, ec.message());
  boost::system::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.native_non_blocking(true, ignored);
  co_return Result<void>();
}

Task<Result<void>> ClientConnection::State::through_proxy(const Proxy& proxy) {
  const Target& target = endpoint.options().target;
  const bool v6 = target.host.find(':') != std::string::npos;
  const std::string where =
      fmt::format("{}{}{}:{}", v6 ? "[" : "", target.host, v6 ? "]" : "", target.port);
  std::string request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", where);
  if (!proxy.username.empty()) {
    std::string credentials = proxy.username + ":";
    credentials += proxy.password.reveal();
    request += "Proxy-Authorization: Basic ";
    util::append_base64(credentials, request);
    request += "\r\n";
    util::wipe(credentials);
  }
  request += "\r\n";
  const std::string subject = fmt::format("proxy {}:{}", proxy.host, proxy.port);
  const auto outage = [&](std::string_view why) {
    return Error{Errc::outage, fmt::format("{}: {}", subject, why)};
  };

  std::string_view rest = request;
  while (!rest.empty()) {
    const Step step = write_some(rest);
    rest.remove_prefix(step.bytes);
    if (step.want == Step::Want::failed) co_return outage("the connection broke");
    if (step.want != Step::Want::write) continue;
    const bool good = co_await ready(step.want);
    if (!good) co_return outage("it did not answer in time");
  }
  util::wipe(request);
  answers.start_tunnel();
  boost::beast::error_code ec;
  while (!answers.parse(ec)) {
    if (ec) co_return outage("it does not answer as a proxy does: check --proxy");
    const bool good = co_await ready(Step::Want::read);
    if (!good) co_return outage("it did not answer in time");
    const Step step = read_some();
    if (step.want == Step::Want::closed || step.want == Step::Want::failed) {
      co_return outage("it closed the connection");
    }
  }
  const unsigned status = answers.status();
  if (status >= 200 && status < 300) {
    if (answers.unparsed() > 0) co_return outage("it sent bytes that were not requested");
    answers.tunnel();
    co_return Result<void>();
  }
  const std::string why = fmt::format("it answered {} to a tunnel to {}", status, where);
  if (status == 407) {
    co_return Error{Errc::service, fmt::format("{}: {}: give its user name and password in "
                                               "HTTPS_PROXY",
                                               subject, why)};
  }
  if (status < 500) {
    co_return Error{Errc::service,
                    fmt::format("{}: {}: ask who runs it, or set NO_PROXY", subject, why)};
  }
  co_return outage(why);
}

Task<Result<void>> ClientConnection::State::shake_hands() {
  const std::string& host = endpoint.options().target.host;
  auto started = endpoint.tls()->connect(socket.native_handle(), host);
  if (!started) co_return started.error();
  tls = std::move(*started);
  while (true) {
    const Step step = tls.handshake();
    if (step.want == Step::Want::nothing) co_return Result<void>();
    if (step.want == Step::Want::closed || step.want == Step::Want::failed) {
      co_return tls.error(host);
    }
    const bool good = co_await ready(step.want);
    if (!good) {
      co_return Error{Errc::outage, fmt::format("{}: no TLS handshake in time", host)};
    }
  }
}

// ---- Requests and answers

Answer ClientConnection::State::answered(bool whole) {
  Answer answer{.end = ResponseEnd::answered, .sent = whole, .response = answers.taken()};
  if (!answer.response.retry_after.empty()) {
    answer.response.received_unix_s = std::chrono::duration_cast<std::chrono::seconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count();
  }
  ++had;
  if (!answers.keep_alive() || !whole) {
    answer.surplus = !answers.is_awaiting() && look_for_surplus();
    close();
  }
  return answer;
}

Answer ClientConnection::State::ended(ResponseEnd how, bool sent, bool stale,
                                      std::string_view why) {
  what = why;
  close();
  return {.end = how, .sent = sent, .stale = stale, .what = what};
}

Answer ClientConnection::State::garbage(bool sent, const boost::beast::error_code& ec) {
  return ended(ResponseEnd::garbage, sent, false, "not HTTP: " + ec.message());
}

Answer ClientConnection::State::broken(Step step, bool sent) {
  const bool nothing_came = answers.nothing_came();
  const bool stale = had > 0 && nothing_came;
  if (overdue) return ended(ResponseEnd::timed_out, sent, false, "no complete answer in time");
  if (tls && step.want == Step::Want::failed) {
    const bool refused = had == 0 && tls.refused();
    return ended(refused ? ResponseEnd::refused : ResponseEnd::closed, sent, stale,
                 tls.error(endpoint.options().target.host).what);
  }
  if (step.want == Step::Want::failed) {
    return ended(ResponseEnd::closed, sent, stale,
                 std::generic_category().message(errno != 0 ? errno : ECONNRESET));
  }
  return ended(ResponseEnd::closed, sent, stale,
               nothing_came ? "the connection was closed without an answer"
                            : "the connection was closed within the answer");
}

Task<Answer> ClientConnection::State::converse(std::string_view request, bool read_answer) {
  const Instant now = steady_clock::now();
  if (!request.empty()) {
    Step step;
    const Unasked unasked = look(step);
    if (unasked == Unasked::answer) {
      auto answer = ended(ResponseEnd::closed, false, had > 0, "an answer came without a request");
      answer.surplus = true;
      co_return answer;
    }
    if (tls && step.want == Step::Want::failed) co_return broken(step, false);
    if (unasked == Unasked::farewell || step.want != Step::Want::read) {
      co_return ended(ResponseEnd::closed, false, had > 0, "the connection was closed while idle");
    }
  }
  Guard guard(endpoint, *this, now + endpoint.options().timeout);
  const std::size_t size = request.size();
  Step wrote = write_ready(request);
  if (wrote.want == Step::Want::read || wrote.want == Step::Want::write) {
    wrote = co_await write_rest(request, wrote);
  }
  const bool whole = request.empty();
  if (!whole) {
    // The other side no longer reads. It may have answered before that, for example with 413.
    const bool may_have_answered = read_answer && wrote.want == Step::Want::failed && !overdue;
    // The service cannot act on a part of a single request, but it can on a part of several.
    if (!may_have_answered) co_return broken(wrote, !read_answer && request.size() < size);
    drained = false;
  }
  if (!read_answer) {
    guard.done();
    co_return Answer{.end = ResponseEnd::answered, .sent = true};
  }

  boost::beast::error_code ec;
  while (!answers.next(ec)) {
    if (ec) co_return garbage(whole, ec);
    if (drained && !whole) co_return broken(wrote, false);
    Step step;
    if (drained && !tls) {
      // A wait followed by a read would be slower: Asio rearms epoll for every wait.
      const auto into = answers.room();
      // A service that sends byte by byte must not delay the read beyond the deadline.
      set_readable_at(steady_clock::now() < deadline ? answers.bytes_awaited() : 1);
      const auto [failed, n] = co_await socket.async_read_some(into, use_tuple);
      if (overdue || failed == asio::error::operation_aborted) {
        co_return broken({Step::Want::closed, 0}, true);
      }
      if (failed && failed != asio::error::eof) {
        errno = failed.value();
        co_return broken({Step::Want::failed, 0}, whole);
      }
      step = took({failed ? Step::Want::closed : Step::Want::nothing, n}, into.size());
    } else {
      if (drained) {
        const auto [failed] = co_await socket.async_wait(Socket::wait_read, use_tuple);
        if (failed || overdue) co_return broken({Step::Want::closed, 0}, true);
      }
      step = read_some();
    }
    if (step.want == Step::Want::failed) co_return broken(step, whole);
    if (step.want == Step::Want::closed) {
      // The end of the connection may be the end of a body without a length.
      if (!answers.ends_with_connection()) co_return broken(step, whole);
      break;
    }
    if (step.want == Step::Want::write) {
      const bool good = co_await ready(step.want);
      if (!good) co_return broken(step, whole);
    }
  }
  guard.done();
  co_return answered(whole);
}

Task<Answer> ClientConnection::exchange(std::string_view request) {
  IDMERGE_CHECK(is_open() && !request.empty());
  state_->answers.await(1);
  return state_->converse(request, true);
}

Task<std::optional<Answer>> ClientConnection::send(std::string_view requests, std::size_t count) {
  IDMERGE_CHECK(is_open() && !requests.empty());
  state_->answers.await(count);
  Answer answer = co_await state_->converse(requests, false);
  if (answer.end == ResponseEnd::answered) co_return std::nullopt;
  co_return answer;
}

Task<Answer> ClientConnection::receive() {
  if (!is_open()) {
    co_return Answer{.end = ResponseEnd::closed,
                     .sent = true,
                     .stale = true,
                     .what = "the connection was closed after an earlier answer"};
  }
  co_return co_await state_->converse({}, true);
}

std::optional<Answer> ClientConnection::received() {
  boost::beast::error_code ec;
  if (state_->answers.next(ec)) return state_->answered(true);
  if (ec) return state_->garbage(true, ec);
  return std::nullopt;
}

}  // namespace idmerge::net
