// SPDX-License-Identifier: MIT
#include "send/spares.hpp"

#include "plan/union_find.hpp"
#include "util/check.hpp"

namespace idmerge::send {
namespace {

/// Selects unsent spares that connect components of `delivered`, and adds them to it. Returns:
/// indexes into `links`.
std::vector<std::size_t> choose(std::span<const SpareLink> links, const std::vector<bool>& sent,
                                plan::UnionFind& delivered) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < links.size(); ++i) {
    if (!sent[i] && delivered.connect(links[i].a, links[i].b)) chosen.push_back(i);
  }
  return chosen;
}

}  // namespace

std::vector<std::uint64_t> spares_of_round(std::span<const SpareLink> links, std::size_t ids,
                                           std::uint64_t round) {
  IDMERGE_CHECK(round > 0);
  std::vector<bool> sent(links.size());
  for (std::size_t i = 0; i < links.size(); ++i)
    sent[i] = !links[i].is_spare;
  while (true) {
    plan::UnionFind delivered(ids);
    for (std::size_t i = 0; i < links.size(); ++i) {
      if (sent[i] && !links[i].refused) delivered.connect(links[i].a, links[i].b);
    }
    const auto chosen = choose(links, sent, delivered);
    if (chosen.empty()) return {};
    if (--round == 0) {
      std::vector<std::uint64_t> ordinals;
      ordinals.reserve(chosen.size());
      for (const auto i : chosen)
        ordinals.push_back(links[i].ordinal);
      return ordinals;
    }
    for (const auto i : chosen)
      sent[i] = true;
  }
}

}  // namespace idmerge::send
