// SPDX-License-Identifier: MIT
//
// Assertions that are active in release builds, too: a job cannot be undone, so a bug that is found
// late costs more than the check. Not for conditions that input, disk or network can cause.
#pragma once

namespace idmerge::util {

/// Prints the condition and its location to stderr and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace idmerge::util

#define IDMERGE_CHECK(condition)      \
  ((condition) ? static_cast<void>(0) \
               : ::idmerge::util::check_failed(#condition, __FILE__, __LINE__))
