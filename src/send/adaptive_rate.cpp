// SPDX-License-Identifier: MIT
#include "send/adaptive_rate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace idmerge::send {
namespace {

using Seconds = std::chrono::duration<double>;

// After a rate-limited answer the rate is this fraction of the measured limit ...
constexpr double step_down = 0.95;
// ... and is back at the limit after this time. A longer time makes pauses rarer: 60 s keep the
// cost of a pause of the documented two to four seconds, and of the lower rate, below a tenth.
constexpr double plateau_s = 60;
// The reduction without a measurement: the rate was too high by an unknown amount.
constexpr double blind_cut = 0.7;
// A single measurement never lowers the rate further than to this fraction of it.
constexpr double deepest_cut = 0.5;
// The lowest rate, and the rate of a slow start after its first link.
constexpr double slowest_per_s = 1;
constexpr double slow_start_per_s = 2;
// Far above any real rate.
constexpr double fastest_per_s = 1e9;
// The fraction of the known limit that is sent after a pause until the service accepts a request.
constexpr double probe = 0.05;
// The time and the count that a measurement needs.
constexpr double known_after_s = 1;
constexpr double known_after_count = 20;
constexpr std::chrono::seconds slice{5};
// An earlier end of a recorded pause counts as this long ago: by then the rate has climbed beyond
// any ceiling.
constexpr std::chrono::seconds recalled_max{86'400};
// Tolerance for a clock behind that of the previous run, and for rounding up to a second.
constexpr std::chrono::seconds recalled_slack{60};

/// At least 0.1 s, so that a count in a very short time does not yield an excessive rate.
double seconds_since(Instant from, Instant now) {
  return Seconds(std::max<Instant::duration>(now - from, std::chrono::milliseconds(100))).count();
}

// The number of steps of equal size before they grow.
constexpr unsigned patient_steps = 8;
// A Retry-After that is too long for a service that counts per second.
constexpr std::chrono::seconds long_wait{20};
constexpr unsigned failed_starts_max = 3;
// The interval between requests that are reduced to what the service accepts in a second.
constexpr std::chrono::milliseconds cut_request_lasts{1'050};

}  // namespace

AdaptiveRate::AdaptiveRate(AdaptiveRateOptions options, Instant now)
    : options_(options), slice_from_(now), older_from_(now), start_(now) {}

/// Drops seconds older than a minute and tenths older than a second from the rings.
void AdaptiveRate::turn(Instant now) {
  const auto advance = [&](auto& ring, std::int64_t& latest, double per_s) {
    const auto size = static_cast<std::int64_t>(ring.size());
    const auto at = static_cast<std::int64_t>(Seconds(now - start_).count() * per_s);
    for (std::int64_t i = 0; i < std::min(at - latest, size); ++i)
      ring[static_cast<std::size_t>((at - i) % size)] = 0;
    latest = std::max(latest, at);
  };
  advance(by_second_, second_, 1);
  if (now - start_ >= std::chrono::seconds(window_s)) knows_minute_ = true;
  advance(by_tenth_, tenth_, tenths);
}

void AdaptiveRate::accepted(double count, Instant now) {
  turn(now);
  by_second_[static_cast<std::size_t>(second_) % window_s] += count;
  by_tenth_[static_cast<std::size_t>(tenth_) % tenths] += count;
  if (now - slice_from_ > slice) {
    older_from_ = slice_from_;
    older_ = slice_;
    slice_from_ = now;
    slice_ = 0;
  }
  slice_ += count;
  last_taken_ = now;
  if (limited_ && since_cut_ == 0) begin_climb(now);
  since_cut_ += count;
  if (climb_per_s_ > 0) climb(count, now);
}

/// Starts climbing once the service accepts requests again.
void AdaptiveRate::begin_climb(Instant now) {
  slow_start_ = probes_with_one();
  steps_ = 0;
  step_from_ = cubic_from_ = now;
  step_taken_ = proven_per_s_ = 0;
  if (slow_start_) {
    climb_per_s_ = slow_start_per_s;
  } else {
    climb_per_s_ = precision_ == Precision::exact ? 0 : step_down * known_per_s_;
  }
}

/// Returns the current step. Steps grow after a long climb without a rate-limited answer, because
/// the limit must be far away.
AdaptiveRate::Step AdaptiveRate::step() const {
  using std::chrono::milliseconds;
  const auto growing = [&](double beyond, unsigned after) {
    const auto doubled = steps_ > after ? std::min(steps_ - after, 10U) : 0;
    return 1 + std::min(1.0, beyond * std::exp2(doubled));
  };
  if (slow_start_) return {2, are_requests_cut() ? cut_request_lasts : milliseconds(500)};
  switch (precision_) {
    case Precision::coarse:
      return {growing(0.25, patient_steps), milliseconds(4'000)};
    case Precision::minute:
      // If the service counts per minute, it rate-limits within a minute; otherwise it does not.
      return {growing(0.1, 0), milliseconds(steps_ == 0 ? 60'000 : 5'000)};
    default:
      return {growing(0.06, patient_steps), milliseconds(5'000)};
  }
}

/// Counts accepted links and moves to the next step when the current one is complete. A run that
/// uses little of its rate (too few connections, the user's limit of requests) climbs more slowly.
void AdaptiveRate::climb(double count, Instant now) {
  const Step step = this->step();
  step_taken_ += count;
  const double enough = climb_per_s_ * Seconds(step.lasts).count() * (slow_start_ ? 0.25 : 0.5);
  if (now - step_from_ < step.lasts || step_taken_ < enough) return;
  proven_per_s_ = climb_per_s_;
  climb_per_s_ = std::min(climb_per_s_ * step.factor, fastest_per_s);
  step_from_ = now;
  step_taken_ = 0;
  ++steps_;
  const double ceiling = options_.ceiling_per_s;
  if (known_per_s_ == 0) {
    if (ceiling > 0 && climb_per_s_ >= ceiling) {
      limited_ = slow_start_ = false;
      climb_per_s_ = 0;
    }
    return;
  }
  if (slow_start_ && climb_per_s_ >= step_down * known_per_s_) {
    strikes_ = failed_starts_ = 0;
    begin_climb(now);
  }
}

std::optional<double> AdaptiveRate::taken_per_s(Instant now) const {
  const double elapsed_s = Seconds(now - older_from_).count();
  const double taken = older_ + slice_;
  if (elapsed_s < known_after_s || taken < known_after_count) return std::nullopt;
  return taken / elapsed_s;
}

void AdaptiveRate::pause(Instant until) {
  if (until <= paused_until_) return;
  paused_until_ = until;
  slice_from_ = older_from_ = until;
  slice_ = older_ = 0;
}

/// Returns what the service accepted in the second before the rate-limited answer, which as a rate
/// is too low rather than too high.
double AdaptiveRate::taken_in_last_second(Instant now) const {
  const auto at = static_cast<std::int64_t>(Seconds(now - start_).count() * tenths);
  double sum = 0;
  for (std::int64_t i = std::max<std::int64_t>(0, at - std::int64_t{tenths} + 1); i <= tenth_; ++i)
    sum += by_tenth_[static_cast<std::size_t>(i) % tenths];
  return sum;
}

bool AdaptiveRate::rate_limited(Instant left, Instant now,
                                std::optional<std::chrono::seconds> retry_after, double chance) {
  const auto asked = retry_after.value_or(std::chrono::seconds(0));
  const bool has_asked = asked.count() > 0;
  const bool echo = cuts_ > 0 && left < std::max(last_cut_, paused_until_);
  if (echo) {
    if (has_asked) pause(now + asked);
    return false;
  }
  turn(now);
  if (cuts_ == 0 || since_cut_ > 0) ++cuts_;
  if (since_cut_ > 0 && !is_failed_start()) {
    measure(now);
    strikes_ = 0;
  }
  const bool waits_long = asked >= long_wait;
  // Within a second, a service that counts per second may still be at its limit.
  const bool had_rest = strikes_ > 0 && now - last_taken_ >= std::chrono::seconds(1);
  if (known_per_s_ > 0 && (had_rest || waits_long)) measure_minute();
  limited_ = true;
  slow_start_ = false;
  climb_per_s_ = proven_per_s_ = since_cut_ = 0;
  ++strikes_;
  last_cut_ = now;
  auto wait = backoff(options_.backoff, strikes_, chance);
  if (has_asked) {
    // If the service repeatedly asks for an early retry, the minimum backoff applies nevertheless.
    wait = strikes_ == 1 ? std::chrono::nanoseconds(asked)
                         : std::max<std::chrono::nanoseconds>(asked, options_.backoff.min);
  }
  pause(now + wait);
  return true;
}

/// Returns whether a climb ended too early to measure the limit. If the service's window frees up
/// gradually, the first accepted links say nothing about the known limit; neither do they if an
/// earlier process may have sent links that are still in that window.
bool AdaptiveRate::is_failed_start() {
  if (known_per_s_ == 0 || climb_per_s_ == 0) return false;
  if (slow_start_ && ++failed_starts_ < failed_starts_max) return true;
  return !knows_minute_ && (slow_start_ || proven_per_s_ == 0);
}

/// Measures the limit from a rate-limited answer after accepted links.
void AdaptiveRate::measure(Instant now) {
  const double rate = rate_per_s(now);
  const auto taken = taken_per_s(now);
  const double before = step_down * known_per_s_;
  if (climb_per_s_ > 0 && precision_ == Precision::minute && !slow_start_) {
    counts_minutes_ = minute_per_s() <= 1.25 * known_per_s_;
    if (counts_minutes_) {
      precision_ = Precision::exact;
    } else {
      known_per_s_ = proven_per_s_;
      precision_ = Precision::coarse;
    }
  } else if (climb_per_s_ > 0 && !slow_start_ && proven_per_s_ > 0) {
    known_per_s_ = proven_per_s_;
    if (steps_ > patient_steps) {
      precision_ = Precision::coarse;
    } else {
      precision_ = precision_ == Precision::coarse ? Precision::fine : Precision::exact;
    }
  } else if (climb_per_s_ > 0) {
    const double least = slow_start_ && !are_requests_cut() ? 0 : deepest_cut * rate;
    known_per_s_ = std::clamp(taken_in_last_second(now), least, rate);
    if (slow_start_) precision_ = Precision::coarse;
  } else if (!limited_) {
    // There was no limit so far: even a short measurement is better than none.
    known_per_s_ = taken.value_or((older_ + slice_) / seconds_since(older_from_, now));
    if (rate > 0) known_per_s_ = std::min(known_per_s_, rate);
    precision_ = Precision::coarse;
  } else {
    known_per_s_ = taken ? std::clamp(*taken, deepest_cut * rate, rate) : blind_cut * rate;
    if (counts_minutes_) known_per_s_ = std::min(known_per_s_, std::max(minute_per_s(), before));
  }
  known_per_s_ = std::max({known_per_s_, minute_per_s(), slowest_per_s});
}

double AdaptiveRate::minute_per_s() const {
  return std::accumulate(by_second_.begin(), by_second_.end(), 0.0) / window_s;
}

/// Measures the limit over the last minute. Rate-limited again after a pause, or with a long
/// Retry-After, the service may count per minute, and this is its count. A run that knows only a
/// part of the links accepted in that minute cannot measure it.
void AdaptiveRate::measure_minute() {
  const double minute_per_s = this->minute_per_s();
  if (!knows_minute_ || minute_per_s == 0 || minute_per_s > 1.02 * known_per_s_) return;
  if (precision_ == Precision::exact && minute_per_s > step_down * known_per_s_) return;
  known_per_s_ = std::max(minute_per_s, slowest_per_s);
  precision_ = Precision::minute;
}

std::chrono::nanoseconds KnownLimit::rest(WallTime wall_now) const {
  const auto second = std::chrono::floor<std::chrono::seconds>(wall_now);
  auto until = std::max<std::chrono::sys_seconds>(
      std::chrono::sys_seconds(std::chrono::seconds(paused_until_s)), second - recalled_max);
  // No pause is that long: it was recorded while the clock was ahead, and its real end is unknown.
  if (until > second + retry_after_max + recalled_slack) until = second;
  until = std::min<std::chrono::sys_seconds>(until, second + retry_after_max);
  return (until - second) - (wall_now - second);
}

void AdaptiveRate::recall(const KnownLimit& known, WallTime wall_now, Instant now) {
  if (known.paused_until_s == 0) return;
  paused_until_ = now + known.rest(wall_now);
  last_cut_ = std::min(now, paused_until_);
  slice_from_ = older_from_ = std::max(now, paused_until_);
  limited_ = true;
  knows_minute_ = false;
  ++cuts_;
  ++strikes_;
  if (known.per_s == 0) return;
  known_per_s_ = static_cast<double>(known.per_s);
  precision_ = known.of_minute ? Precision::minute : Precision::fine;
  cubic_from_ = paused_until_;
  known_per_s_ = std::min(std::max(known_per_s_, cubic_per_s(now)), fastest_per_s);
}

KnownLimit AdaptiveRate::known(WallTime wall_now, Instant now) const {
  if (cuts_ == 0) return {};
  const auto until = std::chrono::ceil<std::chrono::seconds>(wall_now + (paused_until_ - now));
  return {static_cast<std::uint64_t>(std::ceil(known_per_s_)),
          std::max<std::int64_t>(1, until.time_since_epoch().count()),
          limited_ ? static_cast<std::uint64_t>(std::ceil(rate_per_s(now))) : 0,
          counts_minutes_ || precision_ == Precision::minute};
}

double AdaptiveRate::cubic_per_s(Instant now) const {
  const double t = std::max(0.0, Seconds(now - cubic_from_).count());
  const double x = (t - plateau_s) / plateau_s;
  return known_per_s_ * (1 + (1 - step_down) * x * x * x);
}

/// Returns whether it is unknown that the service would accept more than one link.
bool AdaptiveRate::probes_with_one() const {
  return known_per_s_ == 0 || strikes_ > 1;
}

double AdaptiveRate::rate_per_s(Instant now) const {
  if (!limited_) return options_.ceiling_per_s;
  double rate = climb_per_s_;
  if (since_cut_ == 0) {
    rate = probes_with_one() ? slowest_per_s : known_per_s_ * probe;
  } else if (climb_per_s_ == 0) {
    rate = cubic_per_s(now);
  }
  rate = std::max(rate, slowest_per_s);
  return options_.ceiling_per_s > 0 ? std::min(rate, options_.ceiling_per_s) : rate;
}

double AdaptiveRate::request_links_max() const {
  if (!limited_) return std::numeric_limits<double>::infinity();
  if (since_cut_ == 0 && probes_with_one()) return 1;
  return std::max(1.0, std::ceil(since_cut_ > 0 && climb_per_s_ > 0 ? climb_per_s_ : known_per_s_));
}

bool AdaptiveRate::are_requests_cut() const {
  return request_links_max() < options_.request_links;
}

double AdaptiveRate::requests_per_s() const {
  return are_requests_cut() ? 1'000.0 / static_cast<double>(cut_request_lasts.count()) : 0;
}

}  // namespace idmerge::send
