// SPDX-License-Identifier: MIT
//
// A connection to the service as the sender sees it: it takes fully prepared requests and gives
// exactly one answer for each, or the reason why there is none. HTTP, TLS and sockets are behind
// this interface (see client.hpp), so that the sender also runs against a simulated network. Calls
// are one or two per exchange, never one per link.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "net/async.hpp"
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

/// One kept-alive connection. It can be opened again after it was closed.
/// Thread safety: used by one coroutine at a time.
class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  /// Connect: resolve the name, try its addresses one after the other, and pass the proxy and the
  /// TLS handshake. Closes the previous connection first.
  ///
  /// Errors: Errc::outage for temporary failures (unknown name, refused, timed out, reset);
  /// Errc::service for an invalid certificate or a proxy that rejects the tunnel. A single faulty
  /// machine among many can cause either, so after a success the caller may treat them alike.
  virtual Task<Result<void>> open() = 0;

  virtual bool is_open() const = 0;
  virtual void close() = 0;

  /// The number of the current or last connection, unique among the connections of a run; 0 before
  /// the first.
  virtual std::uint64_t number() const = 0;

  /// Returns whether an idle connection has received a surplus answer (see Answer::surplus); it is
  /// then closed. False while an operation is in progress. Every request makes this check before it
  /// is sent.
  virtual bool look_for_surplus() = 0;

  /// Signal the end of the requests and wait briefly until the other side closes the connection, so
  /// that surplus answers before that are seen. Returns: as look_for_surplus(). The connection is
  /// closed.
  virtual Task<bool> finish() = 0;

  /// Send one prepared request and read its answer. The connection is then closed, unless it was
  /// kept alive: see is_open().
  ///
  /// Requires: the connection is open.
  /// Lifetime: the answer's views are valid until the next call. `request` must stay valid until
  /// the exchange has ended.
  /// Cancel: the connection is closed; the request may have reached the service.
  virtual Task<Answer> exchange(std::string_view request) = 0;

  /// Send `count` prepared requests with one write; receive() then reads their answers in order.
  /// Returns: nullopt if all were written, otherwise the result that applies to all of them.
  virtual Task<std::optional<Answer>> send(std::string_view requests, std::size_t count) = 0;

  /// Read the next answer, within the timeout from now. If the connection was closed after an
  /// earlier answer of the same send(), the result is `stale` and `sent`.
  virtual Task<Answer> receive() = 0;

  /// The next answer if it has already been read, otherwise nullopt. Calling received() first and
  /// receive() only if it returns nullopt saves a coroutine frame and a deadline; receive() alone
  /// has the same effect.
  virtual std::optional<Answer> received() = 0;
};

}  // namespace idmerge::net
