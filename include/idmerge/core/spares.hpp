// SPDX-License-Identifier: MIT
//
// Which redundant links may take the place of refused ones. A plan sends a spanning forest of its
// merges and keeps the rest as spares; where the service refused a link for good, spares may still
// connect what it would have connected, so that a refusal costs a connection only where no other
// link exists. They go out in rounds: each sends a spanning forest between the parts that the
// delivered links have left, and the next one looks at what came of it, until no spare helps.
//
// A round is a function of the links and of what was refused in the rounds before it. So nothing
// about rounds has to be kept but their number: whoever resumes works out the same list again.
//
// Only merges count here, as in the census: an accepted link of another operation may still be
// refused behind the service's door, where a merge is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "idmerge/core/index.hpp"

namespace idmerge {

/// A merge of a cluster in which one was refused.
struct SpareLink {
  std::uint64_t ordinal = 0;
  IdNumber a = 0;
  IdNumber b = 0;
  bool is_spare = false;  // else it was sent before the first round
  bool refused = false;   // by now, in whichever round
};

/// The spares that round `round` sends; none when the rounds are over.
///
/// Shape: `links` ascending by ordinal and whole clusters; ids 0..ids-1; rounds from 1. The answer
/// is ascending, and the same whatever is known of the refusals in this round itself.
std::vector<std::uint64_t> spares_of_round(std::span<const SpareLink> links, std::size_t ids,
                                           std::uint64_t round);

}  // namespace idmerge
