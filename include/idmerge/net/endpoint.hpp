// SPDX-License-Identifier: MIT
//
// The far side as all connections of a run see it: its addresses, TLS, the proxy on the way, and
// the one watchdog that ends what is overdue. There is no timer per request: a deadline is a number
// that the watchdog compares some twenty times a second, because setting a timer would cost more
// than parsing the answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "idmerge/base/result.hpp"
#include "idmerge/core/bucket.hpp"
#include "idmerge/net/async.hpp"
#include "idmerge/net/tls.hpp"
#include "idmerge/net/url.hpp"

namespace idmerge {

struct EndpointOptions {
  Target target;
  TlsOptions tls;
  std::optional<Proxy> proxy;                 // ignored for loopback targets
  std::chrono::milliseconds timeout{30'000};  // a request, from its first byte to the last of
                                              // its answer; also open(). Flag: --timeout
  std::chrono::milliseconds connect_timeout{5'000};   // to one address of several
  std::chrono::milliseconds addresses_fresh{60'000};  // then the name is looked up again
  std::size_t head_bytes_max = 32 * 1024;             // of an answer, about
  std::size_t body_bytes_max = 1024 * 1024;           // of an answer; what is beyond is not kept
};

/// What the watchdog sees of a connection.
struct Line {
  using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;

  explicit Line(const Executor& executor) : socket(executor), wake(executor) {}

  Socket socket;
  Wake wake;  // waits for the addresses
  Instant deadline = Instant::max();
  bool overdue = false;         // the watchdog has ended what the line waited for
  std::size_t readable_at = 1;  // bytes

  /// Let the socket be readable only when so many bytes have come, or their end: answers that are
  /// written one by one are then read at once. `bytes` is a guess; where fewer come, the next tick
  /// of the watchdog lets them be read.
  void set_readable_at(std::size_t bytes);
};

/// Shape: must outlive its connections and the run of its io_context. Keeps no loop alive: when no
/// connection waits for anything, it does not either.
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

  /// Nothing for targets without TLS.
  const TlsContext* tls() const;

  /// The proxy on the way, if there is one.
  const Proxy* proxy() const;

  /// The addresses to connect to, those that worked first. Lookups of several lines at the same
  /// time are one.
  ///
  /// Errors: outage, when the name is not known or `line` is overdue; service, when requests would
  /// leave this machine in clear.
  Task<Result<std::vector<Address>>> addresses(Line& line);

  /// Say that an address did not answer: it is tried last from now on.
  void demote(const Address& address);

  /// Let the watchdog look after a line, until unwatch().
  void watch(Line& line);
  void unwatch(Line& line);

  /// A line was closed: when none is open, or waits for anything, no loop waits for the watchdog.
  void rest();

  /// The number of a connection that is opened, from 1 on.
  std::uint64_t number_next();

  /// Set the deadline of a watched line, or Instant::max() for none.
  void set_deadline(Line& line, Instant deadline);

 private:
  struct State;
  explicit Endpoint(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace idmerge
