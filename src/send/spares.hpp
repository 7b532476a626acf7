// SPDX-License-Identifier: MIT
//
// Selects the redundant links (spares) that replace refused ones. A plan sends a spanning forest of
// its merges and keeps the rest as spares. If the service refuses a link permanently, spares may
// still connect its ids, so that a refusal costs a connection only if there is no other link.
// Spares are sent in rounds: each round is a spanning forest between the components formed by the
// links delivered so far. The rounds end when no spare connects two components.
//
// A round is a function of the links and of the refusals in earlier rounds. So only the number of
// the round is stored: a resumed run computes the same list again.
//
// Only merges count here, as in the census: the service may accept a link of another operation and
// still refuse it in later processing, which it does not do with a merge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plan/id_index.hpp"

namespace idmerge::send {

/// A merge in a cluster with a refused link.
struct SpareLink {
  std::uint64_t ordinal = 0;
  plan::IdNumber a = 0;
  plan::IdNumber b = 0;
  bool is_spare = false;  // false: sent before the first round
  bool refused = false;   // in any round so far
};

/// Returns the ordinals of the spares that round `round` sends, ascending; none if the rounds are
/// over. Refusals within this round itself do not change the result.
///
/// Requires: `links` are whole clusters, ascending by ordinal; their ids are below `ids`; `round`
/// is at least 1.
std::vector<std::uint64_t> spares_of_round(std::span<const SpareLink> links, std::size_t ids,
                                           std::uint64_t round);

}  // namespace idmerge::send
