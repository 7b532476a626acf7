// SPDX-License-Identifier: MIT
//
// A rate limiter that issues permits: a token bucket for each limit, a pause, and one reservation
// for the first waiter. When the rate changes or a pause begins, the reservation is cancelled and
// made anew, so that no permit is issued for a time that was computed from an older rate. It reads
// no clock, so that a test simulates a day of sending in a loop.
#pragma once

#include <optional>

#include "send/token_bucket.hpp"

namespace idmerge::send {

/// The limits, which all apply together. A rate of 0 is unlimited.
struct RateLimiterOptions {
  TokenBucketOptions links = {};
  TokenBucketOptions service =
      {};  // links that the service accepts, in addition to the user's limit
  TokenBucketOptions service_requests = {};
  TokenBucketOptions requests = {};
  TokenBucketOptions bytes = {};
  bool closed = false;  // no permits until the next set_rate()
};

struct Cost {
  double links = 1;
  double requests = 1;
  double bytes = 0;
};

class RateLimiter {
 public:
  explicit RateLimiter(RateLimiterOptions options);

  /// Acquires a permit at once, if all limits allow it. Requires: there is no reservation.
  bool try_acquire(const Cost& cost, Instant now);

  /// Accounts for a cost without asking for a permit, whether or not the limits allow it.
  void spend(const Cost& cost, Instant now) { claim(cost, now); }

  /// Reserves a permit for the first waiter until acquire() or a change of the rate. Returns: the
  /// time of the permit, which later calls repeat; Instant::max() while closed, without a
  /// reservation.
  Instant reserve(const Cost& cost, Instant now);

  /// Uses the reservation. Requires: there is one, and its time has come.
  void acquire();

  /// Cancels the reservation, if there is one.
  void take_back();

  /// Issues no permits before `until`. Returns: false if the current pause lasts as long already.
  bool pause_until(Instant until);

  /// Resets the service's buckets after a rate-limited answer: earlier requests no longer count,
  /// so that the first request after the pause need not wait any longer for them.
  void restart_service(const RateLimiterOptions& options);

  /// Changes the limits at once and cancels the reservation.
  void set_rate(const RateLimiterOptions& options, Instant now);

  RateLimiterOptions options() const;
  Instant paused_until() const { return paused_until_; }

 private:
  struct Buckets {
    TokenBucket links;
    TokenBucket service;
    TokenBucket service_requests;
    TokenBucket requests;
    TokenBucket bytes;
  };
  /// The time reserved for the first waiter, and the buckets before the reservation.
  struct Reservation {
    Buckets before;
    Instant at;
  };

  Instant due(const Cost& cost, Instant now) const;
  void claim(const Cost& cost, Instant at);

  Buckets buckets_;
  std::optional<Reservation> reservation_;
  Instant paused_until_{};
  bool closed_ = false;
};

}  // namespace idmerge::send
