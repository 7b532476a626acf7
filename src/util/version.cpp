// SPDX-License-Identifier: MIT
#include "util/version.hpp"

namespace idmerge::util {

std::string_view version() {
  return IDMERGE_VERSION;
}

}  // namespace idmerge::util
