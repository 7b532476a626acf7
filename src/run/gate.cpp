// SPDX-License-Identifier: MIT
#include "idmerge/run/gate.hpp"

#include <algorithm>
#include <chrono>

#include <boost/system/error_code.hpp>

namespace idmerge {
namespace {

using std::chrono::steady_clock;

// Waking more often than this is work without use, where the burst makes up for being late.
constexpr std::chrono::milliseconds nap{1};

bool covers_nap(const BucketOptions& options) {
  constexpr double nap_s = std::chrono::duration<double>(nap).count();
  return options.rate_per_s == 0 || options.burst > 10 * nap_s * options.rate_per_s;
}

}  // namespace

struct Gate::Waiter {
  Waiter(const Executor& executor, Cost its_cost) : cost(its_cost), wake(executor) {}

  Cost cost;
  Wake wake;
  Waiter* previous = nullptr;
  Waiter* next = nullptr;
  bool queued = false;
  bool passed = false;
};

Gate::Gate(asio::io_context& io, GateOptions options)
    : executor_(io.get_executor()),
      timer_(executor_),
      buckets_{Bucket(options.links), Bucket(options.requests), Bucket(options.bytes)} {}

Instant Gate::due(const Cost& cost, Instant now) const {
  return std::max({buckets_.links.earliest(cost.links, now),
                   buckets_.requests.earliest(cost.requests, now),
                   buckets_.bytes.earliest(cost.bytes, now), paused_until_});
}

void Gate::claim(const Cost& cost, Instant at) {
  buckets_.links.claim(cost.links, at);
  buckets_.requests.claim(cost.requests, at);
  buckets_.bytes.claim(cost.bytes, at);
}

void Gate::take_back() {
  if (!reservation_) return;
  buckets_ = reservation_->before;
  reservation_.reset();
}

bool Gate::try_pass(Cost cost) {
  if (closed_ || first_ != nullptr) return false;
  const Instant now = steady_clock::now();
  if (due(cost, now) > now) return false;
  claim(cost, now);
  return true;
}

Task<bool> Gate::pass(Cost cost) {
  if (try_pass(cost)) co_return true;
  if (closed_) co_return false;

  Waiter waiter(executor_, cost);
  waiter.queued = true;
  waiter.previous = last_;
  (last_ != nullptr ? last_->next : first_) = &waiter;
  last_ = &waiter;
  ++waiting_;
  if (first_ == &waiter) serve();
  co_await waiter.wake.wait();
  if (waiter.queued) {  // cancelled
    const bool was_first = first_ == &waiter;
    if (was_first) take_back();
    unlink(waiter);
    if (was_first) serve();
  }
  co_return waiter.passed;
}

void Gate::serve() {
  const Instant now = steady_clock::now();
  while (first_ != nullptr) {
    if (!reservation_) {
      const Instant at = due(first_->cost, now);
      reservation_.emplace(Reservation{buckets_, at});
      claim(first_->cost, at);
    }
    if (reservation_->at > now) {
      arm(reservation_->at, now);
      return;
    }
    reservation_.reset();
    dismiss(*first_, true);
  }
}

void Gate::arm(Instant at, Instant now) {
  const bool lazy = covers_nap(buckets_.links.options()) &&
                    covers_nap(buckets_.requests.options()) && covers_nap(buckets_.bytes.options());
  timer_.expires_at(lazy ? std::max(at, now + nap) : at);
  timer_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) serve();
  });
}

void Gate::dismiss(Waiter& waiter, bool passed) {
  unlink(waiter);
  waiter.passed = passed;
  waiter.wake.notify();
}

void Gate::unlink(Waiter& waiter) {
  (waiter.previous != nullptr ? waiter.previous->next : first_) = waiter.next;
  (waiter.next != nullptr ? waiter.next->previous : last_) = waiter.previous;
  waiter.queued = false;
  --waiting_;
}

void Gate::pause_until(Instant until) {
  if (until <= paused_until_) return;
  paused_until_ = until;
  take_back();
  serve();
}

void Gate::set_rate(GateOptions options) {
  take_back();
  const Instant now = steady_clock::now();
  buckets_.links.set_rate(options.links, now);
  buckets_.requests.set_rate(options.requests, now);
  buckets_.bytes.set_rate(options.bytes, now);
  serve();
}

void Gate::close() {
  closed_ = true;
  take_back();
  while (first_ != nullptr)
    dismiss(*first_, false);
  timer_.cancel();
}

}  // namespace idmerge
