// SPDX-License-Identifier: MIT
//
// Where all lanes wait for their turn. Lanes queue in order of arrival and only the first holds the
// turnstile's reservation; so a `Retry-After`, a new rate and the timetable are in force for all
// lanes at once. One timer serves them all; with tokens at hand a lane passes without being
// suspended. Whoever waits needs no connection: a turn that comes to a lane without one takes that
// of another lane in the queue, and only when all are busy a new one is opened. Nothing is claimed
// for it before it is open, so a slow handshake holds up nobody and no two turns pile up behind it.
// (An idle one may turn out to have ended: its turn then lasts while another is opened, once.)
#pragma once

#include <cstddef>
#include <cstdint>

#include "idmerge/base/result.hpp"
#include "idmerge/core/turnstile.hpp"
#include "idmerge/net/async.hpp"

namespace idmerge {

struct Lane;

/// Shape: must outlive the run of its io_context and everyone who waits; `turnstile` must outlive
/// it.
class Gate {
 public:
  Gate(asio::io_context& io, Turnstile& turnstile);
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// Pass now with an open connection, if nobody waits and the turnstile allows it.
  bool try_pass(const Cost& cost, Instant now);

  /// Wait for the turn, then pass, with a connection that is open then: the lane's own, or one for
  /// which it has changed its own. For a lane with an open connection
  /// `if (!gate.try_pass(cost, now)) co_await gate.pass(lane, cost);` spares a frame, pass() alone
  /// does the same.
  ///
  /// Shape: false when the gate is closed, or has sent everyone back to make their requests anew:
  /// nothing was claimed. An idle connection of the lane may be taken from it while it waits.
  /// Errors: those of Connection::open; nothing was claimed.
  /// Cancel: the place in the queue is given up, nothing is claimed.
  Task<Result<bool>> pass(Lane& lane, Cost cost);

  /// The lane sends no more: one that waits without a connection gets that of this one.
  void hand_over(Lane& lane);

  /// The turnstile was given another pace or a pause: in force at once for all who wait.
  void renew();

  /// Requests of another size are to be made: everyone who waits asks again with one. Instead of
  /// renew().
  void send_back();

  /// Send everyone away, now and later: the drain has begun.
  void close();

  bool is_closed() const { return closed_; }

  /// How many wait for their turn; without those that are opening a connection for it.
  std::size_t waiting() const { return waiting_; }

 private:
  struct Waiter;

  void serve();
  Waiter* first_waiting() const;
  Waiter* with_connection_for(Waiter& waiter) const;
  Instant turn_to_open(const Waiter& waiter, Instant now);
  void arm(Instant at, Instant now);
  void disarm();
  void dismiss(Waiter& waiter, bool passed);
  void dismiss_all();
  void join(Waiter& waiter);
  void give_up(Waiter& waiter);
  void leave(Waiter& waiter);

  Executor executor_;
  Timer timer_;
  Instant armed_for_ = Instant::max();  // when the timer fires
  Turnstile& turnstile_;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::size_t waiting_ = 0;
  std::uint64_t sent_back_ = 0;  // how often
  bool closed_ = false;
};

}  // namespace idmerge
