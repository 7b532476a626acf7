// SPDX-License-Identifier: MIT
//
// What ends a run before its plan does: a signal, the time, the budget of requests, an outage that
// lasts. Each is an error with the exit code of its kind; after the first one the run drains, for a
// while.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "idmerge/base/result.hpp"
#include "idmerge/core/health.hpp"
#include "idmerge/core/throttle.hpp"
#include "idmerge/run/send_options.hpp"

namespace idmerge {

/// The error with which a canary ends. Units: links settled in all.
Error canary_reached(std::uint64_t settled);

class Limits {
 public:
  /// Shape: both must outlive the limits.
  Limits(const SendOptions& options, const StopRequest& request, Instant now)
      : options_(options), request_(request), began_(now) {}

  /// Count one request that is about to leave. Errors: Errc::budget, and it must not.
  Result<void> count_request();

  /// Is it time to stop?
  std::optional<Error> look(Instant now, const Health& health) const;

  /// Does a pause that the service asked for outlast --give-up-after? Then nothing is gained by
  /// waiting for its end. The error names that end, before which no other run is of use.
  std::optional<Error> look_at_pause(Instant until, Instant now, WallTime wall_now) const;

  /// A sentence for people when nothing has succeeded for a while, once an outage.
  std::optional<std::string> outage_note(Instant now, const Health& health);

  /// The run stops: what is under way may still end.
  void begin_drain(Instant now) { drain_until_ = now + options_.drain; }

  /// A sentence for people whose signal seems to do nothing, once: a second after it.
  std::optional<std::string> drain_note(Instant now);

  /// Has what was under way had its time?
  bool drained(Instant now) const { return request_.asked() > 1 || now >= drain_until_; }

  std::uint64_t requests() const { return requests_; }

  /// The signal that asked for the end, or 0.
  int signal_number() const { return request_.signal_number(); }
  Instant began() const { return began_; }
  std::chrono::milliseconds elapsed(Instant now) const;

 private:
  const SendOptions& options_;
  const StopRequest& request_;
  Instant began_;
  Instant drain_until_ = Instant::max();
  std::uint64_t requests_ = 0;
  bool outage_noted_ = false;
  bool drain_noted_ = false;
};

}  // namespace idmerge
