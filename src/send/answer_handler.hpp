// SPDX-License-Identifier: MIT
//
// What becomes of a request by its answer, or by the lack of one: the outcomes of its links are
// recorded, or it continues as the retry policy decides. What an answer says beyond its own links -
// the rate is limited, this is not the service we think it is - goes to the run.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "net/connection.hpp"
#include "plan/progress.hpp"
#include "send/outage_detector.hpp"
#include "send/outcome_handler.hpp"
#include "send/retry_policy.hpp"
#include "send/run_recorder.hpp"
#include "send/send_options.hpp"
#include "send/service_session.hpp"
#include "send/surplus_guard.hpp"
#include "send/worker.hpp"
#include "util/clock.hpp"

namespace idmerge::send {

/// The failure that a rate-limited answer counts as.
inline constexpr std::string_view rate_limited_message = "the service limits the rate";

/// What an answer can do to the whole run.
class RunControl {
 public:
  /// Ends the run. `unfit`: see SendReport.
  virtual void stop(Error error, std::string_view unfit = {}) = 0;

  /// The service accepted so many links.
  virtual void accepted(std::size_t links, Instant now) = 0;

  /// The answer to a request that was sent at `left` says that the rate is limited.
  virtual void rate_limited(Instant left, Instant now,
                            std::optional<std::chrono::seconds> retry_after) = 0;

 protected:
  RunControl() = default;
  RunControl(const RunControl&) = default;
  RunControl& operator=(const RunControl&) = default;
  virtual ~RunControl() = default;
};

class AnswerHandler {
 public:
  /// What it works on. Lifetime: must outlive the handler.
  struct Parts {
    ServiceSession& session;
    RunRecorder& recorder;
    OutcomeHandler& outcome_handler;
    SurplusGuard& surplus_guard;
    OutageDetector& outage_detector;
    plan::Progress& progress;
    Chance& chance;
    RunControl& run;
  };

  AnswerHandler(const SendOptions& options, const Parts& parts)
      : options_(options),
        parts_(parts),
        retry_policy_({options.backoff_min, options.backoff_max}) {}

  /// Records the outcomes of the next slice of a request, or lets the request continue.
  void take(Worker& worker, RequestInFlight& in_flight, const net::Answer& answer, Instant now);

 private:
  void handle_outcome(RequestInFlight& in_flight, const Outcome& outcome, unsigned status,
                      Instant now);
  void report_request(RequestInFlight& in_flight, const net::Answer& answer, Instant now);
  void go_on(Worker& worker, RequestInFlight& in_flight, const RetryDecision& decision,
             Instant now);
  bool park(RequestInFlight& in_flight);
  void note_in_doubt(RequestInFlight& in_flight, bool may_be_taken);
  void note_success(const Slice& slice, Instant now);
  void note_unreadable_retry_after();
  void guard_refusals();
  bool renew_credentials();
  std::string named(std::string_view what) const;

  const SendOptions& options_;
  Parts parts_;
  RetryPolicy retry_policy_;
  bool unreadable_noted_ = false;
};

}  // namespace idmerge::send
