// SPDX-License-Identifier: MIT
//
// One line to the service. A Connection writes requests that are prepared to the last byte and
// reads exactly one answer for each, parsed in place between the socket and the parser's callbacks:
// no stream object, no message object and no timer stand in between, because each of them would
// cost more than the request itself. An answer that repeats the one before byte for byte is not
// parsed at all, and answers to requests that were sent together are, without TLS, waited for
// together, so that the kernel is entered as rarely as can be. No redirect is followed and nothing
// is repeated in here: what to do about an answer is decided above. Before each request and at the
// end it is looked whether more came than was asked for: one answer too many, and each may be that
// of another request.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "idmerge/base/result.hpp"
#include "idmerge/core/reply.hpp"
#include "idmerge/net/async.hpp"
#include "idmerge/net/endpoint.hpp"

namespace idmerge {

/// How an exchange ended.
enum class ReplyEnd : std::uint8_t {
  answered,   // `reply` is a complete answer
  timed_out,  // by the deadline
  closed,     // the connection broke, before or within the answer
  refused,    // our side of TLS was, after the handshake: with TLS 1.3 a server says only then
              // that it does not take our certificate, or that it misses one
  garbage,    // the bytes are not HTTP
};

struct Answer {
  ReplyEnd end = ReplyEnd::closed;

  /// May the request have reached the service as a whole? If so, a repeat is a re-send.
  bool sent = false;

  /// A kept-alive connection was closed by the other side between two requests: normal, costs no
  /// attempt. Open again and repeat at once.
  bool stale = false;

  /// The connection gave one answer more than it was asked for, or the beginning of one. Something
  /// on the way answers requests twice, or for others: answers that it gave before may be those of
  /// other requests. With `answered` this answer is one of them.
  bool surplus = false;

  Reply reply = {};            // with `answered`
  std::string_view what = {};  // else: what was seen, for the log
};

/// One keep-alive connection. One coroutine at a time.
class Connection {
 public:
  explicit Connection(Endpoint& endpoint);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Connect: look the name up, try its addresses one after the other, go through the proxy, shake
  /// hands. Closes what was open.
  ///
  /// Errors: outage for what may pass (no such name, refused, timed out, reset); service for a
  /// certificate that does not hold or a proxy that says no. A single failing machine among many
  /// can cause either, so after a success the caller may treat them alike.
  Task<Result<void>> open();

  bool is_open() const;
  void close();

  /// Change lines with another connection of the same endpoint. Bug while one is at work.
  void swap(Connection& other) noexcept { state_.swap(other.state_); }

  /// Which connection of the endpoint it is, or was: no two have the same number. 0 before the
  /// first.
  std::uint64_t number() const;

  /// Unless it is at work: does an answer lie there that nobody asked for? As Answer::surplus; the
  /// connection is closed then. Every request looks by itself, before it leaves.
  bool look_for_surplus();

  /// Say that no request follows, and wait a little for the end that the other side makes of it:
  /// what comes before that is seen. True as look_for_surplus(); the connection is closed.
  Task<bool> finish();

  /// Was the TLS handshake of this connection a short one?
  bool resumed() const;

  /// Send one prepared request and read its answer. After anything but a kept-alive answer the
  /// connection is closed: see is_open().
  ///
  /// Shape: the answer's views last until the next call. `request` must stay until the end.
  /// Bug if not open.
  /// Cancel: the connection is closed; the request may have reached the service.
  Task<Answer> exchange(std::string_view request);

  /// Send `count` prepared requests in one go; their answers are then read with receive(), in
  /// order. Nothing when all was written, otherwise the end that all of them met.
  Task<std::optional<Answer>> send(std::string_view requests, std::size_t count);

  /// Read the next answer, within the timeout from now. On a connection that was closed after an
  /// earlier answer of the same send() it says so: stale and perhaps sent.
  Task<Answer> receive();

  /// The next answer, if it came together with the one before; else it is for receive() to wait
  /// for it: `if (auto answer = connection.received())` spares a frame and a deadline, receive()
  /// alone does the same.
  std::optional<Answer> received();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace idmerge
