// SPDX-License-Identifier: MIT
//
// Adapts the send rate to a service that does not state its limit. A rate-limited answer (429, or
// 503 with Retry-After) pauses all workers, and what the service accepted before it is a
// measurement of the limit. The rate continues slightly below the measurement and climbs: first in
// steps whose size halves with each measurement, then along a cubic that returns to near the
// measured limit, stays there on a long plateau and accelerates beyond it. So most of the time is
// spent just below the limit, the limit is hit about once a minute, and a raised limit is found. A
// rate-limited answer before anything was accepted measures nothing: the service is temporarily
// closed, and after the pause the rate doubles up to its previous level (slow start). The lowest
// rate is one link per second, in a request of its own. Time and random numbers are arguments.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "send/backoff.hpp"
#include "send/token_bucket.hpp"
#include "util/clock.hpp"

namespace idmerge::send {

/// What is known about the service's limit, to be passed to a later process.
struct KnownLimit {
  std::uint64_t per_s = 0;          // links accepted, as last measured; 0 = never measured
  std::int64_t paused_until_s = 0;  // end of the last pause; seconds since 1970;
                                    // 0 = never rate-limited
  std::uint64_t rate_per_s = 0;     // links, when the checkpoint was made; 0 = as configured
  bool of_minute = false;           // `per_s` was measured over a minute, not over a second

  bool operator==(const KnownLimit&) const = default;

  /// Returns the remaining pause; zero or negative if it is over.
  ///
  /// Bounds: at most retry_after_max. A longer pause was recorded while the wall clock was ahead,
  /// and counts as over.
  std::chrono::nanoseconds rest(WallTime wall_now) const;
};

struct AdaptiveRateOptions {
  double ceiling_per_s = 0;     // the user's limit; 0 = unlimited. Flag: --rate
  double request_links = 1;     // links in a request, unless the service accepts fewer
  BackoffOptions backoff = {};  // for pauses without Retry-After
};

class AdaptiveRate {
 public:
  AdaptiveRate(AdaptiveRateOptions options, Instant now);

  /// Changes the user's limit. Units: as in AdaptiveRateOptions.
  void set_ceiling(double ceiling_per_s) { options_.ceiling_per_s = ceiling_per_s; }

  /// Records that the service accepted `count` links (or requests, if the rate counts these).
  void accepted(double count, Instant now);

  /// Handles a rate-limited answer to a request that was sent at `left`. If the request was sent
  /// before the last rate-limited answer or the end of its pause, the answer is an echo: it can
  /// extend the pause but does not lower the rate.
  ///
  /// A Retry-After of 0 counts as none: such an answer is never a reason to retry sooner. `chance`:
  /// a random number in [0, 1). Returns: false for an echo.
  bool rate_limited(Instant left, Instant now, std::optional<std::chrono::seconds> retry_after,
                    double chance);

  /// Continues from the state of an earlier process: waits for its remaining pause, then climbs as
  /// that process would have done. An old limit matters little, because the rate has climbed far
  /// beyond it meanwhile.
  void recall(const KnownLimit& known, WallTime wall_now, Instant now);

  /// Returns the state for a later process.
  KnownLimit known(WallTime wall_now, Instant now) const;

  /// Returns the current rate, which changes with time: call it about ten times a second.
  /// Units: per second; 0 = unlimited, possible only until the first rate-limited answer.
  double rate_per_s(Instant now) const;

  /// Returns whether the rate is below the user's limit, or the service is not yet known to accept
  /// that limit.
  bool is_limited() const { return limited_; }

  /// Returns the maximum number of links in a request: one while the service may be closed, then
  /// the number it accepts in a second, because a request larger than its whole window never
  /// passes. Bounds: at least 1; infinite while is_limited() is false.
  double request_links_max() const;

  /// Returns the maximum rate of requests that are reduced to request_links_max(): with less than a
  /// second between two of them, both could count in the same second of the service. Units: per
  /// second; 0 = unlimited.
  double requests_per_s() const;

  /// Nothing may be sent before this instant.
  Instant paused_until() const { return paused_until_; }

  std::uint64_t cuts() const { return cuts_; }

 private:
  static constexpr std::size_t window_s = 60;  // the longest window in which the service may count

  /// The precision of `known_per_s_`, which determines the size of the next steps. `minute`:
  /// correct if the service counts per minute; otherwise it accepts more.
  enum class Precision : std::uint8_t { none, coarse, minute, fine, exact };

  struct Step {
    double factor;
    std::chrono::milliseconds lasts;
  };

  std::optional<double> taken_per_s(Instant now) const;
  double taken_in_last_second(Instant now) const;
  double cubic_per_s(Instant now) const;
  bool probes_with_one() const;
  bool are_requests_cut() const;
  bool is_failed_start();
  Step step() const;
  void turn(Instant now);
  void measure(Instant now);
  void measure_minute();
  double minute_per_s() const;
  void begin_climb(Instant now);
  void climb(double count, Instant now);
  void pause(Instant until);

  AdaptiveRateOptions options_;
  bool limited_ = false;
  double known_per_s_ = 0;  // the service's limit, as last measured; 0 = never measured
  Precision precision_ = Precision::none;
  std::uint64_t cuts_ = 0;
  unsigned strikes_ = 0;         // consecutive pauses with nothing accepted between them
  double since_cut_ = 0;         // accepted since the last rate-limited answer
  double climb_per_s_ = 0;       // the rate of the current step; 0 = along the cubic
  double proven_per_s_ = 0;      // the rate of the last completed step
  bool slow_start_ = false;      // the rate doubles, up to the known limit or the user's
  unsigned steps_ = 0;           // completed since the climb began
  unsigned failed_starts_ = 0;   // consecutive slow starts that were rate-limited
  bool counts_minutes_ = false;  // whether the service seems to count per minute
  bool knows_minute_ = true;     // whether by_second_ has all that the service may have counted
  Instant step_from_{};
  double step_taken_ = 0;
  Instant cubic_from_{};
  Instant last_cut_{};
  Instant last_taken_{};
  Instant paused_until_{};

  // Accepted recently, pauses excluded: in two slices of time, so that the older can be dropped.
  Instant slice_from_;
  double slice_ = 0;
  Instant older_from_;
  double older_ = 0;

  // Accepted per second, for the minute up to the last accepted request.
  Instant start_;
  std::array<double, window_s> by_second_{};  // a ring
  std::int64_t second_ = 0;                   // the latest in the ring, counted from start_

  // Accepted per tenth of a second, for the last second.
  static constexpr std::size_t tenths = 10;
  std::array<double, tenths> by_tenth_{};  // a ring
  std::int64_t tenth_ = 0;
};

}  // namespace idmerge::send
