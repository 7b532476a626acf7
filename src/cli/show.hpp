// SPDX-License-Identifier: MIT
//
// `idmerge show`: prints the plan summary or one of the lists of rows to stdout. Lists are copied
// as they were written, never regenerated, so that they show what the job really did. As NDJSON
// they can be used as input for idmerge directly; as CSV the columns of the ids come first, under
// names that idmerge recognizes.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/settings.hpp"
#include "io/files.hpp"
#include "util/log.hpp"
#include "util/result.hpp"

namespace idmerge::cli {

/// Writes a piece of output. Returns: false if the reader is gone, which is no error (`| head`).
using Output = std::function<Result<bool>(std::string_view)>;

/// Writes to stdout.
Output to_stdout();

/// Escapes characters that could control a terminal, except line ends, because rows contain
/// untrusted text. Requires: each piece ends at a character boundary.
Output for_terminal(Output output);

/// Writes to stdout: through for_terminal() if it is a terminal, otherwise the exact bytes.
Output to_reader();

/// Prints what `settings.show` selects. Returns: a warning for stderr, or an empty text. Bounds:
/// one block of the plan, or one line of a list, in memory. Errors: as view_job(); input for a list
/// that differs from the counts of the plan.
Result<std::string> show(io::Files& files, const Settings& settings, const util::IdMask& mask,
                         const Output& output);

}  // namespace idmerge::cli
