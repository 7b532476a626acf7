// SPDX-License-Identifier: MIT
#include "input/row.hpp"

#include <array>

#include "util/check.hpp"

namespace idmerge::input {

std::string_view name(Op op) {
  static constexpr std::array<std::string_view, 3> names{"create", "alias", "merge"};
  IDMERGE_CHECK(static_cast<std::size_t>(op) < names.size());
  return names[static_cast<std::size_t>(op)];
}

}  // namespace idmerge::input
