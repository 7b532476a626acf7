// SPDX-License-Identifier: MIT
#include "send/pace.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace idmerge::send {
namespace {

// Requests that were sent within slightly more than a second can arrive within one: the first of a
// burst waits for its connection, the last of the second does not. Measured on the loopback at
// 20,000/s: 0.4 ms.
constexpr double jitter_s = 0.005;

// The burst for the service's limit: very small, because it is not known how the service counts.
constexpr double service_burst_s = 0.05;

}  // namespace

Pace::Pace(PaceOptions options, Instant now)
    : options_(options),
      links_per_s_(options.allowed.links_per_s),
      adaptive_rate_({.ceiling_per_s = options.allowed.links_per_s,
                      .request_links = options.request_links,
                      .backoff = options.backoff},
                     now),
      rate_limiter_(at(options.allowed.links_per_s)) {
  if (options.spent_before <= 0) return;
  // The time of its last request is unknown: the journal records answers, not requests sent.
  rate_limiter_.spend({.links = std::max(options.allowed.burst, options.spent_before)}, now);
}

void Pace::first_request(double bytes, Instant now) {
  if (options_.spent_before <= 0) return;
  const auto burst = rate_limiter_.options().bytes.burst;
  rate_limiter_.spend({.links = 0, .requests = 0, .bytes = std::max(burst, bytes)}, now);
}

/// Withholds up to a tenth of the burst, in whole links, so that rate plus burst is not exceeded in
/// any second at the receiving end either.
RateLimiterOptions Pace::at(double links_per_s) const {
  const Allowance& allowed = options_.allowed;
  const auto kept_back = std::floor(std::min(allowed.links_per_s * jitter_s, allowed.burst / 10));
  const bool limits = service_limits();
  return {.links = {allowed.links_per_s, std::max(1.0, allowed.burst - kept_back)},
          .service = {limits ? links_per_s : 0, std::max(1.0, links_per_s * service_burst_s)},
          .service_requests = {limits ? adaptive_rate_.requests_per_s() : 0, 1},
          .requests = {allowed.requests_per_s, 1},
          .bytes = {allowed.bytes_per_s, std::max(1.0, allowed.bytes_per_s / 10)},
          .closed = allowed.paused};
}

double Pace::request_links_max() const {
  return options_.adaptive ? adaptive_rate_.request_links_max()
                           : std::numeric_limits<double>::infinity();
}

bool Pace::allow(const Allowance& allowed, Instant now) {
  if (allowed == options_.allowed) return false;
  options_.allowed = allowed;
  adaptive_rate_.set_ceiling(allowed.links_per_s);
  links_per_s_ = options_.adaptive ? adaptive_rate_.rate_per_s(now) : allowed.links_per_s;
  rate_limiter_.set_rate(at(links_per_s_), now);
  return true;
}

void Pace::accepted(std::size_t links, Instant now) {
  adaptive_rate_.accepted(static_cast<double>(links), now);
}

void Pace::rate_limited(Instant left, Instant now, std::optional<std::chrono::seconds> retry_after,
                        double chance) {
  ++rate_limited_count_;
  const bool is_news = adaptive_rate_.rate_limited(left, now, retry_after, chance);
  rate_limiter_.pause_until(adaptive_rate_.paused_until());
  follow(now);
  if (is_news) rate_limiter_.restart_service(at(links_per_s_));
}

void Pace::recall(const KnownLimit& known, WallTime wall_now, Instant now) {
  adaptive_rate_.recall(known, wall_now, now);
  rate_limiter_.pause_until(adaptive_rate_.paused_until());
  follow(now);
  rate_limiter_.restart_service(at(links_per_s_));
}

bool Pace::follow(Instant now) {
  if (!options_.adaptive) return false;
  const auto rate = adaptive_rate_.rate_per_s(now);
  const auto before = rate_limiter_.options();
  const auto after = at(rate);
  if (rate == links_per_s_ && after.service.rate_per_s == before.service.rate_per_s &&
      after.service_requests.rate_per_s == before.service_requests.rate_per_s) {
    return false;
  }
  links_per_s_ = rate;
  rate_limiter_.set_rate(after, now);
  return true;
}

}  // namespace idmerge::send
