// SPDX-License-Identifier: MIT
//
// The service as all connections of a run share it: its addresses, TLS, the proxy, and one watchdog
// for all deadlines. There is no timer per request: a deadline is a number that the watchdog
// compares about twenty times a second, because setting a timer would cost more than parsing the
// answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "net/async.hpp"
#include "net/tls.hpp"
#include "net/url.hpp"
#include "util/clock.hpp"
#include "util/result.hpp"

namespace idmerge::net {

struct EndpointOptions {
  Target target;
  TlsOptions tls;
  std::optional<Proxy> proxy;                 // ignored for loopback targets
  std::chrono::milliseconds timeout{30'000};  // per request, from its first byte to the last of
                                              // its answer; also of open(). Flag: --timeout
  std::chrono::milliseconds connect_timeout{5'000};   // per address, if there are several
  std::chrono::milliseconds addresses_fresh{60'000};  // then the name is resolved again
  std::size_t head_bytes_max = 32 * 1024;             // of an answer, approximately
  std::size_t body_bytes_max = 1024 * 1024;           // of an answer; further bytes are discarded
};

/// The part of a connection that the watchdog uses.
struct WatchedSocket {
  using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;

  explicit WatchedSocket(const Executor& executor) : socket(executor), wake(executor) {}

  Socket socket;
  Wake wake;  // waits for the addresses
  Instant deadline = Instant::max();
  bool overdue = false;         // the watchdog has ended the current wait
  std::size_t readable_at = 1;  // low-water mark of the socket; bytes

  /// Let the socket become readable only after `bytes` bytes or the end of the connection, so that
  /// answers that are written one by one are read at once. `bytes` is a guess; if fewer arrive, the
  /// next tick of the watchdog makes them readable.
  void set_readable_at(std::size_t bytes);
};

/// Lifetime: must outlive its connections and the run of its io_context. Does not keep the event
/// loop running: the watchdog stops when no connection is waiting.
class Endpoint {
 public:
  using Address = asio::ip::tcp::endpoint;

  /// Errors: those of TlsContext::make.
  static Result<Endpoint> make(asio::io_context& io, EndpointOptions options);

  Endpoint(Endpoint&&) noexcept;
  Endpoint& operator=(Endpoint&&) = delete;
  ~Endpoint();

  const EndpointOptions& options() const;
  const Executor& executor() const;

  /// Returns: null for targets without TLS.
  const TlsContext* tls() const;

  /// Returns: the proxy, or null if there is none.
  const Proxy* proxy() const;

  /// The addresses to connect to, the last one that worked first. Concurrent lookups are combined
  /// into one.
  ///
  /// Errors: Errc::outage if the name is unknown or `watched` is overdue; Errc::service if requests
  /// would leave this machine unencrypted.
  Task<Result<std::vector<Address>>> addresses(WatchedSocket& watched);

  /// Report that an address failed. If it is the first one, it becomes the last one.
  void demote(const Address& address);

  /// Let the watchdog check the deadline of a connection, until unwatch().
  void watch(WatchedSocket& watched);
  void unwatch(WatchedSocket& watched);

  /// Report that a connection was closed: if none is open or waiting, the watchdog stops, so that
  /// the event loop can end.
  void rest();

  /// Returns: the number of a newly opened connection, counting from 1.
  std::uint64_t number_next();

  /// Set the deadline of a watched connection; Instant::max() for none.
  void set_deadline(WatchedSocket& watched, Instant deadline);

 private:
  struct State;
  explicit Endpoint(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace idmerge::net
