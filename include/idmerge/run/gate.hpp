// SPDX-License-Identifier: MIT
//
// Where all lanes wait for their turn. Lanes queue in order of arrival and only the first holds the
// turnstile's reservation; so a `Retry-After`, a new rate and the timetable are in force for all
// lanes at once. One timer serves them all; with tokens at hand a lane passes without being
// suspended.
#pragma once

#include <cstddef>

#include "idmerge/core/turnstile.hpp"
#include "idmerge/net/async.hpp"

namespace idmerge {

/// Shape: must outlive the run of its io_context and everyone who waits; `turnstile` must outlive
/// it.
class Gate {
 public:
  Gate(asio::io_context& io, Turnstile& turnstile);
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// Pass now, if nobody waits and the turnstile allows it.
  bool try_pass(const Cost& cost, Instant now);

  /// Wait for the turn, then pass: `if (!gate.try_pass(cost, now)) co_await gate.pass(cost);`
  /// spares a frame, pass() alone does the same.
  ///
  /// Shape: false when the gate is closed: nothing was claimed.
  /// Cancel: the place in the queue is given up, nothing is claimed.
  Task<bool> pass(Cost cost);

  /// The turnstile was given another pace or a pause: in force at once for all who wait.
  void renew();

  /// Send everyone away, now and later: the drain has begun.
  void close();

  bool is_closed() const { return closed_; }
  std::size_t waiting() const { return waiting_; }

 private:
  struct Waiter;

  void serve();
  void arm(Instant at, Instant now);
  void dismiss(Waiter& waiter, bool passed);
  void unlink(Waiter& waiter);

  Executor executor_;
  Timer timer_;
  Turnstile& turnstile_;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::size_t waiting_ = 0;
  bool closed_ = false;
};

}  // namespace idmerge
