// SPDX-License-Identifier: MIT
//
// How fast to send to a service that does not say how much it takes. A 429, or a 503 with
// Retry-After, pauses everyone and cuts the rate to a little below what was really taken; then the
// rate climbs along a cubic: back to near the level of the cut, a long plateau there, and ever
// faster beyond it. So most of the time is spent just below the limit, the limit is touched about
// once a minute, and one that was raised is found. Pure: time and chance come in, rate and pause
// come out.
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
  std::uint64_t per_s = 0;  // what it takes, as of the last cut; 0 = it never said "too many"
  std::int64_t paused_until_s = 0;  // when the last pause ends, or ended; seconds since 1970

  bool operator==(const KnownLimit&) const = default;

  /// What is left of that pause; nothing or less when it is over.
  ///
  /// Bounds: at most retry_after_max; a pause that would be longer was said while the wall clock
  /// was ahead, and is taken as over.
  std::chrono::nanoseconds rest(WallTime wall_now) const;
};

struct ThrottleOptions {
  double ceiling_per_s = 0;     // what the user allows; 0 = unlimited. Flag: --rate
  double floor_per_s = 1;       // never slower than this
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
  /// Units: `left` is when that request was sent; `chance` is in [0, 1).
  void throttled(Instant left, Instant now, std::optional<std::chrono::seconds> retry_after,
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

  /// Nothing may leave before this instant.
  Instant paused_until() const { return paused_until_; }

  std::uint64_t cuts() const { return cuts_; }

 private:
  static constexpr std::size_t window_s = 60;  // of the service's count

  std::optional<double> taken_per_s(Instant now) const;
  void turn(Instant now);
  void cut(Instant now);
  void pause(Instant until);

  ThrottleOptions options_;
  double known_per_s_ = 0;  // what the service takes, as of the last cut; 0 = never cut
  std::uint64_t cuts_ = 0;
  unsigned strikes_ = 0;  // refusals in a row, each after its pause, with nothing taken between
  double since_cut_ = 0;  // taken
  Instant last_cut_{};
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
};

}  // namespace idmerge
