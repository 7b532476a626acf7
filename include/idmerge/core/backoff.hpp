// SPDX-License-Identifier: MIT
//
// How long to wait before the next attempt. A `Retry-After` of the service wins; without one, the
// wait is drawn evenly between the shortest wait and a bound that doubles with each attempt, so
// that workers which failed together do not come back together. The random number is an argument:
// a test repeats what it saw.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace idmerge {

struct BackoffOptions {
  std::chrono::milliseconds min{2'000};   // Flag: --backoff-min
  std::chrono::milliseconds max{60'000};  // Flag: --backoff-max
};

/// The wait before attempt `attempt + 1`, after `attempt` failed ones.
///
/// Shape: spread evenly over [min, min * 2^attempt), never above max.
/// Units: `attempt` from 1; `chance` in [0, 1).
/// Source: mixpanel-facts 1.6, "start at 2 s, double to 60 s, with jitter".
std::chrono::nanoseconds backoff(const BackoffOptions& options, unsigned attempt, double chance);

/// The longest wait that a service may ask for; what is beyond it is cut to it.
inline constexpr std::chrono::seconds retry_after_max{3'600};

/// Read the value of a Retry-After header: seconds, or a date in any of HTTP's three forms. What is
/// no HTTP but of certain meaning is read as well: a fraction is rounded up, `+0000` is GMT. A time
/// in seconds since 1970 is a delay all the same, as RFC 9110 has it, and cut like any long one.
///
/// Units: `now_unix_s` is the service's `Date` if it gave one, else our clock; seconds since 1970.
/// Bounds: 0..retry_after_max; a date in the past is 0. Nothing for what is neither.
/// Source: RFC 9110 sections 10.2.3 and 5.6.7.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view text,
                                                      std::int64_t now_unix_s);

/// Read an HTTP date: "Sun, 06 Nov 1994 08:49:37 GMT" and the two obsolete forms.
/// Units: seconds since 1970.
std::optional<std::int64_t> parse_http_date(std::string_view text);

/// A small seeded generator, good enough for jitter: SplitMix64.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}

  /// The next number in [0, 1).
  double next();

  /// The next 64 bits.
  std::uint64_t bits();

 private:
  std::uint64_t state_;
};

}  // namespace idmerge
