// SPDX-License-Identifier: MIT
//
// Determines how much memory the process may use without being killed: the memory of the machine,
// or the limit of the cgroup if that is lower, because a container is killed at its own limit even
// if the machine has free memory.
#pragma once

#include <cstdint>
#include <string>

namespace idmerge::util {

/// Returns the lowest limit of the machine, the cgroup (v2 or v1) and all its parents. `proc` and
/// `cgroup` are the mount points of the kernel's files; tests pass other directories. Units: bytes.
std::uint64_t memory_limit_bytes(const std::string& proc = "/proc",
                                 const std::string& cgroup = "/sys/fs/cgroup");

/// Returns the default of --memory: half of the limit, at most 4 GiB. Units: bytes.
std::uint64_t memory_to_use();

}  // namespace idmerge::util
