// SPDX-License-Identifier: MIT
#include "idmerge/base/version.hpp"

namespace idmerge {

std::string_view version() {
  return IDMERGE_VERSION;
}

}  // namespace idmerge
