// SPDX-License-Identifier: MIT
//
// A token bucket without a refill timer: it stores only what is needed to compute the next
// departure. The time of a departure is derived from the number of tokens taken since the bucket
// was last full instead of being accumulated, so that rounding errors do not grow over a day. A
// departure is claimed before it is reached, so that a thread that wakes up late loses no tokens.
// Within any window of w seconds at most rate * w + burst tokens depart. A bucket is a plain value:
// keep a copy to undo a claim.
#pragma once

#include <chrono>

#include "util/clock.hpp"

namespace idmerge::send {

struct TokenBucketOptions {
  double rate_per_s = 0;  // tokens; 0 = unlimited
  double burst = 1;       // tokens that may depart at once after an idle time
};

class TokenBucket {
 public:
  /// Creates a full bucket. Bug if the rate is negative or the burst is below 1 token.
  explicit TokenBucket(TokenBucketOptions options) : options_(options) { check(); }

  /// Returns the first instant, not before `now`, at which `cost` tokens may depart.
  /// Bounds: a cost above the burst departs when a bucket of that size would be full.
  Instant earliest(double cost, Instant now) const;

  /// Takes `cost` tokens at `at`, an instant that earliest() returned (or a later one).
  void claim(double cost, Instant at);

  /// Changes the rate. The tokens in the bucket are kept (none, if the rate was unlimited), up to
  /// the new burst.
  void set_rate(TokenBucketOptions options, Instant now);

  const TokenBucketOptions& options() const { return options_; }

 private:
  void check() const;
  std::chrono::nanoseconds span(double tokens) const;

  TokenBucketOptions options_;
  Instant base_{};    // the bucket would have been full here ...
  double taken_ = 0;  // ... if these had not been taken since: full again at base + taken / rate
};

}  // namespace idmerge::send
