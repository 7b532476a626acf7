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

Gate::Gate(asio::io_context& io, Turnstile& turnstile)
    : executor_(io.get_executor()), timer_(executor_), turnstile_(turnstile) {}

bool Gate::try_pass(const Cost& cost, Instant now) {
  return !closed_ && first_ == nullptr && turnstile_.try_pass(cost, now);
}

Task<bool> Gate::pass(Cost cost) {
  if (try_pass(cost, steady_clock::now())) co_return true;
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
    if (was_first) turnstile_.take_back();
    unlink(waiter);
    if (was_first) serve();
  }
  co_return waiter.passed;
}

void Gate::serve() {
  const Instant now = steady_clock::now();
  while (first_ != nullptr) {
    const Instant at = turnstile_.reserve(first_->cost, now);
    if (at > now) {
      arm(at, now);
      return;
    }
    turnstile_.pass();
    dismiss(*first_, true);
  }
}

void Gate::arm(Instant at, Instant now) {
  if (at == Instant::max()) {  // until renew()
    timer_.cancel();
    return;
  }
  const TurnOptions pace = turnstile_.options();
  const bool lazy = covers_nap(pace.links) && covers_nap(pace.requests) && covers_nap(pace.bytes);
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

void Gate::renew() {
  if (!closed_) serve();
}

void Gate::close() {
  closed_ = true;
  turnstile_.take_back();
  while (first_ != nullptr)
    dismiss(*first_, false);
  timer_.cancel();
}

}  // namespace idmerge
