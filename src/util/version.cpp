// SPDX-License-Identifier: MIT
#include "util/version.hpp"

namespace idmerge {

std::string_view version() {
  return IDMERGE_VERSION;
}

}  // namespace idmerge
