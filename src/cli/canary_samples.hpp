// SPDX-License-Identifier: MIT
//
// Samples for checking a canary: some links that the service has accepted, for a person to look up
// in the project before the remaining links are sent. They are the first of the plan, each from
// another cluster as long as there are enough clusters, so that repeated calls return the same
// samples.
#pragma once

#include <string>
#include <vector>

#include "cli/job_summary.hpp"
#include "io/files.hpp"
#include "util/result.hpp"

namespace idmerge::cli {

struct DeliveredLink {
  NamedLink link;
  std::string place;  // "pairs.csv, line 2"
};

/// Returns five delivered links, or all if there are fewer. `rehearsal` tells that the view is of a
/// rehearsal. Bounds: one block of the plan, and the ordinals of the refused links. Errors: input
/// if plan or dead letters are damaged.
Result<std::vector<DeliveredLink>> links_to_sample(io::Files& files, const JobSummary& view,
                                                   bool rehearsal);

}  // namespace idmerge::cli
