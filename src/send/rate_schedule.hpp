// SPDX-License-Identifier: MIT
//
// A weekly schedule of rates: "Mon-08:00,20/s 19:00,200/s Sat-00:00,0". An entry applies from its
// time until the time of the next one; an entry without a day applies on every day. The time of the
// week is an argument, in whatever time zone the caller uses.
//
// Source: the syntax is that of rclone's --bwlimit, which many users know. But units are mandatory,
// and rclone's word "off" for "no limit" is an error, because here it could be read as "send
// nothing".
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.hpp"
#include "util/units.hpp"

namespace idmerge::send {

/// A time of the week. Units: since Monday 00:00, below one week.
using WeekTime = std::chrono::seconds;

/// Converts a local time. Units: `weekday` 0 is Sunday, as in struct tm.
WeekTime week_time(int weekday, int hour, int minute, int second);

/// The rate that applies at some time.
struct Pacing {
  util::Rate rate;      // 0 = unlimited
  bool paused = false;  // nothing is sent

  bool operator==(const Pacing&) const = default;
};

/// "500/s", "0", "pause"
std::string pacing_text(const Pacing& pacing);

class RateSchedule {
 public:
  /// One rate at all times.
  RateSchedule(Pacing always) : entries_{{WeekTime{0}, always}} {}  // NOLINT: implicit on purpose
  RateSchedule(util::Rate always) : RateSchedule(Pacing{always, false}) {}  // NOLINT

  /// Parses "500/s", "pause", or entries "[DAY-]HH:MM,RATE" separated by spaces or semicolons.
  /// Bounds: at most 200 entries. Errors: usage, with an example of what to write.
  static Result<RateSchedule> parse(std::string_view text);

  const Pacing& at(WeekTime now) const;

  /// Returns the next time at which another rate applies; nothing if there is none.
  std::optional<WeekTime> next_change(WeekTime now) const;

  /// Returns false if one rate applies at all times. A permanent pause counts as a change.
  bool changes() const { return entries_.size() > 1 || entries_.front().pacing.paused; }

  bool operator==(const RateSchedule&) const = default;

 private:
  struct Entry {
    WeekTime from;
    Pacing pacing;

    bool operator==(const Entry&) const = default;
  };

  RateSchedule() = default;
  std::size_t index_at(WeekTime now) const;

  std::vector<Entry> entries_;  // by time; the last one applies until the first of the next week
};

}  // namespace idmerge::send
