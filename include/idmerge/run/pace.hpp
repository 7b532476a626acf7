// SPDX-License-Identifier: MIT
//
// How fast a run may go: the user's limits, the service's, and the gate that enforces the lower of
// the two for all lanes at once. Apart from the lanes, so that whatever changes the pace (an
// answer, a person, the hour) changes it in one place.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "idmerge/core/backoff.hpp"
#include "idmerge/core/throttle.hpp"
#include "idmerge/run/gate.hpp"

namespace idmerge {

struct PaceOptions {
  double links_per_s = 0;     // 0 = unlimited
  double requests_per_s = 0;  // 0 = unlimited
  double burst = 1;           // links
  bool adaptive = true;       // follow the service below these limits
  BackoffOptions backoff = {};

  /// An earlier process may have spent all it could the moment before, in requests of up to so many
  /// links: begin with nothing. 0 = there was none: begin with the burst.
  double spent_before = 0;
};

/// Shape: must outlive the run of its io_context and everyone who waits.
class Pace {
 public:
  Pace(asio::io_context& io, PaceOptions options, Instant now);

  /// As Gate's: `if (!pace.try_pass(cost)) co_await pace.pass(cost);`
  bool try_pass(Cost cost) { return gate_.try_pass(cost); }
  Task<bool> pass(Cost cost) { return gate_.pass(cost); }

  /// The service took so many links.
  void accepted(std::size_t links, Instant now);

  /// The service said "too many" to a request that was sent at `left`: pause all lanes together and
  /// lower the rate. One that asks for no wait at all has had a mishap, not a limit.
  /// Units: `chance` in [0, 1).
  void limited(Instant left, Instant now, std::optional<std::chrono::seconds> retry_after,
               double chance);

  /// Let the rate follow the time; some ten times a second.
  void follow(Instant now);

  /// Let nobody pass, now and later.
  void close() { gate_.close(); }

  /// The limit in force. Units: links a second; 0 = unlimited.
  double links_per_s() const { return links_per_s_; }

  /// How often the service said "too many".
  std::uint64_t limited_count() const { return limited_count_; }

 private:
  GateOptions at(double links_per_s) const;

  PaceOptions options_;
  double links_per_s_;
  Gate gate_;
  Throttle throttle_;
  std::uint64_t limited_count_ = 0;
};

}  // namespace idmerge
