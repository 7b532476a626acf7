// SPDX-License-Identifier: MIT
#include "util/memory_limit.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

namespace idmerge::util {
namespace {

constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t used_at_most = std::uint64_t{4} << 30U;

/// Reads a file that contains a single number; "max" or a missing file mean no limit.
std::uint64_t number_in(const std::string& path) {
  std::uint64_t number = 0;
  std::ifstream file(path);
  return file >> number && number > 0 ? number : no_limit;
}

std::uint64_t machine_bytes(const std::string& proc) {
  std::ifstream file(proc + "/meminfo");
  std::string key;
  std::uint64_t kib = 0;
  return file >> key >> kib && key == "MemTotal:" ? kib * 1024 : no_limit;
}

/// Returns the lowest limit of a group and its parents.
std::uint64_t least_of_group(const std::string& root, std::string group, const char* name) {
  auto least = number_in(root + "/" + name);
  while (group.size() > 1) {
    least = std::min(least, number_in(root + group + "/" + name));
    group.resize(group.rfind('/'));
  }
  return least;
}

}  // namespace

std::uint64_t memory_limit_bytes(const std::string& proc, const std::string& cgroup) {
  auto least = machine_bytes(proc);
  std::ifstream groups(proc + "/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // The format is id:controllers:group; version 2 has no controllers.
    std::istringstream fields(line);
    std::string id, controllers, group;
    std::getline(fields, id, ':');
    std::getline(fields, controllers, ':');
    std::getline(fields, group);
    if (!group.starts_with('/')) continue;
    if (controllers.empty()) {
      least = std::min(least, least_of_group(cgroup, group, "memory.max"));
    } else if (controllers.find("memory") != std::string::npos) {
      least = std::min(least, least_of_group(cgroup + "/memory", group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

std::uint64_t memory_to_use() {
  return std::min(memory_limit_bytes() / 2, used_at_most);
}

}  // namespace idmerge::util
