// SPDX-License-Identifier: MIT
#include "send/rate_limiter.hpp"

#include <algorithm>

#include "util/check.hpp"

namespace idmerge::send {

Turnstile::Turnstile(TurnOptions options)
    : buckets_{Bucket(options.links), Bucket(options.service), Bucket(options.service_requests),
               Bucket(options.requests), Bucket(options.bytes)},
      closed_(options.closed) {}

Instant Turnstile::due(const Cost& cost, Instant now) const {
  if (closed_) return Instant::max();
  return std::max({buckets_.links.earliest(cost.links, now),
                   buckets_.service.earliest(cost.links, now),
                   buckets_.service_requests.earliest(cost.requests, now),
                   buckets_.requests.earliest(cost.requests, now),
                   buckets_.bytes.earliest(cost.bytes, now), paused_until_});
}

void Turnstile::claim(const Cost& cost, Instant at) {
  buckets_.links.claim(cost.links, at);
  buckets_.service.claim(cost.links, at);
  buckets_.service_requests.claim(cost.requests, at);
  buckets_.requests.claim(cost.requests, at);
  buckets_.bytes.claim(cost.bytes, at);
}

bool Turnstile::try_pass(const Cost& cost, Instant now) {
  IDMERGE_CHECK(!reservation_);
  if (due(cost, now) > now) return false;
  claim(cost, now);
  return true;
}

Instant Turnstile::reserve(const Cost& cost, Instant now) {
  if (reservation_) return reservation_->at;
  const Instant at = due(cost, now);
  if (closed_) return at;
  reservation_.emplace(Reservation{buckets_, at});
  claim(cost, at);
  return at;
}

void Turnstile::pass() {
  IDMERGE_CHECK(reservation_);
  reservation_.reset();
}

void Turnstile::take_back() {
  if (!reservation_) return;
  buckets_ = reservation_->before;
  reservation_.reset();
}

bool Turnstile::pause_until(Instant until) {
  if (until <= paused_until_) return false;
  paused_until_ = until;
  take_back();
  return true;
}

void Turnstile::restart_service(const TurnOptions& options) {
  take_back();
  buckets_.service = Bucket(options.service);
  buckets_.service_requests = Bucket(options.service_requests);
}

void Turnstile::set_rate(const TurnOptions& options, Instant now) {
  take_back();
  closed_ = options.closed;
  buckets_.links.set_rate(options.links, now);
  buckets_.service.set_rate(options.service, now);
  buckets_.service_requests.set_rate(options.service_requests, now);
  buckets_.requests.set_rate(options.requests, now);
  buckets_.bytes.set_rate(options.bytes, now);
}

TurnOptions Turnstile::options() const {
  return {
      buckets_.links.options(),    buckets_.service.options(), buckets_.service_requests.options(),
      buckets_.requests.options(), buckets_.bytes.options(),   closed_};
}

}  // namespace idmerge::send
