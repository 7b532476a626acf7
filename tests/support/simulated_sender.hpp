// SPDX-License-Identifier: MIT
//
// A sender without a network, by a clock of its own: what decides when a request leaves and how
// many links it has is the code that ships (Pace), around it are only workers, latencies and the
// tick. Single threaded and seeded: the same every time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "send/backoff.hpp"
#include "send/pace.hpp"

namespace idmerge::testing {

/// How often a sender looks at its clock.
inline constexpr std::chrono::milliseconds simulated_tick{50};

struct SimulatedAnswer {
  bool taken = true;  // else 429
  std::optional<std::chrono::seconds> retry_after = {};
};

class SimulatedSender {
 public:
  SimulatedSender(send::PaceOptions options, std::size_t workers, std::uint64_t links_a_request,
                  Instant begin, std::uint64_t seed)
      : pace(options, begin),
        links_a_request_(links_a_request),
        idle_(workers),
        now_(begin),
        next_tick_(begin + simulated_tick),
        chance_(seed) {
    make_anew();
  }

  send::Pace pace;
  std::function<void(Instant, std::uint64_t)> left = [](auto, auto) {};  // and its first link
  /// The service, asked when a request of so many links arrives.
  std::function<SimulatedAnswer(Instant, std::uint64_t)> service = [](auto, auto) {
    return SimulatedAnswer{};
  };
  std::function<void(Instant, std::uint64_t)> answered = [](auto, auto) {};
  std::function<void(Instant)> tick = [](auto) {};
  std::chrono::nanoseconds latency{std::chrono::milliseconds(20)};  // half to one and a half of it

  /// Links that have left.
  std::uint64_t links() const { return next_; }

  void run_until(Instant end) {
    while (true) {
      const Instant turn = idle_ > 0 ? pace.rate_limiter().reserve(
                                           {.links = static_cast<double>(request_links_)}, now_)
                                     : Instant::max();
      const Instant answer =
          requests_in_flight_.empty() ? Instant::max() : requests_in_flight_.front().answer_at;
      const Instant event = std::min({turn, answer, next_tick_});
      if (event >= end) {
        now_ = end;
        return;
      }
      now_ = std::max(now_, event);
      if (answer == event) {
        take_answer();
      } else if (next_tick_ == event) {
        next_tick_ += simulated_tick;
        tick(now_);
        pace.follow(now_);
        make_anew();
      } else {
        pace.rate_limiter().acquire();
        send(request_links_);
      }
    }
  }

 private:
  struct RequestInFlight {
    Instant answer_at, left;
    std::uint64_t first, links;
    SimulatedAnswer answer;

    bool operator<(const RequestInFlight& other) const { return answer_at > other.answer_at; }
  };

  /// As the scheduler sends everyone back whose request has another size by now.
  void make_anew() {
    const auto links = static_cast<std::uint64_t>(
        std::min(static_cast<double>(links_a_request_), pace.request_links_max()));
    if (std::exchange(request_links_, links) != links) pace.rate_limiter().take_back();
  }

  void send(std::uint64_t links) {
    --idle_;
    const auto part = [&](double share) {
      return std::chrono::nanoseconds(
          static_cast<std::int64_t>(static_cast<double>(latency.count()) * share));
    };
    arrived_ = std::max(arrived_, now_ + part(0.25 + 0.5 * chance_.next()));
    const auto answer = service(arrived_, links);
    requests_in_flight_.push_back(
        {arrived_ + part(0.25 + 0.5 * chance_.next()), now_, next_, links, answer});
    std::push_heap(requests_in_flight_.begin(), requests_in_flight_.end());
    const auto first = next_;
    next_ += links;
    left(now_, first);
  }

  void take_answer() {
    std::pop_heap(requests_in_flight_.begin(), requests_in_flight_.end());
    const RequestInFlight flight = requests_in_flight_.back();
    requests_in_flight_.pop_back();
    ++idle_;
    if (!flight.answer.taken) {
      pace.rate_limited(flight.left, now_, flight.answer.retry_after, chance_.next());
      make_anew();
      return;
    }
    answered(now_, flight.first);
    pace.accepted(flight.links, now_);
  }

  std::uint64_t links_a_request_;
  std::uint64_t request_links_ = 0;  // as of the last look
  std::size_t idle_;
  std::vector<RequestInFlight> requests_in_flight_;  // a heap, the first answer in front
  Instant now_;
  Instant next_tick_;
  Instant arrived_{};  // the last one: they arrive in order
  std::uint64_t next_ = 0;
  send::Chance chance_;
};

}  // namespace idmerge::testing
