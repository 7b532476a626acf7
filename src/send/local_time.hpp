// SPDX-License-Identifier: MIT
//
// Local time for rate schedules, and the time zone that it follows. glibc silently uses UTC for a
// time zone that it cannot find; here that is reported.
//
// Source: tzset(3), POSIX.1-2017 section 8.3 (TZ).
#pragma once

#include <ctime>
#include <string>

#include "send/rate_schedule.hpp"

namespace idmerge::send {

/// Returns: the time of the week in this machine's time zone.
WeekTime local_week_time(std::time_t now);

/// The time zone of this process, as the environment and the system files define it now.
struct LocalZone {
  std::string name;     // "Europe/Berlin", "UTC", "CET-1CEST"; "UTC" if the zone is missing
  std::string problem;  // if UTC replaces the configured zone: "what: why; what to do"
};

LocalZone local_zone();

/// Returns: a text such as "local time 03:45 Europe/Berlin, UTC+1".
std::string local_time_text(std::time_t now, const LocalZone& zone);

}  // namespace idmerge::send
