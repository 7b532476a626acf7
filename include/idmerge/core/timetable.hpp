// SPDX-License-Identifier: MIT
//
// Which rate holds at which hour: "Mon-08:00,20/s 19:00,200/s Sat-00:00,0". An entry holds from its
// time until that of the next one; one without a day holds on every day. Pure: the caller says what
// time of the week it is, in whatever zone.
//
// Source: the form is that of rclone's --bwlimit, which people know; but a unit must be written,
// and its word "off", which there means "no limit", is refused because here it would be read as
// "none".
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/quantity.hpp"
#include "idmerge/base/result.hpp"

namespace idmerge {

/// A moment of the week. Units: since Monday 00:00, below one week.
using WeekTime = std::chrono::seconds;

/// The moment of the week of a local time. Units: `weekday` 0 is Sunday, as in struct tm.
WeekTime week_time(int weekday, int hour, int minute, int second);

/// How fast at some time.
struct Pacing {
  Rate rate;            // 0 = unlimited
  bool paused = false;  // nothing is sent

  bool operator==(const Pacing&) const = default;
};

/// "500/s", "0", "pause"
std::string pacing_text(const Pacing& pacing);

class Timetable {
 public:
  /// The same at all times.
  Timetable(Pacing always) : entries_{{WeekTime{0}, always}} {}  // NOLINT: a rate is a timetable
  Timetable(Rate always) : Timetable(Pacing{always, false}) {}   // NOLINT

  /// Read "500/s", "pause", or entries "[DAY-]HH:MM,RATE" with spaces or semicolons between them.
  /// Bounds: at most 200 entries. Errors: usage, and what to write.
  static Result<Timetable> parse(std::string_view text);

  const Pacing& at(WeekTime now) const;

  /// The next time at which something else holds; nothing when there is none.
  std::optional<WeekTime> next_change(WeekTime now) const;

  /// Is it more than one rate for ever?
  bool changes() const { return entries_.size() > 1 || entries_.front().pacing.paused; }

  bool operator==(const Timetable&) const = default;

 private:
  struct Entry {
    WeekTime from;
    Pacing pacing;

    bool operator==(const Entry&) const = default;
  };

  Timetable() = default;
  std::size_t index_at(WeekTime now) const;

  std::vector<Entry> entries_;  // in the order of the week; the last one holds until the first
};

}  // namespace idmerge
