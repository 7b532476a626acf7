// SPDX-License-Identifier: MIT
//
// How fast a run may go: the user's limits, the service's, and the turnstile that keeps the lower
// of the two. Apart from the lanes, so that whatever changes the pace (an answer, a person, the
// hour) changes it in one place; pure, so that a day of it can be tried in a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "idmerge/core/backoff.hpp"
#include "idmerge/core/throttle.hpp"
#include "idmerge/core/turnstile.hpp"

namespace idmerge {

/// What the user allows.
struct Allowance {
  double links_per_s = 0;     // 0 = unlimited
  double requests_per_s = 0;  // 0 = unlimited
  double bytes_per_s = 0;     // of requests with their heads, as they are sent; 0 = unlimited
  double burst = 1;           // links
  bool paused = false;        // nothing at all, for now

  bool operator==(const Allowance&) const = default;
};

struct PaceOptions {
  Allowance allowed = {};
  double request_links = 1;  // in a request, where the service takes as many
  bool adaptive = true;      // follow the service below these limits
  BackoffOptions backoff = {};

  /// An earlier process may have spent all it could the moment before, in requests of up to so many
  /// links: begin with nothing. 0 = there was none: begin with the burst.
  double spent_before = 0;
};

class Pace {
 public:
  Pace(PaceOptions options, Instant now);

  Turnstile& turnstile() { return turnstile_; }

  /// A request of so many bytes is the first that is about to leave: an earlier process may have
  /// sent one like it the moment before.
  void first_request(double bytes, Instant now);

  /// The user allows something else from now on. False when it is what holds already.
  bool allow(const Allowance& allowed, Instant now);

  /// The service took so many links.
  void accepted(std::size_t links, Instant now);

  /// The service said "too many" to a request that was sent at `left`: pause all lanes together and
  /// lower the rate. Units: `chance` in [0, 1).
  void limited(Instant left, Instant now, std::optional<std::chrono::seconds> retry_after,
               double chance);

  /// What the service let know about its limit goes from one process to the next: see Throttle.
  void recall(const KnownLimit& known, WallTime wall_now, Instant now);
  KnownLimit known(WallTime wall_now, Instant now) const { return throttle_.known(wall_now, now); }

  /// Let the rate follow the time; some ten times a second. False when nothing has changed.
  bool follow(Instant now);

  /// The limit in force. Units: links a second; 0 = unlimited.
  double links_per_s() const { return links_per_s_; }

  /// The links that a request may have now: see Throttle. Bounds: at least 1; may be infinite.
  double request_links_max() const;

  bool is_paused() const { return options_.allowed.paused; }

  /// How often the service said "too many".
  std::uint64_t limited_count() const { return limited_count_; }

 private:
  TurnOptions at(double links_per_s) const;
  bool service_limits() const { return options_.adaptive && throttle_.is_limited(); }

  PaceOptions options_;
  double links_per_s_;
  Throttle throttle_;
  Turnstile turnstile_;
  std::uint64_t limited_count_ = 0;
};

}  // namespace idmerge
