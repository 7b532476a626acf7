// SPDX-License-Identifier: MIT
//
// Points in time, and the clocks that tell them. What decides by time is handed an instant and
// reads no clock; what has to read one is handed the clock, so that a simulation runs a day in a
// few seconds.
#pragma once

#include <chrono>
#include <cstdint>

namespace idmerge::util {

/// Of the clock that never steps: deadlines, rates.
using Instant = std::chrono::steady_clock::time_point;

/// Of the clock that people set: what must outlive the process.
using WallTime = std::chrono::system_clock::time_point;

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  virtual Instant now() const = 0;
  virtual WallTime wall_now() const = 0;

  /// Units: seconds since 1970, rounded down.
  std::int64_t unix_now_s() const {
    using std::chrono::floor, std::chrono::seconds;
    return floor<seconds>(wall_now().time_since_epoch()).count();
  }
};

/// The clocks of this machine.
inline const Clock& machine_clock() {
  static const struct MachineClock final : Clock {
    Instant now() const override { return std::chrono::steady_clock::now(); }
    WallTime wall_now() const override { return std::chrono::system_clock::now(); }
  } clock;
  return clock;
}

}  // namespace idmerge::util

/// In many signatures, and so without a qualification.
namespace idmerge {

using util::Instant;
using util::WallTime;

}  // namespace idmerge
