// SPDX-License-Identifier: MIT
//
// Which ids are connected: union-find by size over dense numbers, with path halving. Four bytes an
// id: a root holds minus the size of its cluster, every other id its parent.
#pragma once

#include <cstdint>

#include "idmerge/base/pages.hpp"
#include "idmerge/core/index.hpp"

namespace idmerge {

class Forest {
 public:
  /// Shape: numbers 0..ids-1, each a cluster of its own.
  explicit Forest(std::size_t ids);

  IdNumber root(IdNumber id);

  /// False when both were connected already.
  bool connect(IdNumber a, IdNumber b);

  /// Ids in the cluster of `id`.
  std::uint32_t cluster_size(IdNumber id);

 private:
  PageArray<std::int32_t> parent_;
};

}  // namespace idmerge
