// SPDX-License-Identifier: MIT
#include "idmerge/core/throttle.hpp"

#include <algorithm>
#include <numeric>

namespace idmerge {
namespace {

using Seconds = std::chrono::duration<double>;

// After a cut the rate is this part of what the service took ...
constexpr double step_down = 0.95;
// ... and is back at all of it after so long. The longer, the rarer the pauses: 45 s keep what a
// pause of the documented two to four seconds costs, together with the step, below a tenth.
constexpr double plateau_s = 45;
// A refusal of which nothing better is known: the rate was too high by an unknown amount.
constexpr double blind_cut = 0.7;
// No cut goes deeper than this at once.
constexpr double deepest_cut = 0.5;
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

}  // namespace

Throttle::Throttle(ThrottleOptions options, Instant now)
    : options_(options), slice_from_(now), older_from_(now), start_(now) {}

/// Forget the seconds that are more than a minute old.
void Throttle::turn(Instant now) {
  const auto second = static_cast<std::int64_t>(Seconds(now - start_).count());
  const auto forget = std::min<std::int64_t>(second - second_, window_s);
  for (std::int64_t i = 0; i < forget; ++i) {
    by_second_[static_cast<std::size_t>(second - i) % window_s] = 0;
  }
  second_ = std::max(second_, second);
}

void Throttle::accepted(double count, Instant now) {
  turn(now);
  by_second_[static_cast<std::size_t>(second_) % window_s] += count;
  since_cut_ += count;
  if (now - slice_from_ > slice) {
    older_from_ = slice_from_;
    older_ = slice_;
    slice_from_ = now;
    slice_ = 0;
  }
  slice_ += count;
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

void Throttle::throttled(Instant left, Instant now, std::optional<std::chrono::seconds> retry_after,
                         double chance) {
  const bool echo = cuts_ > 0 && left < std::max(last_cut_, paused_until_);
  if (echo) {
    if (retry_after) pause(now + *retry_after);
    return;
  }
  if (cuts_ == 0 || since_cut_ > 0) {
    cut(now);
    strikes_ = 0;
  } else {
    // Refused again although it had a rest: it counts over a minute, and this is its count, as far
    // as it has gone.
    const double minute = std::accumulate(by_second_.begin(), by_second_.end(), 0.0);
    const double over_s = std::min<double>(window_s, seconds_since(start_, now));
    known_per_s_ = std::max(std::min(known_per_s_, minute / over_s), options_.floor_per_s);
  }
  ++strikes_;
  since_cut_ = 0;
  last_cut_ = now;
  pause(now + (retry_after ? std::chrono::nanoseconds(*retry_after)
                           : backoff(options_.backoff, strikes_, chance)));
}

void Throttle::cut(Instant now) {
  const double rate = rate_per_s(now);
  const auto taken = taken_per_s(now);
  if (rate == 0) {  // unlimited so far: what little was seen is better than nothing
    const double seen = (older_ + slice_) / seconds_since(older_from_, now);
    known_per_s_ = std::max(taken.value_or(seen), 10 * options_.floor_per_s);
  } else {
    known_per_s_ = taken ? std::clamp(*taken, deepest_cut * rate, rate) : blind_cut * rate;
  }
  ++cuts_;
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
  if (known.per_s == 0) return;
  paused_until_ = now + known.rest(wall_now);
  last_cut_ = std::min(now, paused_until_);
  slice_from_ = older_from_ = std::max(now, paused_until_);
  known_per_s_ = static_cast<double>(known.per_s);
  ++cuts_;
  // Its last minute is not known, only that it was at this rate: should the service say "too many"
  // at once, that minute is what it counts.
  by_second_.fill(known_per_s_);
  start_ = now - std::chrono::seconds(window_s);
  second_ = window_s;
}

KnownLimit Throttle::known(WallTime wall_now, Instant now) const {
  if (cuts_ == 0) return {};
  const auto until = std::chrono::ceil<std::chrono::seconds>(wall_now + (paused_until_ - now));
  return {static_cast<std::uint64_t>(std::max(1.0, known_per_s_)),
          std::max<std::int64_t>(1, until.time_since_epoch().count())};
}

double Throttle::rate_per_s(Instant now) const {
  if (cuts_ == 0) return options_.ceiling_per_s;
  const double t = std::max(0.0, Seconds(now - std::max(last_cut_, paused_until_)).count());
  const double x = (t - plateau_s) / plateau_s;
  double rate = known_per_s_ * (1 + (1 - step_down) * x * x * x);
  if (since_cut_ == 0) rate = std::min(rate, known_per_s_ * probe);
  rate = std::max(rate, options_.floor_per_s);
  return options_.ceiling_per_s > 0 ? std::min(rate, options_.ceiling_per_s) : rate;
}

}  // namespace idmerge
