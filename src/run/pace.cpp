// SPDX-License-Identifier: MIT
#include "idmerge/run/pace.hpp"

#include <algorithm>

namespace idmerge {

Pace::Pace(asio::io_context& io, PaceOptions options, Instant now)
    : options_(options),
      links_per_s_(options.links_per_s),
      gate_(io, at(options.links_per_s)),
      throttle_({.ceiling_per_s = options.links_per_s, .backoff = options.backoff}, now) {
  if (options.spent_before <= 0) return;
  // When it last sent is not known: the journal says what was answered, not what has left.
  gate_.try_pass({.links = std::max(options.burst, options.spent_before)});
}

/// A lower rate than the user's has a lower burst, too.
GateOptions Pace::at(double links_per_s) const {
  const auto lowered = options_.links_per_s > 0 ? links_per_s / options_.links_per_s : 1;
  return {.links = {links_per_s, std::max(1.0, options_.burst * lowered)},
          .requests = {options_.requests_per_s, 1},
          .bytes = {}};
}

void Pace::accepted(std::size_t links, Instant now) {
  throttle_.accepted(static_cast<double>(links), now);
}

void Pace::limited(Instant left, Instant now, std::optional<std::chrono::seconds> retry_after,
                   double chance) {
  ++limited_count_;
  if (retry_after == std::chrono::seconds(0)) return;
  throttle_.throttled(left, now, retry_after, chance);
  gate_.pause_until(throttle_.paused_until());
  follow(now);
}

void Pace::follow(Instant now) {
  if (!options_.adaptive) return;
  const auto rate = throttle_.rate_per_s(now);
  if (rate == links_per_s_) return;
  links_per_s_ = rate;
  gate_.set_rate(at(rate));
}

}  // namespace idmerge
