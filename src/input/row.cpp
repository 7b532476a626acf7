// SPDX-License-Identifier: MIT
#include "idmerge/core/pair.hpp"

#include <array>

#include "idmerge/base/check.hpp"

namespace idmerge {

std::string_view name(Op op) {
  static constexpr std::array<std::string_view, 3> names{"create", "alias", "merge"};
  IDMERGE_CHECK(static_cast<std::size_t>(op) < names.size());
  return names[static_cast<std::size_t>(op)];
}

std::string_view name(Verdict verdict) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(Verdict::count)> names{
      "send", "spare", "conflict", "both-sides", "oversize", "outranked", "void"};
  IDMERGE_CHECK(verdict < Verdict::count);
  return names[static_cast<std::size_t>(verdict)];
}

}  // namespace idmerge
