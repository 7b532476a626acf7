// SPDX-License-Identifier: MIT
//
// What a job reports while it is planned and sent. Version 0.x: may change from release to release.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace idmerge::api {

/// A few times a second while a plan is made.
struct Planning {
  std::uint64_t rows = 0;
  std::uint64_t links = 0;
  std::uint64_t bytes_read = 0;   // of the inputs, before decompression
  std::uint64_t bytes_total = 0;  // 0: not known, a pipe
};

/// A few times a second while links are sent. Counts are links of the whole job, earlier runs
/// included.
struct Sending {
  std::uint64_t to_send = 0;
  std::uint64_t delivered = 0;
  std::uint64_t refused = 0;
  double rate_per_s = 0;                    // the rate limit in force; 0: none
  std::chrono::milliseconds paused_for{0};  // what is left of a pause that the service asked for
};

/// One attempt of a request, once it has ended.
struct Request {
  unsigned status = 0;      // of the answer; 0: there was no complete one
  std::uint64_t links = 0;  // that the request carried
  std::chrono::nanoseconds latency{0};
  std::uint64_t request_bytes = 0;
  std::uint64_t answer_body_bytes = 0;
};

enum class Severity : std::uint8_t { debug, info, warning, error };

/// Thread safety: a listener is called by the thread that called plan() or run(), and while a plan
/// is made also by others, but never by two at once. A call must return soon, because it holds up
/// the job, must not throw, and must not call plan() or run() for the same job.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  virtual void planning(const Planning&) {}
  virtual void sending(const Sending&) {}
  virtual void request(const Request&) {}

  /// What the program would print on stderr: without control characters, ids of people masked as
  /// the option show-ids says.
  virtual void message(Severity, std::string_view) {}
};

}  // namespace idmerge::api
