// SPDX-License-Identifier: MIT
//
// report.html: summary.json for eyes, in the order in which a person asks after a night's run: how
// did it end and what now, where is every row, what was sent, what was found in the input, where is
// the rest. One file that needs no other and runs no script, so that it can be sent on and opened
// anywhere. All its figures are those of app/report, of the same view; all text goes through
// app/html, so that no id or file name can become markup.
#pragma once

#include <string>

#include "idmerge/app/job_view.hpp"
#include "idmerge/app/report.hpp"
#include "idmerge/base/log.hpp"

namespace idmerge {

/// The page. Shape: HTML5, UTF-8. Bounds: the first fifty inputs are listed, the others summed up;
/// every other list is bounded in the view.
std::string report_page(const JobView& view, const Ending& ending, const IdMask& mask);

}  // namespace idmerge
