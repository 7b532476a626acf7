// SPDX-License-Identifier: MIT
//
// Decides how a request continues after an attempt to send it. It is a value that holds no socket
// and reads no clock: the decision follows from its arguments alone.
//
// Source: the answer table of design section 6.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "send/backoff.hpp"
#include "send/service_api.hpp"

namespace idmerge::send {

/// An attempt to send a request, as it ended.
struct Attempt {
  /// What the answer means for the links; nullopt if there was none.
  std::optional<OutcomeKind> outcome = std::nullopt;
  bool took_nothing = false;  // as in Outcome
  bool sent = false;          // as in net::Answer
  bool stale = false;         // as in net::Answer

  std::size_t links = 1;           // in the request
  std::uint32_t failed = 0;        // earlier failures of these links
  std::uint32_t failures_max = 1;  // before they are given up; 1 for parked links
};

enum class NextStep : std::uint8_t {
  none,         // its links are settled
  first,        // send it again before all others and alone: the connection ended at it
  with_permit,  // send it again with its next permit
  in_halves,    // send its two halves
  after_wait,   // send it again after a backoff
  park,         // it keeps failing: try it again at the end, if it can be parked
};

struct RetryDecision {
  NextStep next = NextStep::none;
  bool in_doubt = false;      // the service may have taken links of it
  bool keeps_permit = false;  // nothing was sent, so its permit remains valid
  bool failed = false;        // the attempt counts as a failure of these links

  bool operator==(const RetryDecision&) const = default;
};

class RetryPolicy {
 public:
  explicit RetryPolicy(BackoffOptions backoff) : backoff_(backoff) {}

  /// While nothing has succeeded in this run (`has_success`), failures count as an outage and the
  /// link is retried instead of parked. Whether other links succeed at the same time does not
  /// matter: if every worker held such a link (with one worker: if its first link is one), the run
  /// would never progress. If it is an outage after all, each worker parks a few links before
  /// --give-up-after, and they are retried later. A request with several links is split to find the
  /// failing one, which costs little.
  RetryDecision decide(const Attempt& attempt, bool has_success) const;

  /// Returns: how long to wait after so many failures. Units: `chance` in [0, 1).
  std::chrono::nanoseconds wait(std::uint32_t failures, double chance) const;

 private:
  NextStep after_failure(const Attempt& attempt, bool has_success) const;

  BackoffOptions backoff_;
};

}  // namespace idmerge::send
