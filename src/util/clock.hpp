// SPDX-License-Identifier: MIT
//
// Points in time. What decides by time is handed one of these and reads no clock, so that a day of
// it can be tried in a second.
#pragma once

#include <chrono>

namespace idmerge::util {

/// Of the clock that never steps: deadlines, rates.
using Instant = std::chrono::steady_clock::time_point;

/// Of the clock that people set: what must outlive the process.
using WallTime = std::chrono::system_clock::time_point;

}  // namespace idmerge::util

/// In many signatures, and so without a qualification.
namespace idmerge {

using util::Instant;
using util::WallTime;

}  // namespace idmerge
