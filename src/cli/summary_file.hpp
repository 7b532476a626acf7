// SPDX-License-Identifier: MIT
//
// Writes the file of `--summary`, the only file outside its job that the program writes. A job's
// own files are replaced unconditionally, but this path is checked twice: before any work, that it
// is no file which the job needs, and on writing, that only a regular file is replaced.
#pragma once

#include <string>
#include <string_view>

#include "cli/settings.hpp"
#include "io/files.hpp"
#include "util/result.hpp"

namespace idmerge::cli {

/// Checks that --summary may be written to its path. Requires: the job's directory is known.
/// Errors: usage for an input or a file named by another option, for a path inside a job or an
/// input directory, for a directory, and if the parent directory does not exist.
Result<void> check_summary_place(const Settings& settings);

/// Writes the summary. Symbolic links are followed, a regular file is replaced, and anything else
/// is written to (a FIFO, a device, a descriptor of the shell as /dev/fd/N). Errors: usage for a
/// FIFO without a reader; outage.
Result<void> write_summary_file(io::Files& files, const std::string& path, std::string_view text);

}  // namespace idmerge::cli
