// SPDX-License-Identifier: MIT
#include "send/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "send/worker.hpp"

namespace idmerge::send {
namespace {

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

  /// Returns the worker's connection to the pool. A new connection for a request at which one ended
  /// is kept: it is no use to that request once another one was sent on it.
  Waiter(Scheduler& its_scheduler, Worker& its_worker, Cost its_cost)
      : scheduler(its_scheduler),
        worker(its_worker),
        cost(its_cost),
        wake(its_scheduler.executor_) {
    if (worker.connection != nullptr && (!worker.is_connected() || worker.may_take_used())) {
      own = std::exchange(worker.connection, nullptr);
      scheduler.pool_.release(*own);
    }
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
  PooledConnection* own = nullptr;  // the connection that it returned to the pool
  Waiter* previous = nullptr;
  Waiter* next = nullptr;
  State state = State::waiting;
  Instant permit{};  // due time of the permit for which it opens a connection
  bool has_permit = false;
};

Scheduler::Scheduler(Runtime& runtime, RateLimiter& rate_limiter, ConnectionPool& pool)
    : clock_(runtime.clock()),
      executor_(runtime.executor()),
      timer_(runtime.timer([this] {
        armed_for_ = Instant::max();
        serve();
      })),
      rate_limiter_(rate_limiter),
      pool_(pool) {}

bool Scheduler::try_acquire(const Cost& cost, Instant now) {
  return !closed_ && waiting_ == 0 && rate_limiter_.try_acquire(cost, now);
}

net::Task<Result<bool>> Scheduler::acquire(Worker& worker, Cost cost) {
  if (worker.is_connected() && try_acquire(cost, clock_.now())) co_return true;
  if (closed_) co_return false;

  const bool had_idle = pool_.idle() > 0;
  Waiter waiter(*this, worker, cost);
  const bool brings_first_idle = !had_idle && pool_.idle() > 0;
  if (first_waiting() == &waiter || brings_first_idle) serve();
  co_await waiter.wake.wait();
  if (waiter.state == Waiter::State::opening) {
    const auto sent_back = sent_back_;
    worker.connection = &pool_.take_closed();
    const auto opened = co_await worker.connection->line->open();
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
  if (!worker.is_connected()) return;
  std::size_t wanted = 0;
  for (Waiter* waiter = first_; waiter != nullptr; waiter = waiter->next) {
    if (waiter->waits() && waiter->worker.connection == nullptr && waiter->worker.may_take_used())
      ++wanted;
  }
  if (wanted <= pool_.idle()) return;
  pool_.release(*std::exchange(worker.connection, nullptr));
  serve();
}

void Scheduler::serve() {
  const Instant now = clock_.now();
  while (Waiter* const first = first_waiting()) {
    PooledConnection* const connection = connection_for(*first);
    const Instant at = connection != nullptr ? rate_limiter_.reserve(first->cost, now)
                                             : permit_to_open(*first, now);
    if (at > now) {
      arm(at, now);
      return;
    }
    if (connection == nullptr) {
      first->state = Waiter::State::opening;
      first->permit = at;
      --waiting_;
      first->wake.notify();
      continue;
    }
    rate_limiter_.acquire();
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

/// Returns: the connection that the waiter may use; null if a new one must be opened.
PooledConnection* Scheduler::connection_for(const Waiter& waiter) const {
  if (waiter.worker.is_connected()) return waiter.worker.connection;
  return waiter.worker.may_take_used() ? pool_.find_idle(waiter.own) : nullptr;
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
  timer_->set(until);
}

void Scheduler::disarm() {
  if (armed_for_ == Instant::max()) return;
  armed_for_ = Instant::max();
  timer_->cancel();
}

/// Gives the waiter a connection again, also if it got no permit: it may still have to be finished.
void Scheduler::dismiss(Waiter& waiter, bool has_permit) {
  PooledConnection* const connection = connection_for(waiter);
  if (connection != nullptr && connection->is_idle)
    waiter.worker.connection = &pool_.take(*connection);
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
