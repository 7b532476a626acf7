// SPDX-License-Identifier: MIT
//
// `idmerge explain`: shows the history of an id, from the rows that name it to the answer of the
// service, to find out why two people were merged, or why not. It reads the plan, run and inputs as
// they are now and takes no lock, so it works before, during and after a run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/settings.hpp"
#include "cli/show.hpp"
#include "io/files.hpp"
#include "util/log.hpp"
#include "util/result.hpp"

namespace idmerge::cli {

/// Returns the ids to explain, without duplicates: those in `named`, where `-` stands for the lines
/// of `input`. Errors: usage if there is none.
Result<std::vector<std::string>> asked_ids(const std::vector<std::string>& named,
                                           std::string_view input);

/// Explains ids on the output, in the given order. All ids are shown through `mask`, including
/// those in messages of the service.
///
/// The output is paragraphs for people, or one JSON object per id: id, rows, links (each with its
/// fate, `between` which times it was settled, and the `round` in which a spare was sent), cluster,
/// too_large, clashes, unread inputs. Errors: as view_job(); input, after all output, if no row
/// names one of the ids.
Result<void> explain_ids(io::Files& files, const Settings& settings,
                         const std::vector<std::string>& ids, const util::IdMask& mask,
                         const Output& output);

}  // namespace idmerge::cli
