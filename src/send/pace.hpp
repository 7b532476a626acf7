// SPDX-License-Identifier: MIT
//
// The rate limits of a run: combines the user's limits with the limit learned from the service and
// sets the rate limiter to the lower of the two. It is separate from the workers, so that
// everything that changes the rate (an answer, a person, the time of day) does so in one place. It
// does no I/O and reads no clock, so that a test simulates a day in a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "send/adaptive_rate.hpp"
#include "send/backoff.hpp"
#include "send/rate_limiter.hpp"

namespace idmerge::send {

/// The user's limits.
struct Allowance {
  double links_per_s = 0;     // 0 = unlimited
  double requests_per_s = 0;  // 0 = unlimited
  double bytes_per_s = 0;     // of requests as sent, headers included; 0 = unlimited
  double burst = 1;           // links
  bool paused = false;        // nothing is sent

  bool operator==(const Allowance&) const = default;
};

struct PaceOptions {
  Allowance allowed = {};
  double request_links = 1;  // links in a request, unless the service accepts fewer
  bool adaptive = true;      // adapt to the service below these limits
  BackoffOptions backoff = {};

  /// The maximum request size of an earlier process, in links. That process may have used up the
  /// limits just before, so the links bucket starts empty. 0 = there was none: start with the
  /// burst.
  double spent_before = 0;
};

class Pace {
 public:
  Pace(PaceOptions options, Instant now);

  RateLimiter& rate_limiter() { return rate_limiter_; }

  /// To be called before the first request, with its size: empties the bytes bucket, because an
  /// earlier process may have sent such a request just before.
  void first_request(double bytes, Instant now);

  /// Applies changed user limits. Returns: false if they are the current ones.
  bool allow(const Allowance& allowed, Instant now);

  /// Records that the service accepted `links` links.
  void accepted(std::size_t links, Instant now);

  /// Handles a rate-limited answer to a request that was sent at `left`: pauses all workers and
  /// lowers the rate. `chance`: a random number in [0, 1).
  void rate_limited(Instant left, Instant now, std::optional<std::chrono::seconds> retry_after,
                    double chance);

  /// Passes the service's known limit from one process to the next; see AdaptiveRate.
  void recall(const KnownLimit& known, WallTime wall_now, Instant now);
  KnownLimit known(WallTime wall_now, Instant now) const {
    return adaptive_rate_.known(wall_now, now);
  }

  /// Updates the rate, which changes with time; to be called about ten times a second. Returns:
  /// false if nothing has changed.
  bool follow(Instant now);

  /// Returns the current limit. Units: links per second; 0 = unlimited.
  double links_per_s() const { return links_per_s_; }

  /// Returns the maximum number of links in a request; see AdaptiveRate. Bounds: at least 1; may be
  /// infinite.
  double request_links_max() const;

  bool is_paused() const { return options_.allowed.paused; }

  /// Returns the number of rate-limited answers.
  std::uint64_t rate_limited_count() const { return rate_limited_count_; }

 private:
  RateLimiterOptions at(double links_per_s) const;
  bool service_limits() const { return options_.adaptive && adaptive_rate_.is_limited(); }

  PaceOptions options_;
  double links_per_s_;
  AdaptiveRate adaptive_rate_;
  RateLimiter rate_limiter_;
  std::uint64_t rate_limited_count_ = 0;
};

}  // namespace idmerge::send
