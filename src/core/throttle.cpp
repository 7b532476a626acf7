// SPDX-License-Identifier: MIT
#include "idmerge/core/throttle.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace idmerge {
namespace {

using Seconds = std::chrono::duration<double>;

// After a cut the rate is this part of what the service took ...
constexpr double step_down = 0.95;
// ... and is back at all of it after so long. The longer, the rarer the pauses: 60 s keep what a
// pause of the documented two to four seconds costs, together with the step, below a tenth.
constexpr double plateau_s = 60;
// A refusal of which nothing better is known: the rate was too high by an unknown amount.
constexpr double blind_cut = 0.7;
// No cut of a rate that was measured goes deeper than this at once.
constexpr double deepest_cut = 0.5;
// The slowest of all rates, and the one of a slow start after its first link.
constexpr double slowest_per_s = 1;
constexpr double slow_start_per_s = 2;
// Far more than anybody sends.
constexpr double fastest_per_s = 1e9;
// What goes first after a pause, until the service takes one again.
constexpr double probe = 0.05;
// What the service takes is known after so long and so many.
constexpr double known_after_s = 1;
constexpr double known_after_count = 20;
constexpr std::chrono::seconds slice{5};
// A pause that ended longer ago than this ended then: the rate has climbed beyond any ceiling.
constexpr std::chrono::seconds recalled_max{86'400};
// What a clock may be behind the one of the run before, and a second that was rounded up.
constexpr std::chrono::seconds recalled_slack{60};

/// Never so short that what was taken in it would seem to be a rate beyond all measure.
double seconds_since(Instant from, Instant now) {
  return Seconds(std::max<Instant::duration>(now - from, std::chrono::milliseconds(100))).count();
}

// Steps of the same size, before they grow.
constexpr unsigned patient_steps = 8;
// A wait that is no matter of a second's count.
constexpr std::chrono::seconds long_wait{20};
constexpr unsigned failed_starts_max = 3;
// Between two requests that are cut to what the service takes in a second.
constexpr std::chrono::milliseconds cut_request_lasts{1'050};

}  // namespace

Throttle::Throttle(ThrottleOptions options, Instant now)
    : options_(options), slice_from_(now), older_from_(now), start_(now) {}

/// Forget the seconds that are more than a minute old, and the tenths more than a second.
void Throttle::turn(Instant now) {
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

void Throttle::accepted(double count, Instant now) {
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

/// The service takes requests again.
void Throttle::begin_climb(Instant now) {
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

/// Who has climbed for long without a refusal knows that it was far off, and climbs ever faster.
Throttle::Step Throttle::step() const {
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
      // A minute's count shows itself within a minute. Where it does not, there is none.
      return {growing(0.1, 0), milliseconds(steps_ == 0 ? 60'000 : 5'000)};
    default:
      return {growing(0.06, patient_steps), milliseconds(5'000)};
  }
}

/// A step that was taken for its whole time leads to the next one. What hardly uses its rate (too
/// few connections, the user's limit of requests) climbs more slowly.
void Throttle::climb(double count, Instant now) {
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

std::optional<double> Throttle::taken_per_s(Instant now) const {
  const double elapsed_s = Seconds(now - older_from_).count();
  const double taken = older_ + slice_;
  if (elapsed_s < known_after_s || taken < known_after_count) return std::nullopt;
  return taken / elapsed_s;
}

void Throttle::pause(Instant until) {
  if (until <= paused_until_) return;
  paused_until_ = until;
  slice_from_ = older_from_ = until;
  slice_ = older_ = 0;
}

/// What the service took in the second before it refused; as a rate too low rather than too high.
double Throttle::taken_in_last_second(Instant now) const {
  const auto at = static_cast<std::int64_t>(Seconds(now - start_).count() * tenths);
  double sum = 0;
  for (std::int64_t i = std::max<std::int64_t>(0, at - std::int64_t{tenths} + 1); i <= tenth_; ++i)
    sum += by_tenth_[static_cast<std::size_t>(i) % tenths];
  return sum;
}

bool Throttle::throttled(Instant left, Instant now, std::optional<std::chrono::seconds> retry_after,
                         double chance) {
  if (retry_after && retry_after->count() <= 0) retry_after.reset();
  const bool echo = cuts_ > 0 && left < std::max(last_cut_, paused_until_);
  if (echo) {
    if (retry_after) pause(now + *retry_after);
    return false;
  }
  turn(now);
  if (cuts_ == 0 || since_cut_ > 0) ++cuts_;
  if (since_cut_ > 0 && !is_failed_start()) {
    measure(now);
    strikes_ = 0;
  }
  const bool waits_long = retry_after.value_or(std::chrono::seconds(0)) >= long_wait;
  // Sooner than that, a count over a second is still full.
  const bool had_rest = strikes_ > 0 && now - last_taken_ >= std::chrono::seconds(1);
  if (known_per_s_ > 0 && (had_rest || waits_long)) measure_minute();
  limited_ = true;
  slow_start_ = false;
  climb_per_s_ = proven_per_s_ = since_cut_ = 0;
  ++strikes_;
  last_cut_ = now;
  auto wait = backoff(options_.backoff, strikes_, chance);
  if (retry_after) {
    // One that is asked again and again to come back at once waits as if it had not been asked.
    wait = strikes_ == 1 ? std::chrono::nanoseconds(*retry_after)
                         : std::max<std::chrono::nanoseconds>(*retry_after, options_.backoff.min);
  }
  pause(now + wait);
  return true;
}

/// Where a window frees itself bit by bit, its first bits say nothing about the limit that is
/// known. Nor do they to a process that does not know what an earlier one has put into that window.
bool Throttle::is_failed_start() {
  if (known_per_s_ == 0 || climb_per_s_ == 0) return false;
  if (slow_start_ && ++failed_starts_ < failed_starts_max) return true;
  return !knows_minute_ && (slow_start_ || proven_per_s_ == 0);
}

/// The service refused after it took something: that is about its limit.
void Throttle::measure(Instant now) {
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
    // Unlimited so far: what little was seen is better than nothing.
    known_per_s_ = taken.value_or((older_ + slice_) / seconds_since(older_from_, now));
    if (rate > 0) known_per_s_ = std::min(known_per_s_, rate);
    precision_ = Precision::coarse;
  } else {
    known_per_s_ = taken ? std::clamp(*taken, deepest_cut * rate, rate) : blind_cut * rate;
    if (counts_minutes_) known_per_s_ = std::min(known_per_s_, std::max(minute_per_s(), before));
  }
  known_per_s_ = std::max({known_per_s_, minute_per_s(), slowest_per_s});
}

double Throttle::minute_per_s() const {
  return std::accumulate(by_second_.begin(), by_second_.end(), 0.0) / window_s;
}

/// Refused again although it had a rest, or for long: it may count over a minute, and this is its
/// count. A run that knows only a part of what was taken in its minute has counted nothing.
void Throttle::measure_minute() {
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
  // No pause reaches so far: it was said while the clock was ahead, and nobody knows when it ends.
  if (until > second + retry_after_max + recalled_slack) until = second;
  until = std::min<std::chrono::sys_seconds>(until, second + retry_after_max);
  return (until - second) - (wall_now - second);
}

void Throttle::recall(const KnownLimit& known, WallTime wall_now, Instant now) {
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

KnownLimit Throttle::known(WallTime wall_now, Instant now) const {
  if (cuts_ == 0) return {};
  const auto until = std::chrono::ceil<std::chrono::seconds>(wall_now + (paused_until_ - now));
  return {static_cast<std::uint64_t>(std::ceil(known_per_s_)),
          std::max<std::int64_t>(1, until.time_since_epoch().count()),
          limited_ ? static_cast<std::uint64_t>(std::ceil(rate_per_s(now))) : 0,
          counts_minutes_ || precision_ == Precision::minute};
}

double Throttle::cubic_per_s(Instant now) const {
  const double t = std::max(0.0, Seconds(now - cubic_from_).count());
  const double x = (t - plateau_s) / plateau_s;
  return known_per_s_ * (1 + (1 - step_down) * x * x * x);
}

/// Nothing says that the service would take more than one link.
bool Throttle::probes_with_one() const {
  return known_per_s_ == 0 || strikes_ > 1;
}

double Throttle::rate_per_s(Instant now) const {
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

double Throttle::request_links_max() const {
  if (!limited_) return std::numeric_limits<double>::infinity();
  if (since_cut_ == 0 && probes_with_one()) return 1;
  return std::max(1.0, std::ceil(since_cut_ > 0 && climb_per_s_ > 0 ? climb_per_s_ : known_per_s_));
}

bool Throttle::are_requests_cut() const {
  return request_links_max() < options_.request_links;
}

double Throttle::requests_per_s() const {
  return are_requests_cut() ? 1'000.0 / static_cast<double>(cut_request_lasts.count()) : 0;
}

}  // namespace idmerge
