// SPDX-License-Identifier: MIT
//
// Quantities as people write and read them: `1MiB`, `30s`, `500/s`, `5%`, `98,412,003`. Every unit
// must be written, because a bare number that is taken for the wrong unit sends too fast or waits
// too long; only a bare 0 needs none. What is printed exactly reads back as the same quantity, so
// that a figure from a report can be pasted into a command.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "idmerge/base/result.hpp"

namespace idmerge {

/// A pace. Whether links or requests are meant is decided by who typed it.
struct Rate {
  double per_s = 0;       // 0 = unlimited
  bool requests = false;  // written as 30req/s; otherwise links

  bool operator==(const Rate&) const = default;
};

/// A limit that a person gives as a number, as a share, or not at all.
struct Limit {
  enum class Kind : std::uint8_t { none, count, percent };
  Kind kind = Kind::none;
  std::uint64_t count = 0;
  double percent = 0;

  /// Is `part` of `whole` more than this limit allows?
  bool exceeded(std::uint64_t part, std::uint64_t whole) const;

  bool operator==(const Limit&) const = default;
};

/// Read a whole number; separators between groups of three digits are accepted: "98,412,003".
/// Errors: Errc::usage for all of these; the text begins with the value, in quotes.
Result<std::uint64_t> parse_count(std::string_view text);

/// Read "1MiB", "64KiB", "10MB", "512B".
/// Units: bytes. KiB, MiB, GiB, TiB are powers of 1024; kB, MB, GB, TB of 1000; any case.
Result<std::uint64_t> parse_size(std::string_view text);

/// Read "20ms", "30s", "15m", "1h30m", "2d".
/// Units: ms, s, m, h, d, the larger first, each at most once.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Read "500/s", "30req/s", "90000/m", "0".
/// Units: a second, minute (/m) or hour (/h).
Result<Rate> parse_rate(std::string_view text);

/// Read "5%", "0.5%".
/// Units: percent, 0..`most`; a share of something else than its own whole may be over 100.
Result<double> parse_percent(std::string_view text, double most = 100);

/// Read "1000", "5%" or "none". Shape: `most` as parse_percent().
Result<Limit> parse_limit(std::string_view text, double most = 100);

/// "98,412,003"
std::string count_text(std::uint64_t count);

/// "1MiB" where that is exact, else with one decimal: "12.4MiB".
std::string size_text(std::uint64_t bytes);

/// "20ms", "1h30m", "2d3h"; exact.
std::string duration_text(std::chrono::milliseconds duration);

/// For people: two units are enough ("3h12m", "47s", "2d4h").
std::string rough_duration_text(std::chrono::milliseconds duration);

/// "500/s", "30req/s", "0"; whole numbers get separators only when `grouped`.
std::string rate_text(const Rate& rate, bool grouped = false);

/// "5%", "0.5%"
std::string percent_text(double percent);

/// The share of `part` in `whole`, for people: "12.3 %", "<0.1 %", "0 %".
std::string share_text(std::uint64_t part, std::uint64_t whole);

/// "5%", "1000", "none"
std::string limit_text(const Limit& limit);

}  // namespace idmerge
