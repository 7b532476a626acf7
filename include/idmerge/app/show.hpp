// SPDX-License-Identifier: MIT
//
// `idmerge show`: the census again, or the rows of a list, on stdout. Lists are copied out as they
// were written, never made up again, so what a person sees here is what the job did. As NDJSON they
// are input for idmerge as they stand; as CSV the ids come first, under the names that idmerge
// looks for.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "idmerge/app/options.hpp"
#include "idmerge/base/log.hpp"
#include "idmerge/base/result.hpp"
#include "idmerge/disk/files.hpp"

namespace idmerge {

/// Takes a piece of output. Shape: false when nobody reads any more, which is no error (`| head`).
using Output = std::function<Result<bool>(std::string_view)>;

/// Writes to stdout.
Output to_stdout();

/// Makes visible what could steer a terminal, line ends excepted: rows hold what anybody wrote.
/// Shape: each piece ends with a whole character.
Output for_terminal(Output output);

/// Writes to stdout: for_terminal() on one, the exact bytes elsewhere.
Output to_reader();

/// Shape: what to say besides on stderr; empty: nothing.
/// Bounds: one block of the plan, or one line of a list, in memory.
/// Errors: as view_job(); input for a list that is not what the plan counted.
Result<std::string> show(Files& files, const Settings& settings, const IdMask& mask,
                         const Output& output);

}  // namespace idmerge
