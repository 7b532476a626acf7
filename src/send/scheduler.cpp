// SPDX-License-Identifier: MIT
#include "send/scheduler.hpp"

#include <algorithm>
#include <chrono>

#include <boost/system/error_code.hpp>

#include "send/worker.hpp"

namespace idmerge::send {
namespace {

using std::chrono::steady_clock;

// Waking up more often than this is useless if the burst compensates for late permits.
constexpr std::chrono::milliseconds nap{1};

bool covers_nap(const TokenBucketOptions& options) {
  constexpr double nap_s = std::chrono::duration<double>(nap).count();
  return options.rate_per_s == 0 || options.burst > 10 * nap_s * options.rate_per_s;
}

}  // namespace

/// A place in the queue, held until the permit is granted or the owner is destroyed. Waiters that
/// are opening a connection come before all waiting ones without a connection, because only the
/// first of these is told to open one.
struct Scheduler::Waiter {
  enum class State : std::uint8_t { waiting, opening, dismissed };

  Waiter(Scheduler& its_scheduler, Worker& its_worker, Cost its_cost)
      : scheduler(its_scheduler),
        worker(its_worker),
        cost(its_cost),
        wake(its_scheduler.executor_) {
    scheduler.join(*this);
  }
  ~Waiter() {
    if (state != State::dismissed) scheduler.give_up(*this);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  bool waits() const { return state == State::waiting; }

  Scheduler& scheduler;
  Worker& worker;
  Cost cost;
  net::Wake wake;
  Waiter* previous = nullptr;
  Waiter* next = nullptr;
  State state = State::waiting;
  Instant permit{};  // due time of the permit for which it opens a connection
  bool has_permit = false;
};

Scheduler::Scheduler(asio::io_context& io, RateLimiter& rate_limiter)
    : executor_(io.get_executor()), timer_(executor_), rate_limiter_(rate_limiter) {}

bool Scheduler::try_acquire(const Cost& cost, Instant now) {
  return !closed_ && waiting_ == 0 && rate_limiter_.try_acquire(cost, now);
}

net::Task<Result<bool>> Scheduler::acquire(Worker& worker, Cost cost) {
  if (worker.connection.is_open() && try_acquire(cost, steady_clock::now())) co_return true;
  if (closed_) co_return false;

  Waiter waiter(*this, worker, cost);
  const Worker& first = first_waiting()->worker;
  const bool brings_connection = worker.connection.is_open() && !first.connection.is_open();
  if (&first == &worker || brings_connection) serve();
  co_await waiter.wake.wait();
  if (waiter.state == Waiter::State::opening) {
    const auto sent_back = sent_back_;
    const auto opened = co_await worker.connection.open();
    if (!opened) {
      give_up(waiter);
      serve();
      co_return opened.error();
    }
    if (closed_) co_return false;
    if (sent_back != sent_back_) {
      give_up(waiter);
      serve();
      co_return false;
    }
    rate_limiter_.take_back();  // a waiter behind this one may hold the reservation
    waiter.state = Waiter::State::waiting;
    ++waiting_;
    serve();
    co_await waiter.wake.wait();
  }
  if (waiter.waits()) {  // cancelled
    give_up(waiter);
    serve();
  }
  co_return waiter.has_permit;
}

void Scheduler::hand_over(Worker& worker) {
  if (!worker.connection.is_open()) return;
  for (Waiter* waiter = first_; waiter != nullptr; waiter = waiter->next) {
    if (!waiter->waits() || !waiter->worker.may_take_connection()) continue;
    waiter->worker.swap_connection(worker);
    serve();
    return;
  }
}

void Scheduler::serve() {
  const Instant now = steady_clock::now();
  while (Waiter* const first = first_waiting()) {
    Waiter* const other = with_connection_for(*first);
    const Instant at =
        other != nullptr ? rate_limiter_.reserve(first->cost, now) : permit_to_open(*first, now);
    if (at > now) {
      arm(at, now);
      return;
    }
    if (other == nullptr) {
      first->state = Waiter::State::opening;
      first->permit = at;
      --waiting_;
      first->wake.notify();
      continue;
    }
    rate_limiter_.acquire();
    if (other != first) first->worker.swap_connection(other->worker);
    dismiss(*first, true);
  }
  disarm();
}

Scheduler::Waiter* Scheduler::first_waiting() const {
  Waiter* waiter = first_;
  while (waiter != nullptr && !waiter->waits())
    waiter = waiter->next;
  return waiter;
}

/// Returns: the waiter whose connection `waiter` may use: itself, or else the one whose connection
/// was used last, so that surplus connections stay idle; null if a new one must be opened.
Scheduler::Waiter* Scheduler::with_connection_for(Waiter& waiter) const {
  if (waiter.worker.connection.is_open()) return &waiter;
  if (!waiter.worker.may_take_connection()) return nullptr;
  Waiter* other = last_;
  while (other != nullptr && !(other->waits() && other->worker.connection.is_open()))
    other = other->previous;
  return other;
}

/// Returns: the earliest slot that is not reserved by a connecting worker; those take precedence.
Instant Scheduler::permit_to_open(const Waiter& waiter, Instant now) {
  rate_limiter_.take_back();
  RateLimiter behind = rate_limiter_;
  for (Waiter* before = first_; before != nullptr; before = before->next) {
    if (before->state == Waiter::State::opening) behind.spend(before->cost, before->permit);
  }
  return behind.reserve(waiter.cost, now);
}

void Scheduler::arm(Instant at, Instant now) {
  const RateLimiterOptions pace = rate_limiter_.options();
  const bool lazy = covers_nap(pace.links) && covers_nap(pace.requests) && covers_nap(pace.bytes);
  const Instant until = lazy ? std::max(at, now + nap) : at;
  if (armed_for_ <= until) return;  // serve() is called by then
  armed_for_ = until;
  timer_.expires_at(until);
  timer_.async_wait([this](const boost::system::error_code& ec) {
    if (ec) return;
    armed_for_ = Instant::max();
    serve();
  });
}

void Scheduler::disarm() {
  if (armed_for_ == Instant::max()) return;
  armed_for_ = Instant::max();
  timer_.cancel();
}

void Scheduler::dismiss(Waiter& waiter, bool has_permit) {
  leave(waiter);
  waiter.has_permit = has_permit;
  waiter.wake.notify();
}

void Scheduler::join(Waiter& waiter) {
  waiter.previous = last_;
  (last_ != nullptr ? last_->next : first_) = &waiter;
  last_ = &waiter;
  ++waiting_;
}

/// Removes a waiter that got no permit. The reservation is released, because the first waiter may
/// be this one or may have been about to use its connection; serve() makes a new one.
void Scheduler::give_up(Waiter& waiter) {
  if (waiter.waits()) rate_limiter_.take_back();
  leave(waiter);
}

void Scheduler::leave(Waiter& waiter) {
  (waiter.previous != nullptr ? waiter.previous->next : first_) = waiter.next;
  (waiter.next != nullptr ? waiter.next->previous : last_) = waiter.previous;
  if (waiter.waits()) --waiting_;
  waiter.state = Waiter::State::dismissed;
}

void Scheduler::renew() {
  if (!closed_) serve();
}

void Scheduler::close() {
  closed_ = true;
  dismiss_all();
}

void Scheduler::send_back() {
  ++sent_back_;
  dismiss_all();
}

void Scheduler::dismiss_all() {
  rate_limiter_.take_back();
  while (Waiter* const waiter = first_waiting())
    dismiss(*waiter, false);
  disarm();
}

}  // namespace idmerge::send
