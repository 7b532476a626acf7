// SPDX-License-Identifier: MIT
//
// Options of the resolver's rules. Separate from the resolver, because other components use them
// too.
#pragma once

#include <cstdint>
#include <string_view>

namespace idmerge::plan {

enum class OnConflict : std::uint8_t {
  hold,      // every link of an anonymous id with two users waits for a person
  earliest,  // the oldest claim is sent, the others are held; all of them if the order is unclear
  latest,    // the newest one
  send,      // every claim is sent, and the service chooses
};

/// Returns the value of --on-conflict: "earliest".
std::string_view name(OnConflict on_conflict);

struct ResolverOptions {
  OnConflict on_conflict = OnConflict::hold;  // Flag: --on-conflict
  bool collapse = true;  // merge: do not send links whose ids are connected. Flag: --no-collapse
  std::uint32_t max_cluster = 499;  // ids of both sides; 0 = no limit. Flag: --max-cluster
};

}  // namespace idmerge::plan
