// SPDX-License-Identifier: MIT
#include "send/token_bucket.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "util/check.hpp"

namespace idmerge::send {
namespace {

// An instant further away than this counts as never, so that no sum of instants overflows.
constexpr double wait_s_max = 100.0 * 365 * 86'400;

}  // namespace

void TokenBucket::check() const {
  IDMERGE_CHECK(options_.rate_per_s >= 0 && std::isfinite(options_.rate_per_s));
  IDMERGE_CHECK(options_.rate_per_s == 0 || options_.burst >= 1);
}

std::chrono::nanoseconds TokenBucket::span(double tokens) const {
  const double s = std::clamp(tokens / options_.rate_per_s, -wait_s_max, wait_s_max);
  // Rounded up: a departure may be a nanosecond late, never early.
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::ceil(s * 1e9)));
}

Instant TokenBucket::earliest(double cost, Instant now) const {
  if (options_.rate_per_s == 0) return now;
  const double burst = std::max(options_.burst, cost);
  return std::max(now, base_ + span(taken_ + cost - burst));
}

void TokenBucket::claim(double cost, Instant at) {
  if (options_.rate_per_s == 0) return;
  // The bucket was full before `at`, so earlier departures no longer count. The comparison is
  // strict: moving the base at every departure would accumulate the rounding of every departure.
  if (base_ + span(taken_) < at) {
    base_ = at;
    taken_ = 0;
  }
  taken_ += cost;
}

void TokenBucket::set_rate(TokenBucketOptions options, Instant now) {
  double there = 0;  // tokens in the bucket; below 0 after a cost above the burst
  if (options_.rate_per_s > 0) {
    const double s = std::chrono::duration<double>(base_ + span(taken_) - now).count();
    there = options_.burst - std::max(0.0, s * options_.rate_per_s);
  }
  options_ = options;
  check();
  base_ = now;
  taken_ = options_.burst - std::min(there, options_.burst);
}

}  // namespace idmerge::send
