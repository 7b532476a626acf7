// SPDX-License-Identifier: MIT
//
// Statistics of the emulator, with which a run can be checked independently of the sender. Arrivals
// are counted before any decision about them, because a rate limit has to be measured by what the
// client sent, not by what the service accepted.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "emulator/fault_injection.hpp"
#include "emulator/identity_graph.hpp"
#include "input/row.hpp"

namespace idmerge::emulator {

/// The maximum of arrivals within any one second.
///
/// Bounds: one entry for each instant of the last second at which something arrived.
class BusiestSecond {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  void add(std::uint64_t count, Instant now);
  std::uint64_t most() const { return most_; }

 private:
  struct Arrival {
    Instant at;
    std::uint64_t count;
  };
  std::deque<Arrival> arrivals_;
  std::uint64_t within_ = 0;
  std::uint64_t most_ = 0;
};

/// The counters of one emulator.
class RequestStats {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  explicit RequestStats(std::size_t risks) : struck_(risks) {}

  void count_arrival(std::uint64_t links, Instant now);
  void count_ruling(input::Op op, Ruling ruling);
  void count_status(unsigned status) { ++by_status_[status]; }
  void count_malformed() { ++malformed_; }
  void count_unanswered() { ++unanswered_; }
  void count_event(std::uint64_t digest);
  void count_mishap(std::size_t risk, bool after);

  /// API requests so far.
  std::uint64_t requests() const { return requests_; }

  /// Returns one JSON object on one line:
  ///   requests               all requests to the APIs
  ///   offered_links          in these, whether or not they were accepted
  ///   accepted_links         linked or repeated, even if the answer was dropped on purpose
  ///   distinct_links         of these
  ///   repeated_links         accepted minus distinct
  ///   imported_events        taken by /import
  ///   distinct_events        of these, after deduplication as in the service (by a 64-bit digest)
  ///   by_operation           accepted links: {"create":n,"alias":n,"merge":n}
  ///   by_status              answers to API requests: {"200":n,"503":n}
  ///   unanswered             requests that met reset, hang, truncate or garbage; together with the
  ///                          sum of by_status these are `requests`
  ///   malformed              invalid HTTP (answered 400, 413, 431), not counted in `requests`
  ///   refused                by the project's rules: {"errSameIDs":n}
  ///   injected               {"503":{"before":n,"after":n}}
  ///   busiest_second_links, busiest_second_requests   maximum of arrivals within any one second
  ///   links_per_s            accepted, from the first arrival to the last
  ///   seconds                between those two
  ///   ids, clusters, largest_cluster
  ///   uptime_s
  std::string json(const IdentityGraph& graph, const std::vector<Risk>& risks,
                   double uptime_s) const;

 private:
  struct Struck {
    std::uint64_t before = 0;
    std::uint64_t after = 0;
  };

  std::uint64_t requests_ = 0;
  std::uint64_t offered_ = 0;
  std::uint64_t accepted_ = 0;
  std::uint64_t imported_ = 0;
  boost::unordered_flat_set<std::uint64_t> events_;
  std::uint64_t unanswered_ = 0;
  std::uint64_t malformed_ = 0;
  std::array<std::uint64_t, 3> by_op_{};
  std::array<std::uint64_t, static_cast<std::size_t>(Ruling::count)> by_ruling_{};
  std::map<unsigned, std::uint64_t> by_status_;
  std::vector<Struck> struck_;
  BusiestSecond links_second_;
  BusiestSecond requests_second_;
  Instant first_{};
  Instant last_{};
};

}  // namespace idmerge::emulator
