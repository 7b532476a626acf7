// SPDX-License-Identifier: MIT
#include "plan/resolver_options.hpp"

#include <array>

#include "util/check.hpp"

namespace idmerge::plan {

std::string_view name(OnConflict on_conflict) {
  static constexpr std::array<std::string_view, 4> names{"hold", "earliest", "latest", "send"};
  IDMERGE_CHECK(static_cast<std::size_t>(on_conflict) < names.size());
  return names[static_cast<std::size_t>(on_conflict)];
}

}  // namespace idmerge::plan
