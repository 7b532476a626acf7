// SPDX-License-Identifier: MIT
//
// Where all lanes wait for their turn. Lanes queue in order of arrival and only the first holds a
// reservation, which is taken back and made anew when the rate changes or a pause begins; so a
// `Retry-After`, a new rate and the timetable are in force for all lanes at once. One timer serves
// them all; with tokens at hand a lane passes without being suspended.
#pragma once

#include <cstddef>
#include <optional>

#include "idmerge/core/bucket.hpp"
#include "idmerge/net/async.hpp"

namespace idmerge {

/// What may pass. All three limits hold together; a rate of 0 is no limit.
struct GateOptions {
  BucketOptions links;
  BucketOptions requests;
  BucketOptions bytes;
};

struct Cost {
  double links = 1;
  double requests = 1;
  double bytes = 0;
};

/// Shape: must outlive the run of its io_context and everyone who waits.
class Gate {
 public:
  Gate(asio::io_context& io, GateOptions options);
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// Pass now, if nobody waits and the buckets allow it.
  bool try_pass(Cost cost);

  /// Wait for the turn, then pass: `if (!gate.try_pass(cost)) co_await gate.pass(cost);` spares a
  /// frame, pass() alone does the same.
  ///
  /// Shape: false when the gate is closed: nothing was claimed.
  /// Cancel: the place in the queue is given up, nothing is claimed.
  Task<bool> pass(Cost cost);

  /// Let nothing pass before `until`; an earlier instant than the present one changes nothing.
  void pause_until(Instant until);

  /// Go on at another pace, at once and for all who wait.
  void set_rate(GateOptions options);

  /// Send everyone away, now and later: the drain has begun.
  void close();

  bool is_closed() const { return closed_; }
  std::size_t waiting() const { return waiting_; }
  Instant paused_until() const { return paused_until_; }

 private:
  struct Buckets {
    Bucket links;
    Bucket requests;
    Bucket bytes;
  };
  /// What the first in the queue has claimed, and what the buckets were before.
  struct Reservation {
    Buckets before;
    Instant at;
  };
  struct Waiter;

  Instant due(const Cost& cost, Instant now) const;
  void claim(const Cost& cost, Instant at);
  void take_back();
  void serve();
  void arm(Instant at, Instant now);
  void dismiss(Waiter& waiter, bool passed);
  void unlink(Waiter& waiter);

  Executor executor_;
  Timer timer_;
  Buckets buckets_;
  std::optional<Reservation> reservation_;
  Instant paused_until_{};
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::size_t waiting_ = 0;
  bool closed_ = false;
};

}  // namespace idmerge
