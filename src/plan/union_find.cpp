// SPDX-License-Identifier: MIT
#include "plan/union_find.hpp"

#include <algorithm>
#include <utility>

#include "util/check.hpp"

namespace idmerge::plan {

UnionFind::UnionFind(std::size_t ids) {
  IDMERGE_CHECK(ids <= 0x7FFFFFFFU);
  parent_.grow(ids);
  std::fill_n(parent_.data(), ids, -1);
}

IdNumber UnionFind::root(IdNumber id) {
  while (parent_[id] >= 0) {
    const auto parent = static_cast<IdNumber>(parent_[id]);
    if (parent_[parent] >= 0) parent_[id] = parent_[parent];
    id = parent;
  }
  return id;
}

bool UnionFind::connect(IdNumber a, IdNumber b) {
  a = root(a);
  b = root(b);
  if (a == b) return false;
  if (parent_[a] > parent_[b]) std::swap(a, b);  // sizes are negative: a is the larger cluster
  parent_[a] += parent_[b];
  parent_[b] = static_cast<std::int32_t>(a);
  return true;
}

std::uint32_t UnionFind::cluster_size(IdNumber id) {
  return static_cast<std::uint32_t>(-parent_[root(id)]);
}

}  // namespace idmerge::plan
