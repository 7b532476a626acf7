// SPDX-License-Identifier: MIT
//
// Progress reports of the plan and run commands. The engine never prints: its caller supplies a
// listener, which draws in the program and counts in a test.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace idmerge::plan {

/// Progress of the planner. Bounds: reported at most a few times per second.
struct PlanningNow {
  std::uint64_t rows = 0;
  std::uint64_t links = 0;
  std::uint64_t bytes_read = 0;   // raw bytes of the inputs
  std::uint64_t bytes_total = 0;  // 0 when unknown (a pipe)
};

/// Progress of the sender. Counts are links of the whole job, including earlier runs, except those
/// whose names end in `now`.
struct SendingNow {
  std::uint64_t to_send = 0;
  std::uint64_t delivered = 0;
  std::uint64_t refused = 0;
  std::uint64_t parked = 0;
  std::uint64_t settled_now = 0;            // links settled by this run
  std::uint64_t retries_now = 0;            // retries made by this run
  std::uint64_t rate_limited_now = 0;       // 429 answers received by this run
  double rate_per_s = 0;                    // the rate limit in force; 0 = unlimited
  std::chrono::milliseconds paused_for{0};  // remaining pause
  std::chrono::milliseconds elapsed{0};
  std::chrono::milliseconds since_success{0};
};

/// One attempt of a request, once it has ended.
struct RequestEnded {
  unsigned status = 0;                  // of the answer; 0: there was no complete one
  std::uint64_t links = 0;              // that the request carried
  std::chrono::nanoseconds latency{0};  // from the write to the answer, or to the end without it
  std::uint64_t request_bytes = 0;      // head and body, as sent
  std::uint64_t answer_body_bytes = 0;  // as kept: a body beyond the limit is cut
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

  /// Called for every request that was sent, on the io thread, before its outcomes are recorded.
  virtual void request_ended(const RequestEnded&) {}

  /// One message for a person, about a lasting outage or a skipped file, for example. It may
  /// contain untrusted text.
  virtual void note(Weight, std::string_view) {}
};

}  // namespace idmerge::plan
