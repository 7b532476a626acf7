// SPDX-License-Identifier: MIT
//
// How much memory a process may use without being killed for it: the machine's, or the cgroup's if
// that is less, since a container is killed at its own limit while the machine has plenty.
#pragma once

#include <cstdint>
#include <string>

namespace idmerge {

/// Units: bytes. Shape: `proc` and `cgroup` are where the kernel's files stand; another place in
/// tests. cgroup v2 and v1; the limits of all cgroups above count too.
std::uint64_t memory_limit_bytes(const std::string& proc = "/proc",
                                 const std::string& cgroup = "/sys/fs/cgroup");

/// Half of it, at most 4 GiB: the default of --memory.
std::uint64_t memory_to_use();

}  // namespace idmerge
