// SPDX-License-Identifier: MIT
//
// What a person may decide about the rules of the census. Apart from the census, because the rules
// stand in more than one room.
#pragma once

#include <cstdint>
#include <string_view>

namespace idmerge {

enum class OnConflict : std::uint8_t {
  hold,      // every link of an anonymous id with two users waits for a person
  earliest,  // the oldest claim goes out, the others are held; all of them in doubt
  latest,    // the newest one
  send,      // every claim goes out, and the service chooses
};

/// The word of --on-conflict: "earliest".
std::string_view name(OnConflict on_conflict);

struct CensusOptions {
  OnConflict on_conflict = OnConflict::hold;  // Flag: --on-conflict
  bool collapse = true;  // merge: do not send links whose ids are connected. Flag: --no-collapse
  std::uint32_t max_cluster = 499;  // ids of both sides; 0 = no limit. Flag: --max-cluster
};

}  // namespace idmerge
