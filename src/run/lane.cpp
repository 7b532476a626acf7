// SPDX-License-Identifier: MIT
#include "idmerge/run/lane.hpp"

#include "idmerge/base/check.hpp"

namespace idmerge {

Part Lane::take() {
  IDMERGE_CHECK(!parts.empty());
  const Part part = parts.back();
  parts.pop_back();
  return part;
}

Part Lane::keep_rest(Part part, std::size_t carried) {
  IDMERGE_CHECK(carried > 0 && carried <= part.count);
  if (carried < part.count) parts.push_back({part.first + carried, part.count - carried});
  return {part.first, carried};
}

void Lane::split(Part part) {
  IDMERGE_CHECK(part.count > 1);
  const auto half = part.count / 2;
  parts.push_back({part.first + half, part.count - half});
  parts.push_back({part.first, half});
}

}  // namespace idmerge
