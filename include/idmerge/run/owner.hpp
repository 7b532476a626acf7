// SPDX-License-Identifier: MIT
//
// Who this process is, for the lock file.
#pragma once

#include "idmerge/disk/lock.hpp"

namespace idmerge {

LockOwner lock_owner_here();

}  // namespace idmerge
