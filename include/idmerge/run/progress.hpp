// SPDX-License-Identifier: MIT
//
// How the two journeys speak while they run. The engine never prints: whoever starts it hands in a
// listener, a test one that counts and the program one that draws.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace idmerge {

/// Where the planner is. Bounds: reported at most a few times a second.
struct PlanningNow {
  std::uint64_t rows = 0;
  std::uint64_t links = 0;
  std::uint64_t bytes_read = 0;   // raw bytes of the inputs
  std::uint64_t bytes_total = 0;  // 0 when unknown (a pipe)
};

/// Where the sender is. Counts are links of the whole job, earlier runs included, but for those
/// that say `now`.
struct SendingNow {
  std::uint64_t to_send = 0;
  std::uint64_t delivered = 0;
  std::uint64_t refused = 0;
  std::uint64_t parked = 0;
  std::uint64_t settled_now = 0;            // links settled by this run
  std::uint64_t retries_now = 0;            // requests that this run had to repeat
  std::uint64_t throttled_now = 0;          // 429 answers to this run
  double rate_per_s = 0;                    // the limit in force; 0 = unlimited
  std::chrono::milliseconds paused_for{0};  // until the service may be asked again
  std::chrono::milliseconds elapsed{0};
  std::chrono::milliseconds since_success{0};
};

enum class Weight : std::uint8_t { info, warning };

class Progress {
 public:
  Progress() = default;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  virtual ~Progress() = default;

  virtual void planning(const PlanningNow&) {}
  virtual void sending(const SendingNow&) {}

  /// One line for a person: an outage that lasts, a file passed over. May contain outside text.
  virtual void note(Weight, std::string_view) {}
};

}  // namespace idmerge
