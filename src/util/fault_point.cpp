// SPDX-License-Identifier: MIT
#include "util/fault_point.hpp"

#ifdef IDMERGE_FAULTS
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace idmerge::util {
namespace {

/// The parsed value of IDMERGE_FAULT.
struct Order {
  std::string step;
  long times_left = 0;
  int log = -1;
  std::mutex mutex;

  Order() {
    const char* text = std::getenv("IDMERGE_FAULT");
    constexpr std::string_view prefix = "after:";
    constexpr std::string_view log_prefix = "log:";
    if (text == nullptr) return;
    if (std::string_view(text).substr(0, log_prefix.size()) == log_prefix) {
      log = ::open(text + log_prefix.size(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
      return;
    }
    if (std::string_view(text).substr(0, prefix.size()) != prefix) return;
    step = std::string_view(text).substr(prefix.size());
    times_left = 1;
    const auto colon = step.find(':');
    if (colon == std::string::npos) return;
    times_left = std::atol(step.c_str() + colon + 1);
    step.resize(colon);
  }
};

}  // namespace

void fault_point(std::string_view step) {
  static Order order;
  if (order.log >= 0) {
    const auto line = std::string(step) + "\n";
    [[maybe_unused]] const auto written = ::write(order.log, line.data(), line.size());
  }
  if (order.step.empty() || step != order.step) return;
  const std::lock_guard lock(order.mutex);
  if (--order.times_left == 0) std::raise(SIGKILL);
}

}  // namespace idmerge::util
#endif
