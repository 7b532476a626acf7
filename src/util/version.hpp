// SPDX-License-Identifier: MIT
//
// The version of this build. It is set by project() in CMakeLists.txt and compiled into version.cpp
// alone, so that a new version compiles one file and not all that name it.
#pragma once

#include <string_view>

namespace idmerge::util {

/// "1.2.3"
std::string_view version();

}  // namespace idmerge::util
