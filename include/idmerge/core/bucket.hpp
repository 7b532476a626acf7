// SPDX-License-Identifier: MIT
//
// A token bucket without a refill timer: it only knows when the next departure is due. The time of
// departure is computed from the number of tokens that left since the bucket was last full, never
// summed up, so that no rounding error grows over a day; and it is claimed before it is reached,
// so that a sleeper that wakes late loses nothing. Within any window of w seconds at most
// rate * w + burst tokens depart. A bucket is a plain value: to take a claim back, keep a copy.
#pragma once

#include <chrono>

namespace idmerge {

using Instant = std::chrono::steady_clock::time_point;

struct BucketOptions {
  double rate_per_s = 0;  // tokens; 0 = unlimited
  double burst = 1;       // tokens that may leave at once after a silence
};

class Bucket {
 public:
  /// A full bucket. Bug if the rate is negative or the burst below 1 token.
  explicit Bucket(BucketOptions options) : options_(options) { check(); }

  /// The first instant, not before `now`, at which `cost` tokens may leave.
  /// Bounds: a cost above the burst leaves when a bucket of its size would be full.
  Instant earliest(double cost, Instant now) const;

  /// Take `cost` tokens at `at`, an instant that earliest() gave (or a later one).
  void claim(double cost, Instant at);

  /// Go on at another rate, with the tokens that are at hand (none, if the rate was unlimited) but
  /// never more than the new burst.
  void set_rate(BucketOptions options, Instant now);

  const BucketOptions& options() const { return options_; }

 private:
  void check() const;
  std::chrono::nanoseconds span(double tokens) const;

  BucketOptions options_;
  Instant base_{};    // the bucket would have been full here ...
  double taken_ = 0;  // ... if these had not left since: full again at base + taken / rate
};

}  // namespace idmerge
