// SPDX-License-Identifier: MIT
#include "util/memory_limit.hpp"

#include <filesystem>

#include <doctest/doctest.h>

#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::util;
using idmerge::testing::Scratch;

TEST_SUITE("util/memory_limit") {
  TEST_CASE("the least of machine, cgroup and the cgroups above") {
    Scratch scratch;
    const auto proc = scratch.path("proc"), groups = scratch.path("cgroup");
    std::filesystem::create_directories(proc + "/self");
    std::filesystem::create_directories(groups + "/a/b");
    std::filesystem::create_directories(groups + "/memory/c");
    scratch.write("proc/meminfo", "MemTotal:       1024 kB\nMemFree: 7 kB\n");
    CHECK(memory_limit_bytes(proc, groups) == 1 << 20);
    scratch.write("proc/self/cgroup", "3:cpu,memory:/c\n0::/a/b\n");
    scratch.write("cgroup/a/b/memory.max", "max\n");
    CHECK(memory_limit_bytes(proc, groups) == 1 << 20);
    scratch.write("cgroup/a/memory.max", "5000\n");
    CHECK(memory_limit_bytes(proc, groups) == 5000);
    scratch.write("cgroup/memory/c/memory.limit_in_bytes", "4000\n");
    CHECK(memory_limit_bytes(proc, groups) == 4000);
  }

  TEST_CASE("this machine has memory") {
    CHECK(memory_to_use() > 0);
    CHECK(memory_to_use() <= 4ULL << 30U);
  }
}
