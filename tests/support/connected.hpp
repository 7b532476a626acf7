// SPDX-License-Identifier: MIT
//
// What links connect, by the plainest means.
#pragma once

#include <algorithm>
#include <map>
#include <string>

namespace idmerge::testing {

/// The cluster of each id of `all`, named by its smallest member, when `links` connect them.
/// Shape: pairs of strings, none in `links` that is not in `all`.
template <class All, class Links>
std::map<std::string, std::string> connected(const All& all, const Links& links) {
  std::map<std::string, std::string> cluster;
  for (const auto& [a, b] : all)
    cluster[a] = a, cluster[b] = b;
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& [a, b] : links) {
      const auto smaller = std::min(cluster[a], cluster[b]);
      changed = changed || cluster[a] != smaller || cluster[b] != smaller;
      cluster[a] = cluster[b] = smaller;
    }
  }
  return cluster;
}

}  // namespace idmerge::testing
