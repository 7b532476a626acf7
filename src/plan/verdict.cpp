// SPDX-License-Identifier: MIT
#include "plan/verdict.hpp"

#include <array>
#include <cstddef>

#include "util/check.hpp"

namespace idmerge::plan {

std::string_view name(Verdict verdict) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(Verdict::count)> names{
      "send", "spare", "conflict", "both-sides", "oversize", "outranked", "void"};
  IDMERGE_CHECK(verdict < Verdict::count);
  return names[static_cast<std::size_t>(verdict)];
}

}  // namespace idmerge::plan
