// SPDX-License-Identifier: MIT
#include "send/answer_handler.hpp"

#include <utility>

#include <fmt/format.h>

#include "send/id_redaction.hpp"

namespace idmerge::send {

void AnswerHandler::take(Worker& worker, RequestInFlight& in_flight, const net::Answer& answer,
                         Instant now) {
  if (&in_flight == worker.retry_first) worker.retry_first = nullptr;
  const Slice& slice = in_flight.next();
  Attempt attempt{.sent = answer.sent,
                  .stale = answer.stale,
                  .links = slice.count,
                  .failed = slice.tries.failed,
                  .failures_max = in_flight.failures_max};
  if (answer.sent || !answer.stale) report_request(in_flight, answer, now);
  if (answer.end == net::ResponseEnd::answered) {
    parts_.surplus_guard.note_answer(*worker.connection, in_flight.ordinals(slice));
    Outcome& outcome = worker.outcome;
    parts_.session.api().decode(answer.response, in_flight.links(slice), outcome);
    attempt.outcome = outcome.kind;
    attempt.took_nothing = outcome.took_nothing;
    handle_outcome(in_flight, outcome, answer.response.status, now);
  } else if (!answer.stale) {
    parts_.outage_detector.failure(now, named(answer.what));
  }
  const auto decision = retry_policy_.decide(attempt, parts_.outage_detector.successes() > 0);
  in_flight.has_permit = decision.keeps_permit;
  if (decision.next != NextStep::none) note_in_doubt(in_flight, decision.in_doubt);
  // With TLS 1.2, open() would have reported this; treat it in the same way.
  if (answer.end == net::ResponseEnd::refused && !parts_.outage_detector.ever_succeeded()) {
    parts_.run.stop({Errc::service, std::string(answer.what)});
    return;
  }
  go_on(worker, in_flight, decision, now);
}

void AnswerHandler::report_request(RequestInFlight& in_flight, const net::Answer& answer,
                                   Instant now) {
  const bool answered = answer.end == net::ResponseEnd::answered;
  parts_.progress.request_ended({.status = answered ? answer.response.status : 0,
                                 .links = in_flight.next().count,
                                 .latency = now - in_flight.left,
                                 .request_bytes = in_flight.request.size(),
                                 .answer_body_bytes = answered ? answer.response.body.size() : 0});
}

void AnswerHandler::go_on(Worker& worker, RequestInFlight& in_flight, const RetryDecision& decision,
                          Instant now) {
  Tries& tries = in_flight.next().tries;
  if (decision.failed) ++tries.failed;
  switch (decision.next) {
    case NextStep::none:
      in_flight.finish_next();
      return;
    case NextStep::first:
      // Only the first request that met the end of the connection can be its cause.
      if (worker.retry_first == nullptr) worker.retry_first = &in_flight;
      return;
    case NextStep::with_permit:
      return;
    case NextStep::in_halves:
      in_flight.split_next();
      return;
    case NextStep::park:
      if (park(in_flight)) return;
      break;
    case NextStep::after_wait:
      break;
  }
  in_flight.due = now + retry_policy_.wait(tries.failed, parts_.chance.next());
}

/// Parks the only link of the next slice. Returns: false if too many are parked.
bool AnswerHandler::park(RequestInFlight& in_flight) {
  const Slice& slice = in_flight.next();
  const auto ordinal = in_flight.batch.ordinals[slice.first];
  const Ledger& ledger = parts_.recorder.ledger();
  if (!ledger.is_parked(ordinal) && !ledger.can_park()) return false;
  parts_.recorder.park(ordinal, slice.tries.sent);
  in_flight.finish_next();
  return true;
}

/// Called when an attempt has not settled the next slice. If it may have been delivered all the
/// same, the slice is in doubt; otherwise the attempt is withdrawn.
void AnswerHandler::note_in_doubt(RequestInFlight& in_flight, bool may_be_taken) {
  const Slice& slice = in_flight.next();
  in_flight.next().tries.in_doubt |= may_be_taken;
  if (!slice.tries.in_doubt) parts_.recorder.withdraw(in_flight.ordinals(slice));
}

/// Returns: a connection's error with the target in front, unless it names the host.
std::string AnswerHandler::named(std::string_view what) const {
  const auto& target = options_.target;
  if (what.find(target.host) != std::string_view::npos) return std::string(what);
  return fmt::format("{}: {}", target.authority(), what);
}

/// Records the outcomes of the next slice, and what the answer says about the service.
void AnswerHandler::handle_outcome(RequestInFlight& in_flight, const Outcome& outcome,
                                   unsigned status, Instant now) {
  const Slice& slice = in_flight.next();
  const auto said = [&] {
    return mask_ids(outcome.message, in_flight.links(slice), options_.mask);
  };
  const bool ever_succeeded = parts_.outage_detector.ever_succeeded();
  switch (outcome.kind) {
    case OutcomeKind::delivered:
      note_success(slice, now);
      parts_.outcome_handler.deliver(in_flight.batch, slice, outcome, status);
      guard_refusals();
      return;
    case OutcomeKind::refused:
      note_success(slice, now);
      parts_.outcome_handler.refuse(in_flight.batch, slice, outcome, status);
      guard_refusals();
      return;
    case OutcomeKind::split:
      return;
    case OutcomeKind::rate_limited:
      parts_.outage_detector.failure(now, rate_limited_message);
      if (outcome.retry_after_is_unreadable) note_unreadable_retry_after();
      parts_.run.rate_limited(in_flight.left, now, outcome.retry_after);
      return;
    case OutcomeKind::retry:
      parts_.outage_detector.failure(now, said());
      return;
    case OutcomeKind::foreign:
      if (!parts_.outage_detector.bears_foreign(in_flight.left, now, said())) {
        parts_.run.stop({Errc::service, said()}, ever_succeeded ? "" : "to");
      }
      return;
    case OutcomeKind::unauthorized:
      if (in_flight.credentials == parts_.session.version() && !renew_credentials()) {
        const CredentialNames& names = options_.service->credentials;
        parts_.run.stop(
            {Errc::service, fmt::format("{}: status {}: {}: check {}, {} and {}, then go on",
                                        options_.target.url(), status, said(), names.username.name,
                                        names.secret.name, names.token.name)});
      }
      return;
    case OutcomeKind::wrong_project:
      parts_.run.stop({Errc::service, said()}, ever_succeeded ? "" : "project-id");
      return;
    case OutcomeKind::wrong_mode:
      parts_.run.stop({Errc::service, said()}, "project-mode");
      return;
  }
}

void AnswerHandler::note_success(const Slice& slice, Instant now) {
  parts_.outage_detector.success(now);
  parts_.run.accepted(slice.count, now);
}

/// The note omits the value, because anything from the service may contain a secret.
void AnswerHandler::note_unreadable_retry_after() {
  if (std::exchange(unreadable_noted_, true)) return;
  parts_.progress.note(
      plan::Weight::warning,
      "the service sends a Retry-After that is neither seconds nor a date: waiting by "
      "--backoff-min and --backoff-max");
}

void AnswerHandler::guard_refusals() {
  if (parts_.outcome_handler.too_many_refused())
    parts_.run.stop(*parts_.outcome_handler.too_many_refused());
}

/// Returns: true if there are new credentials.
bool AnswerHandler::renew_credentials() {
  if (!parts_.outage_detector.ever_succeeded()) return false;
  const auto renewed = parts_.session.renew();
  if (!renewed) {
    parts_.run.stop(renewed.error());
    return false;
  }
  if (!*renewed) return false;
  parts_.progress.note(plan::Weight::info,
                       "the service no longer takes the credentials: they were read again");
  return true;
}

}  // namespace idmerge::send
