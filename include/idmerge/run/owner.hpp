// SPDX-License-Identifier: MIT
//
// Who this process is, for the lock file, and since when its machine runs, for the checkpoint: a
// kill forgets nothing that was written, a power loss what was not synced.
#pragma once

#include <string>

#include "idmerge/disk/lock.hpp"

namespace idmerge {

LockOwner lock_owner_here();

/// Another one after each start of the machine; empty where the kernel does not say.
std::string boot_here();

}  // namespace idmerge
