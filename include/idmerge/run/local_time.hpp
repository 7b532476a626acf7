// SPDX-License-Identifier: MIT
//
// The local time by which a timetable is read, and what the time zone is that it follows. glibc
// takes UTC for a zone that it cannot find, and says nothing; here it is said.
//
// Source: tzset(3), POSIX.1-2017 section 8.3 (TZ).
#pragma once

#include <ctime>
#include <string>

#include "idmerge/core/timetable.hpp"

namespace idmerge {

/// What this machine's clock and time zone say.
WeekTime local_week_time();

/// The time zone of this process, as the environment and the files of the system have it now.
struct LocalZone {
  std::string name;     // "Europe/Berlin", "UTC", "CET-1CEST"; "UTC" where the zone is missing
  std::string problem;  // why it is UTC though another was wanted: "what: why; what to do"
};

LocalZone local_zone();

/// "local time 03:45 Europe/Berlin, UTC+1"
std::string local_time_text(std::time_t now, const LocalZone& zone);

/// The same of this moment.
std::string local_time_text();

}  // namespace idmerge
