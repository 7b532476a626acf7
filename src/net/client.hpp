// SPDX-License-Identifier: MIT
//
// One connection to the service. A Connection writes fully prepared requests and reads exactly one
// answer for each. Answers are parsed in place between the socket and the parser's callbacks,
// without a stream object, message object or timer in between, because each of them would cost more
// than the request itself. An answer that repeats the previous one byte for byte is not parsed at
// all. Without TLS, the answers to pipelined requests are awaited together, to save system calls.
// Redirects and retries are left to the caller. Before each request and at the end, the connection
// is checked for surplus answers: after one answer too many, each answer may belong to another
// request.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "net/async.hpp"
#include "net/endpoint.hpp"
#include "net/response.hpp"
#include "util/result.hpp"

namespace idmerge::net {

/// The result of an exchange.
enum class ResponseEnd : std::uint8_t {
  answered,   // `response` is a complete answer
  timed_out,  // the deadline passed
  closed,     // the connection broke, before or within the answer
  refused,    // the server rejected our side of TLS after the handshake: in TLS 1.3 a server
              // reports only then that our certificate is missing or not accepted
  garbage,    // the bytes are not HTTP
};

struct Answer {
  ResponseEnd end = ResponseEnd::closed;

  /// The request may have reached the service completely, so that sending it again may repeat it.
  bool sent = false;

  /// The other side closed a kept-alive connection between two requests. This is normal and does
  /// not count as a failed attempt: open the connection again and repeat the request at once.
  bool stale = false;

  /// The connection gave at least the beginning of one answer more than it had requests. An
  /// intermediary answers requests twice, or for others, so earlier answers of this connection may
  /// belong to other requests, and with `answered` this one, too.
  bool surplus = false;

  Response response = {};      // with `answered`
  std::string_view what = {};  // otherwise: the reason, for the log
};

/// One kept-alive connection. Thread safety: used by one coroutine at a time.
class Connection {
 public:
  explicit Connection(Endpoint& endpoint);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Connect: resolve the name, try its addresses one after the other, and pass the proxy and the
  /// TLS handshake. Closes the previous connection first.
  ///
  /// Errors: Errc::outage for temporary failures (unknown name, refused, timed out, reset);
  /// Errc::service for an invalid certificate or a proxy that rejects the tunnel. A single faulty
  /// machine among many can cause either, so after a success the caller may treat them alike.
  Task<Result<void>> open();

  bool is_open() const;
  void close();

  /// Swap the underlying connections of two objects of the same endpoint. Requires: no operation is
  /// in progress on either.
  void swap(Connection& other) noexcept { state_.swap(other.state_); }

  /// The number of the current or last connection, unique in the endpoint; 0 before the first.
  std::uint64_t number() const;

  /// Returns whether an idle connection has received a surplus answer (see Answer::surplus); it is
  /// then closed. False while an operation is in progress. Every request makes this check before it
  /// is sent.
  bool look_for_surplus();

  /// Signal the end of the requests and wait briefly until the other side closes the connection, so
  /// that surplus answers before that are seen. Returns: as look_for_surplus(). The connection is
  /// closed.
  Task<bool> finish();

  /// Returns whether the TLS session of this connection was resumed.
  bool resumed() const;

  /// Send one prepared request and read its answer. The connection is then closed, unless it was
  /// kept alive: see is_open().
  ///
  /// Requires: the connection is open.
  /// Lifetime: the answer's views are valid until the next call. `request` must stay valid until
  /// the exchange has ended.
  /// Cancel: the connection is closed; the request may have reached the service.
  Task<Answer> exchange(std::string_view request);

  /// Send `count` prepared requests with one write; receive() then reads their answers in order.
  /// Returns: nullopt if all were written, otherwise the result that applies to all of them.
  Task<std::optional<Answer>> send(std::string_view requests, std::size_t count);

  /// Read the next answer, within the timeout from now. If the connection was closed after an
  /// earlier answer of the same send(), the result is `stale` and `sent`.
  Task<Answer> receive();

  /// The next answer if it has already been read, otherwise nullopt. Calling received() first and
  /// receive() only if it returns nullopt saves a coroutine frame and a deadline; receive() alone
  /// has the same effect.
  std::optional<Answer> received();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace idmerge::net
