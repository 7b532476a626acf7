// SPDX-License-Identifier: MIT
//
// The assertion of the house, on in release too: a bug found late in a job that cannot be undone
// costs more than the test does. Never for what input, disk or network can cause.
#pragma once

namespace idmerge {

/// Print where and what, and abort.
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace idmerge

#define IDMERGE_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::idmerge::check_failed(#condition, __FILE__, __LINE__))
