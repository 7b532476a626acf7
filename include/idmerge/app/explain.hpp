// SPDX-License-Identifier: MIT
//
// `idmerge explain`: what became of an id, from the rows that named it to the service's answer, for
// the person who is asked why two people are one, or why they are not. It reads what plan, run and
// inputs say at this moment, without the lock, and so works before, while and after a job runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "idmerge/app/options.hpp"
#include "idmerge/app/show.hpp"
#include "idmerge/base/log.hpp"
#include "idmerge/base/result.hpp"
#include "idmerge/disk/files.hpp"

namespace idmerge {

/// The ids that were asked for, each once: those named, and for `-` the lines of `input`.
/// Errors: usage when there is none.
Result<std::vector<std::string>> asked_ids(const std::vector<std::string>& named,
                                           std::string_view input);

/// Explain ids on the output, in the order given. All ids are shown through `mask`, also those in
/// what the service said of a link.
///
/// Shape: paragraphs for people, or one JSON object an id: id, rows, links (each with its fate,
/// `between` which times it was settled, and the `round` in which a spare was sent), cluster,
/// too_large, clashes, unread inputs. Errors: as view_job().
Result<void> explain_ids(Files& files, const Settings& settings,
                         const std::vector<std::string>& ids, const IdMask& mask,
                         const Output& output);

}  // namespace idmerge
