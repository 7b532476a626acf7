// SPDX-License-Identifier: MIT
//
// Scheduler for the requests of all workers. Workers queue in order of arrival, and only the first
// one holds a reservation of the rate limiter, so that a `Retry-After`, a new rate and the rate
// schedule take effect for all workers at once. One timer serves the whole queue; while tokens are
// available, a worker acquires its permit without being suspended.
//
// A waiting worker holds no connection. When its permit is due, it gets an idle one from the pool;
// a new connection is opened only if all are busy. No permit is claimed before it is open, so a
// slow handshake delays no other worker and no two permits accumulate behind it. (If an idle
// connection turns out to be closed, its worker keeps the permit while it opens another one, once.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "net/async.hpp"
#include "send/connection_pool.hpp"
#include "send/rate_limiter.hpp"
#include "send/runtime.hpp"
#include "util/result.hpp"

namespace idmerge::send {

struct Worker;

/// Lifetime: must outlive the run of its event loop and all waiting workers; the arguments must
/// outlive the scheduler.
class Scheduler {
 public:
  Scheduler(Runtime& runtime, RateLimiter& rate_limiter, ConnectionPool& pool);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Acquires a permit if no worker is waiting and the rate limiter allows it now. Requires: the
  /// worker has an open connection.
  bool try_acquire(const Cost& cost, Instant now);

  /// Waits for a permit and acquires it. The worker then has an open connection: the one that it
  /// had, or another one of the pool. Calling try_acquire() first and acquire() only if that fails
  /// saves a coroutine frame for a worker with an open connection; acquire() alone has the same
  /// effect.
  ///
  /// Returns: false if the scheduler is closed, or send_back() asks for new requests; no permit is
  /// claimed.
  /// Errors: those of Connection::open; no permit is claimed.
  /// Cancel: the worker leaves the queue; no permit is claimed.
  net::Task<Result<bool>> acquire(Worker& worker, Cost cost);

  /// The worker sends no more requests: returns its connection to the pool if a waiting worker
  /// needs it.
  void hand_over(Worker& worker);

  /// Applies a new rate or pause of the rate limiter to all waiting workers at once.
  void renew();

  /// Makes all waiting workers return, because requests of another size are needed; each queues
  /// again with a new one. Replaces renew().
  void send_back();

  /// Turns away all waiting workers, and every later one: the drain has begun.
  void close();

  bool is_closed() const { return closed_; }

  /// Returns: the number of workers that wait for a permit, without those that are opening a
  /// connection for it.
  std::size_t waiting() const { return waiting_; }

 private:
  struct Waiter;

  void serve();
  Waiter* first_waiting() const;
  PooledConnection* connection_for(const Waiter& waiter) const;
  Instant permit_to_open(const Waiter& waiter, Instant now);
  void arm(Instant at, Instant now);
  void disarm();
  void dismiss(Waiter& waiter, bool has_permit);
  void dismiss_all();
  void join(Waiter& waiter);
  void give_up(Waiter& waiter);
  void leave(Waiter& waiter);

  const util::Clock& clock_;
  net::Executor executor_;
  std::unique_ptr<Timer> timer_;
  Instant armed_for_ = Instant::max();  // expiry of the timer; max: not armed
  RateLimiter& rate_limiter_;
  ConnectionPool& pool_;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::size_t waiting_ = 0;
  std::uint64_t sent_back_ = 0;  // number of send_back() calls
  bool closed_ = false;
};

}  // namespace idmerge::send
