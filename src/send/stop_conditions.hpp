// SPDX-License-Identifier: MIT
//
// Conditions that end a run before its plan is done: a signal, the time, the request budget, or a
// lasting outage. Each is an error with its own exit code. After the first one the run drains for a
// limited time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "send/adaptive_rate.hpp"
#include "send/outage_detector.hpp"
#include "send/send_options.hpp"
#include "util/result.hpp"

namespace idmerge::send {

/// Returns: the error that ends a canary. Units: links settled in total.
Error canary_reached(std::uint64_t settled);

class StopConditions {
 public:
  /// Lifetime: both must outlive this object.
  StopConditions(const SendOptions& options, const StopRequest& request, Instant now)
      : options_(options), request_(request), began_(now) {}

  /// Counts one request before it is sent. Errors: Errc::budget; the request must not be sent.
  Result<void> count_request();

  /// Returns: the reason to stop; nullopt to continue.
  std::optional<Error> look(Instant now, const OutageDetector& outage_detector) const;

  /// Returns: an error if a pause requested by the service outlasts --give-up-after, so that
  /// waiting is pointless. The error names the end of the pause; a run before that would fail too.
  std::optional<Error> look_at_pause(Instant until, Instant now, WallTime wall_now) const;

  /// Returns: a message when nothing has succeeded for a while, once per outage.
  std::optional<std::string> outage_note(Instant now, const OutageDetector& outage_detector);

  /// Starts the drain: requests in flight may still complete.
  void begin_drain(Instant now) { drain_until_ = now + options_.drain; }

  /// Returns: a message about the drain, once, a second after the signal, which otherwise has no
  /// visible effect.
  std::optional<std::string> drain_note(Instant now);

  /// Returns whether the drain is over: its time is up, or a second signal came.
  bool drained(Instant now) const { return request_.asked() > 1 || now >= drain_until_; }

  std::uint64_t requests() const { return requests_; }

  /// Returns: the signal that requested the stop, or 0.
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

}  // namespace idmerge::send
