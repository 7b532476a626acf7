// SPDX-License-Identifier: MIT
//
// What is to become of a link, decided once, when its plan is made.
#pragma once

#include <cstdint>
#include <string_view>

namespace idmerge::plan {

/// The decision about a link.
enum class Verdict : std::uint8_t {
  send,
  spare,       // merge: its ids are connected by earlier links
  conflict,    // held: the anonymous id is claimed by more than one user
  both_sides,  // held: the anonymous id of this link is a user id elsewhere
  oversize,    // held: the cluster would be too large
  outranked,   // held: another user's claim on the anonymous id wins by age (--on-conflict)
  voided,      // not sent and not held: a person decided against it
  count,
};

/// Returns the stable name: "both-sides".
std::string_view name(Verdict verdict);

/// Returns whether a link with this verdict connects its ids in the resulting clusters.
constexpr bool joins(Verdict verdict) {
  return verdict == Verdict::send || verdict == Verdict::spare;
}

/// Returns whether a link with this verdict is held for a person to decide.
constexpr bool is_held(Verdict verdict) {
  return verdict == Verdict::conflict || verdict == Verdict::both_sides ||
         verdict == Verdict::oversize || verdict == Verdict::outranked;
}

}  // namespace idmerge::plan
