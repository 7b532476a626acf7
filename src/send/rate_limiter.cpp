// SPDX-License-Identifier: MIT
#include "send/rate_limiter.hpp"

#include <algorithm>

#include "util/check.hpp"

namespace idmerge::send {

RateLimiter::RateLimiter(RateLimiterOptions options)
    : buckets_{TokenBucket(options.links), TokenBucket(options.service),
               TokenBucket(options.service_requests), TokenBucket(options.requests),
               TokenBucket(options.bytes)},
      closed_(options.closed) {}

Instant RateLimiter::due(const Cost& cost, Instant now) const {
  if (closed_) return Instant::max();
  return std::max({buckets_.links.earliest(cost.links, now),
                   buckets_.service.earliest(cost.links, now),
                   buckets_.service_requests.earliest(cost.requests, now),
                   buckets_.requests.earliest(cost.requests, now),
                   buckets_.bytes.earliest(cost.bytes, now), paused_until_});
}

void RateLimiter::claim(const Cost& cost, Instant at) {
  buckets_.links.claim(cost.links, at);
  buckets_.service.claim(cost.links, at);
  buckets_.service_requests.claim(cost.requests, at);
  buckets_.requests.claim(cost.requests, at);
  buckets_.bytes.claim(cost.bytes, at);
}

bool RateLimiter::try_acquire(const Cost& cost, Instant now) {
  IDMERGE_CHECK(!reservation_);
  if (due(cost, now) > now) return false;
  claim(cost, now);
  return true;
}

Instant RateLimiter::reserve(const Cost& cost, Instant now) {
  if (reservation_) return reservation_->at;
  const Instant at = due(cost, now);
  if (closed_) return at;
  reservation_.emplace(Reservation{buckets_, at});
  claim(cost, at);
  return at;
}

void RateLimiter::acquire() {
  IDMERGE_CHECK(reservation_);
  reservation_.reset();
}

void RateLimiter::take_back() {
  if (!reservation_) return;
  buckets_ = reservation_->before;
  reservation_.reset();
}

bool RateLimiter::pause_until(Instant until) {
  if (until <= paused_until_) return false;
  paused_until_ = until;
  take_back();
  return true;
}

void RateLimiter::restart_service(const RateLimiterOptions& options) {
  take_back();
  buckets_.service = TokenBucket(options.service);
  buckets_.service_requests = TokenBucket(options.service_requests);
}

void RateLimiter::set_rate(const RateLimiterOptions& options, Instant now) {
  take_back();
  closed_ = options.closed;
  buckets_.links.set_rate(options.links, now);
  buckets_.service.set_rate(options.service, now);
  buckets_.service_requests.set_rate(options.service_requests, now);
  buckets_.requests.set_rate(options.requests, now);
  buckets_.bytes.set_rate(options.bytes, now);
}

RateLimiterOptions RateLimiter::options() const {
  return {
      buckets_.links.options(),    buckets_.service.options(), buckets_.service_requests.options(),
      buckets_.requests.options(), buckets_.bytes.options(),   closed_};
}

}  // namespace idmerge::send
