// SPDX-License-Identifier: MIT
#include "send/stop_conditions.hpp"

#include <utility>

#include <fmt/format.h>

#include "util/log.hpp"
#include "util/units.hpp"

namespace idmerge::send {
namespace {

constexpr std::chrono::milliseconds outage_noted_after{10'000};
constexpr std::chrono::milliseconds drain_noted_after{1'000};

}  // namespace

Error canary_reached(std::uint64_t settled) {
  return {Errc::budget, fmt::format("--canary: {} links are settled", settled)};
}

Result<void> StopConditions::count_request() {
  if (options_.max_requests && requests_ >= *options_.max_requests) {
    return Error{Errc::budget, fmt::format("--max-requests: {} requests were sent", requests_)};
  }
  ++requests_;
  return {};
}

std::optional<Error> StopConditions::look(Instant now,
                                          const OutageDetector& outage_detector) const {
  if (request_.asked() > 0) {
    return Error{Errc::interrupted, "interrupted: what was settled is saved"};
  }
  if (options_.max_duration && elapsed(now) >= *options_.max_duration) {
    return Error{Errc::duration, "--max-duration: the time is up"};
  }
  if (options_.service_failure) {
    if (auto failure = options_.service_failure()) return failure;
  }
  const auto failing_for = outage_detector.failing_for(now);
  if (failing_for >= options_.give_up_after) {
    return Error{Errc::outage, fmt::format("nothing succeeded for {} (--give-up-after), last: {}",
                                           util::rough_duration_text(failing_for),
                                           outage_detector.last_failure())};
  }
  return std::nullopt;
}

std::optional<Error> StopConditions::look_at_pause(Instant until, Instant now,
                                                   WallTime wall_now) const {
  const auto rest = until - now;
  if (rest <= rest.zero() || rest < options_.give_up_after) return std::nullopt;
  const auto rest_s = std::chrono::ceil<std::chrono::seconds>(rest);
  return Error{Errc::outage,
               fmt::format("the service asked for a pause until {} (for {}), longer than "
                           "--give-up-after: go on after that, an earlier run ends like this one",
                           util::rfc3339(std::chrono::ceil<std::chrono::seconds>(wall_now + rest)),
                           util::rough_duration_text(rest_s))};
}

std::optional<std::string> StopConditions::outage_note(Instant now,
                                                       const OutageDetector& outage_detector) {
  if (outage_detector.failing_for(now) < outage_noted_after) {
    outage_noted_ = false;
    return std::nullopt;
  }
  if (std::exchange(outage_noted_, true)) return std::nullopt;
  return fmt::format("nothing succeeds, trying on; last: {}", outage_detector.last_failure());
}

std::optional<std::string> StopConditions::drain_note(Instant now) {
  if (drain_until_ == Instant::max() || request_.asked() != 1) return std::nullopt;
  if (now - (drain_until_ - options_.drain) < drain_noted_after) return std::nullopt;
  if (std::exchange(drain_noted_, true)) return std::nullopt;
  const auto left = std::chrono::ceil<std::chrono::seconds>(drain_until_ - now);
  return fmt::format(
      "waiting for answers that are under way, at most {}s more (--drain); a second "
      "signal ends it at once",
      left.count());
}

std::chrono::milliseconds StopConditions::elapsed(Instant now) const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - began_);
}

}  // namespace idmerge::send
