// SPDX-License-Identifier: MIT
//
// Computes the delay before the next attempt. A `Retry-After` of the service takes precedence.
// Without one, the delay is drawn uniformly between the minimum and a bound that doubles with each
// attempt, so that workers which failed together do not retry together. The random number is an
// argument, so that tests are deterministic.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace idmerge::send {

struct BackoffOptions {
  std::chrono::milliseconds min{2'000};   // Flag: --backoff-min
  std::chrono::milliseconds max{60'000};  // Flag: --backoff-max
};

/// Computes the delay before attempt `attempt + 1`, after `attempt` failed ones.
///
/// Returns: a value uniform over [min, min * 2^attempt), never above max.
/// Units: `attempt` from 1; `chance` in [0, 1).
/// Source: mixpanel-facts 1.6, "start at 2 s, double to 60 s, with jitter".
std::chrono::nanoseconds backoff(const BackoffOptions& options, unsigned attempt, double chance);

/// The longest delay that a service may request; longer ones are reduced to it.
inline constexpr std::chrono::seconds retry_after_max{3'600};

/// Parses the value of a Retry-After header: seconds, or a date in any of HTTP's three forms. Some
/// values that HTTP does not allow but whose meaning is clear are accepted too: a fraction of a
/// second is rounded up, and `+0000` means GMT. A Unix time is treated as a delay in seconds, as
/// RFC 9110 defines the header, and reduced to retry_after_max.
///
/// Units: `now_unix_s` is the service's `Date` if it sent one, else the local clock; seconds since
/// 1970.
/// Bounds: 0..retry_after_max; 0 for a date in the past.
/// Returns: nothing if the text is neither a delay nor a date.
/// Source: RFC 9110 sections 10.2.3 and 5.6.7.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view text,
                                                      std::int64_t now_unix_s);

/// Parses an HTTP date: "Sun, 06 Nov 1994 08:49:37 GMT" or one of the two obsolete forms.
/// Units: seconds since 1970.
std::optional<std::int64_t> parse_http_date(std::string_view text);

/// A small seeded generator of sufficient quality for jitter: SplitMix64.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}

  /// Returns a number in [0, 1).
  double next();

  std::uint64_t bits();

 private:
  std::uint64_t state_;
};

}  // namespace idmerge::send
