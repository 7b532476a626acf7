// SPDX-License-Identifier: MIT
//
// Parses and formats quantities with units: `1MiB`, `30s`, `500/s`, `5%`, `98,412,003`. Units are
// mandatory, because a bare number taken for the wrong unit sends too fast or waits too long; only
// a bare 0 needs none. An exact text parses back to the same quantity, so that a figure from a
// report can be pasted into a command.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "util/result.hpp"

namespace idmerge::util {

/// A rate of links or of requests, as the user wrote it.
struct Rate {
  double per_s = 0;       // 0 = unlimited
  bool requests = false;  // written as 30req/s; otherwise links

  bool operator==(const Rate&) const = default;
};

/// A limit given as a count, as a percentage, or "none".
struct Limit {
  enum class Kind : std::uint8_t { none, count, percent };
  Kind kind = Kind::none;
  std::uint64_t count = 0;
  double percent = 0;

  /// Returns whether `part` of `whole` is more than this limit allows.
  bool exceeded(std::uint64_t part, std::uint64_t whole) const;

  bool operator==(const Limit&) const = default;
};

/// Parses a whole number; separators between groups of three digits are accepted: "98,412,003".
/// Errors: usage, for all functions here that parse; the message begins with the value in quotes.
Result<std::uint64_t> parse_count(std::string_view text);

/// As parse_count(), for a value that may also be `word`: the error of any other text names both.
Result<std::uint64_t> parse_count_or(std::string_view text, std::string_view word);

/// Parses "1MiB", "64KiB", "10MB", "512B".
/// Units: bytes. KiB, MiB, GiB, TiB are powers of 1024; kB, MB, GB, TB of 1000; in any case.
Result<std::uint64_t> parse_size(std::string_view text);

/// Parses "20ms", "30s", "15m", "1h30m", "2d".
/// Units: d, h, m, s, ms, in this order, each at most once.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Parses "500/s", "30req/s", "90000/m", "0".
/// Units: per second (/s), minute (/m) or hour (/h). Bounds: 0, or 1e-6 to 1e9 per second.
Result<Rate> parse_rate(std::string_view text);

/// Parses "5%", "0.5%".
/// Units: percent. Bounds: 0..`most`, which is above 100 if the value relates to a quantity of
/// which it is not a part.
Result<double> parse_percent(std::string_view text, double most = 100);

/// Parses "1000", "5%" or "none". Bounds: `most` as in parse_percent().
Result<Limit> parse_limit(std::string_view text, double most = 100);

/// "98,412,003"
std::string count_text(std::uint64_t count);

/// "1MiB" if that is exact; otherwise with one decimal, "12.4MiB", which parse_size() rejects.
std::string size_text(std::uint64_t bytes);

/// "20ms", "1h30m", "2d3h"; exact.
std::string duration_text(std::chrono::milliseconds duration);

/// Rounded for display, in at most two units: "3h12m", "47s", "2d4h".
std::string rough_duration_text(std::chrono::milliseconds duration);

/// "500/s", "30req/s", "0". With `grouped`, whole numbers get separators, which parse_rate()
/// rejects.
std::string rate_text(const Rate& rate, bool grouped = false);

/// "5%", "0.5%"
std::string percent_text(double percent);

/// The share of `part` in `whole`, rounded for display: "12.3 %", "<0.1 %", "0 %".
std::string share_text(std::uint64_t part, std::uint64_t whole);

/// "5%", "1000", "none"
std::string limit_text(const Limit& limit);

}  // namespace idmerge::util
