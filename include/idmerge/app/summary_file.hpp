// SPDX-License-Identifier: MIT
//
// The file of `--summary`: the one place outside its job where the program writes. A job's own
// files are replaced without a question, so what stands here is looked at twice: before any work,
// that it is nothing that the work needs, and when it is written, that only a regular file is
// replaced.
#pragma once

#include <string>
#include <string_view>

#include "idmerge/app/options.hpp"
#include "idmerge/base/result.hpp"
#include "idmerge/disk/files.hpp"

namespace idmerge {

/// May --summary be written where it says? Looked at when the job's directory is known.
/// Errors: usage for an input or what else an option names, for anything inside a job or an input
/// directory, for a directory, and where there is none to write it into.
Result<void> check_summary_place(const Settings& settings);

/// Write the summary: a link is followed, a regular file replaced, anything else written to (a
/// FIFO, a device, what the shell opened as /dev/fd/N).
/// Errors: usage for a FIFO that nobody reads; outage.
Result<void> write_summary_file(Files& files, const std::string& path, std::string_view text);

}  // namespace idmerge
