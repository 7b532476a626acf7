// SPDX-License-Identifier: MIT
//
// Identity of this process, for the lock file, and of the current boot, for the checkpoint: a kill
// loses nothing that was written, a power loss what was not synced.
#pragma once

#include <string>

#include "io/lock.hpp"

namespace idmerge::io {

ProcessIdentity this_process();

/// Returns: an id that changes with each boot of the machine; empty if the kernel provides none.
std::string boot_here();

}  // namespace idmerge::io
