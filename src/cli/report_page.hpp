// SPDX-License-Identifier: MIT
//
// report.html: the content of summary.json for people. Its order follows the questions after a
// nightly run: how it ended and what to do, the fate of all rows, what was sent, what was found in
// the input, and where the details are. It is a single file without scripts or external resources,
// so that it can be forwarded and opened anywhere. All figures come from cli/report_text and the
// same view. All text goes through cli/html, so that no id or file name can become markup.
#pragma once

#include <string>

#include "cli/job_summary.hpp"
#include "cli/report_text.hpp"
#include "util/log.hpp"

namespace idmerge::cli {

/// Returns the page as HTML5 in UTF-8. Bounds: the first fifty inputs are listed and the others
/// summed up; all other lists are bounded by the view.
std::string report_page(const JobSummary& view, const CommandResult& result,
                        const util::IdMask& mask);

}  // namespace idmerge::cli
