// SPDX-License-Identifier: MIT
//
// Union-find by size over dense numbers, with path halving: which ids are connected. It needs four
// bytes per id: a root stores minus the size of its cluster, every other id its parent.
#pragma once

#include <cstdint>

#include "plan/id_index.hpp"
#include "util/page_array.hpp"

namespace idmerge::plan {

class UnionFind {
 public:
  /// Creates the numbers 0..ids-1, each in a cluster of its own.
  explicit UnionFind(std::size_t ids);

  IdNumber root(IdNumber id);

  /// Connects two ids. Returns: false if they were already connected.
  bool connect(IdNumber a, IdNumber b);

  /// Returns the number of ids in the cluster of `id`.
  std::uint32_t cluster_size(IdNumber id);

 private:
  util::PageArray<std::int32_t> parent_;
};

}  // namespace idmerge::plan
