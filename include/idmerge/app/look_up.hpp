// SPDX-License-Identifier: MIT
//
// After a canary: some links that the service has accepted, for a person to look up in the project
// before the rest goes out. They are the first of the plan, each of another cluster as far as
// there are enough, so that the same few come back whenever it is asked again.
#pragma once

#include <string>
#include <vector>

#include "idmerge/app/job_view.hpp"
#include "idmerge/base/result.hpp"
#include "idmerge/disk/files.hpp"

namespace idmerge {

struct DeliveredLink {
  NamedLink link;
  std::string place;  // "pairs.csv, line 2"
};

/// Shape: five delivered links, or all when they are fewer. `rehearsal` when the view is of one.
/// Bounds: one block of the plan, and the ordinals of the refused links.
/// Errors: input when plan or dead letters are damaged.
Result<std::vector<DeliveredLink>> links_to_look_up(Files& files, const JobView& view,
                                                    bool rehearsal);

}  // namespace idmerge
