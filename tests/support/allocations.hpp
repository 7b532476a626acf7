// SPDX-License-Identifier: MIT
//
// Counts what this thread allocates, for paths that must not. Including it in a test replaces
// operator new in the whole of that test's binary.
#pragma once

#include <cstddef>

namespace idmerge::testing {

/// Since this thread began.
std::size_t allocations();

}  // namespace idmerge::testing
