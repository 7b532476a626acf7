// SPDX-License-Identifier: MIT
//
// Counts what this thread allocates, for paths that must not, and what it keeps. Including it in a
// test replaces operator new in the whole of that test's binary, and what Asio allocates with.
#pragma once

#include <cstddef>

namespace idmerge::testing {

/// Since this thread began.
std::size_t allocations();

/// What this thread has allocated and not given back, but for the frames of coroutines; of what
/// crosses threads it knows one half.
std::ptrdiff_t live_bytes();

/// Let the allocation of Asio's fail that comes after so many others on this thread, once.
void fail_of_asio(std::size_t after);

/// Has it failed?
bool has_failed_of_asio();

}  // namespace idmerge::testing
