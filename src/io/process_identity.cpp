// SPDX-License-Identifier: MIT
#include "io/process_identity.hpp"

#include <array>
#include <chrono>
#include <fstream>

#include <fmt/chrono.h>
#include <unistd.h>

namespace idmerge::io {

ProcessIdentity this_process() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host = {'?'};
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto pid = static_cast<std::uint64_t>(getpid());
  return {
      pid, host.data(),
      fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now))),
      process_of(pid)};
}

std::string boot_here() {
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  return boot;
}

}  // namespace idmerge::io
