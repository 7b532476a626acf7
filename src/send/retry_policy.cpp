// SPDX-License-Identifier: MIT
#include "send/retry_policy.hpp"

namespace idmerge::send {

RetryDecision RetryPolicy::decide(const Attempt& attempt, bool has_success) const {
  // The end of a kept-alive connection is no fault of the request, but what was sent may still have
  // arrived.
  if (attempt.stale) {
    return {.next = NextStep::first, .in_doubt = attempt.sent, .keeps_permit = !attempt.sent};
  }
  RetryDecision decision;
  decision.in_doubt = attempt.sent && !(attempt.outcome && attempt.took_nothing);
  switch (attempt.outcome.value_or(OutcomeKind::retry)) {
    case OutcomeKind::delivered:
    case OutcomeKind::refused:
      return {};
    case OutcomeKind::split:
      decision.next = NextStep::in_halves;
      return decision;
    case OutcomeKind::rate_limited:  // says nothing about the links
    case OutcomeKind::unauthorized:
    case OutcomeKind::wrong_project:
    case OutcomeKind::wrong_mode:
      decision.next = NextStep::with_permit;
      return decision;
    case OutcomeKind::retry:
    case OutcomeKind::foreign:
      break;
  }
  decision.failed = true;
  decision.next = after_failure(attempt, has_success);
  return decision;
}

NextStep RetryPolicy::after_failure(const Attempt& attempt, bool has_success) const {
  if (attempt.failed + 1 < attempt.failures_max) return NextStep::after_wait;
  if (attempt.links > 1) return NextStep::in_halves;
  if (!has_success && attempt.failures_max > 1) return NextStep::after_wait;
  return NextStep::park;
}

std::chrono::nanoseconds RetryPolicy::wait(std::uint32_t failures, double chance) const {
  return backoff(backoff_, failures, chance);
}

}  // namespace idmerge::send
