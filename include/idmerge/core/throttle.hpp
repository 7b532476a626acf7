// SPDX-License-Identifier: MIT
//
// How fast to send to a service that does not say how much it takes. A 429, or a 503 with
// Retry-After, pauses everyone. What was taken before it is a measurement of the limit: the rate
// goes on a little below it and climbs, first in steps whose size halves with each measurement,
// then along a cubic: back to near the level of the cut, a long plateau there, and ever faster
// beyond it. So most of the time is spent just below the limit, the limit is touched about once a
// minute, and one that was raised is found. A 429 before anything was taken measures nothing: the
// service is closed for now, and after the pause the rate doubles up to where it was (slow start).
// The slowest that is ever sent is one link a second, in a request of its own. Pure: time and
// chance come in, rate and pause come out.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "idmerge/core/backoff.hpp"
#include "idmerge/core/bucket.hpp"

namespace idmerge {

using WallTime = std::chrono::system_clock::time_point;

/// What a service let know about its limit, for a process that comes later.
struct KnownLimit {
  std::uint64_t per_s = 0;          // links it takes, as measured last; 0 = never measured
  std::int64_t paused_until_s = 0;  // when the last pause ends, or ended; seconds since 1970;
                                    // 0 = it never said "too many"
  std::uint64_t rate_per_s = 0;     // links sent a second, as of the checkpoint; 0 = as allowed
  bool of_minute = false;           // measured by what it took in a minute, not in a second

  bool operator==(const KnownLimit&) const = default;

  /// What is left of that pause; nothing or less when it is over.
  ///
  /// Bounds: at most retry_after_max; a pause that would be longer was said while the wall clock
  /// was ahead, and is taken as over.
  std::chrono::nanoseconds rest(WallTime wall_now) const;
};

struct ThrottleOptions {
  double ceiling_per_s = 0;     // what the user allows; 0 = unlimited. Flag: --rate
  double request_links = 1;     // in a request, where the service takes as many
  BackoffOptions backoff = {};  // of the pauses, when the service gives no Retry-After
};

class Throttle {
 public:
  Throttle(ThrottleOptions options, Instant now);

  /// The user allows another rate from now on. Units: as ThrottleOptions.
  void set_ceiling(double ceiling_per_s) { options_.ceiling_per_s = ceiling_per_s; }

  /// `count` links (or requests, whatever the rate counts) were taken by the service.
  void accepted(double count, Instant now);

  /// The service said "too many". An answer to a request that left before the last cut is its
  /// echo: it can make the pause longer, no more.
  ///
  /// A Retry-After of 0 counts as none: never is a refusal a reason to come back sooner. Returns
  /// false for an echo. Units: `left` is when that request was sent; `chance` is in [0, 1).
  bool throttled(Instant left, Instant now, std::optional<std::chrono::seconds> retry_after,
                 double chance);

  /// Go on from what an earlier process knew: wait for the rest of its pause, then climb as it
  /// would have done. What it knew long ago matters little: the rate has climbed far beyond it
  /// meanwhile.
  void recall(const KnownLimit& known, WallTime wall_now, Instant now);

  /// What a later process should know.
  KnownLimit known(WallTime wall_now, Instant now) const;

  /// The rate to go on with; it changes with time, so ask again some ten times a second.
  /// Units: a second; 0 = unlimited, as long as nothing was ever refused.
  double rate_per_s(Instant now) const;

  /// Is the rate below what the user allows, or the service not yet known to take it?
  bool is_limited() const { return limited_; }

  /// The links that a request may have: one while the service may be closed, later what it takes in
  /// a second, since a request that is larger than its whole window never passes. Bounds: at least
  /// 1; infinite while nothing is limited.
  double request_links_max() const;

  /// Units: a second; 0 = no limit. Of requests that are cut: with less than a second between two,
  /// both could fall into one of its seconds.
  double requests_per_s() const;

  /// Nothing may leave before this instant.
  Instant paused_until() const { return paused_until_; }

  std::uint64_t cuts() const { return cuts_; }

 private:
  static constexpr std::size_t window_s = 60;  // of the service's count

  /// How exactly `known_per_s_` is known: by how much the next step goes beyond it.
  /// `minute`: if the service counts over a minute, and else it takes more.
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

  ThrottleOptions options_;
  bool limited_ = false;
  double known_per_s_ = 0;  // what the service takes, as measured last; 0 = never measured
  Precision precision_ = Precision::none;
  std::uint64_t cuts_ = 0;
  unsigned strikes_ = 0;     // refusals in a row, each after its pause, with nothing taken between
  double since_cut_ = 0;     // taken
  double climb_per_s_ = 0;   // the rate of the present step; 0 = along the cubic
  double proven_per_s_ = 0;  // of the last step that was taken whole
  bool slow_start_ = false;  // doubling, up to what is known or allowed
  unsigned steps_ = 0;       // taken whole, since the climb began
  unsigned failed_starts_ = 0;   // slow starts in a row that were refused
  bool counts_minutes_ = false;  // the service, as far as its refusals say
  bool knows_minute_ = true;     // is all in the ring that the service may have counted?
  Instant step_from_{};
  double step_taken_ = 0;
  Instant cubic_from_{};
  Instant last_cut_{};
  Instant last_taken_{};
  Instant paused_until_{};

  // Taken of late, between pauses: in two slices of time, so that the older one can be forgotten.
  Instant slice_from_;
  double slice_ = 0;
  Instant older_from_;
  double older_ = 0;

  // Taken by second, for the minute that ends with what was taken last.
  Instant start_;
  std::array<double, window_s> by_second_{};  // a ring
  std::int64_t second_ = 0;                   // the latest one in it, since the start

  // Taken by tenth of a second, for the last second.
  static constexpr std::size_t tenths = 10;
  std::array<double, tenths> by_tenth_{};  // a ring
  std::int64_t tenth_ = 0;
};

}  // namespace idmerge
