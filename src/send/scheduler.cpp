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

bool covers_nap(const BucketOptions& options) {
  constexpr double nap_s = std::chrono::duration<double>(nap).count();
  return options.rate_per_s == 0 || options.burst > 10 * nap_s * options.rate_per_s;
}

}  // namespace

/// A place in the queue, held until the permit is granted or the owner is destroyed. Waiters that
/// are opening a connection come before all waiting ones without a connection, because only the
/// first of these is told to open one.
struct Gate::Waiter {
  enum class State : std::uint8_t { waiting, opening, dismissed };

  Waiter(Gate& its_gate, Lane& its_lane, Cost its_cost)
      : gate(its_gate), lane(its_lane), cost(its_cost), wake(its_gate.executor_) {
    gate.join(*this);
  }
  ~Waiter() {
    if (state != State::dismissed) gate.give_up(*this);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  bool waits() const { return state == State::waiting; }

  Gate& gate;
  Lane& lane;
  Cost cost;
  net::Wake wake;
  Waiter* previous = nullptr;
  Waiter* next = nullptr;
  State state = State::waiting;
  Instant turn{};  // due time of the permit for which it opens a connection
  bool passed = false;
};

Gate::Gate(asio::io_context& io, Turnstile& turnstile)
    : executor_(io.get_executor()), timer_(executor_), turnstile_(turnstile) {}

bool Gate::try_pass(const Cost& cost, Instant now) {
  return !closed_ && waiting_ == 0 && turnstile_.try_pass(cost, now);
}

net::Task<Result<bool>> Gate::pass(Lane& lane, Cost cost) {
  if (lane.connection.is_open() && try_pass(cost, steady_clock::now())) co_return true;
  if (closed_) co_return false;

  Waiter waiter(*this, lane, cost);
  const Lane& first = first_waiting()->lane;
  const bool brings_connection = lane.connection.is_open() && !first.connection.is_open();
  if (&first == &lane || brings_connection) serve();
  co_await waiter.wake.wait();
  if (waiter.state == Waiter::State::opening) {
    const auto sent_back = sent_back_;
    const auto opened = co_await lane.connection.open();
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
    turnstile_.take_back();  // a waiter behind this one may hold the reservation
    waiter.state = Waiter::State::waiting;
    ++waiting_;
    serve();
    co_await waiter.wake.wait();
  }
  if (waiter.waits()) {  // cancelled
    give_up(waiter);
    serve();
  }
  co_return waiter.passed;
}

void Gate::hand_over(Lane& lane) {
  if (!lane.connection.is_open()) return;
  for (Waiter* waiter = first_; waiter != nullptr; waiter = waiter->next) {
    if (!waiter->waits() || !waiter->lane.may_take_connection()) continue;
    waiter->lane.swap_connection(lane);
    serve();
    return;
  }
}

void Gate::serve() {
  const Instant now = steady_clock::now();
  while (Waiter* const first = first_waiting()) {
    Waiter* const other = with_connection_for(*first);
    const Instant at =
        other != nullptr ? turnstile_.reserve(first->cost, now) : turn_to_open(*first, now);
    if (at > now) {
      arm(at, now);
      return;
    }
    if (other == nullptr) {
      first->state = Waiter::State::opening;
      first->turn = at;
      --waiting_;
      first->wake.notify();
      continue;
    }
    turnstile_.pass();
    if (other != first) first->lane.swap_connection(other->lane);
    dismiss(*first, true);
  }
  disarm();
}

Gate::Waiter* Gate::first_waiting() const {
  Waiter* waiter = first_;
  while (waiter != nullptr && !waiter->waits())
    waiter = waiter->next;
  return waiter;
}

/// Returns: the waiter whose connection `waiter` may use: itself, or else the one whose connection
/// was used last, so that surplus connections stay idle; null if a new one must be opened.
Gate::Waiter* Gate::with_connection_for(Waiter& waiter) const {
  if (waiter.lane.connection.is_open()) return &waiter;
  if (!waiter.lane.may_take_connection()) return nullptr;
  Waiter* other = last_;
  while (other != nullptr && !(other->waits() && other->lane.connection.is_open()))
    other = other->previous;
  return other;
}

/// Returns: the earliest slot that is not reserved by a connecting worker; those take precedence.
Instant Gate::turn_to_open(const Waiter& waiter, Instant now) {
  turnstile_.take_back();
  Turnstile behind = turnstile_;
  for (Waiter* before = first_; before != nullptr; before = before->next) {
    if (before->state == Waiter::State::opening) behind.spend(before->cost, before->turn);
  }
  return behind.reserve(waiter.cost, now);
}

void Gate::arm(Instant at, Instant now) {
  const TurnOptions pace = turnstile_.options();
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

void Gate::disarm() {
  if (armed_for_ == Instant::max()) return;
  armed_for_ = Instant::max();
  timer_.cancel();
}

void Gate::dismiss(Waiter& waiter, bool passed) {
  leave(waiter);
  waiter.passed = passed;
  waiter.wake.notify();
}

void Gate::join(Waiter& waiter) {
  waiter.previous = last_;
  (last_ != nullptr ? last_->next : first_) = &waiter;
  last_ = &waiter;
  ++waiting_;
}

/// Removes a waiter that got no permit. The reservation is released, because the first waiter may
/// be this one or may have been about to use its connection; serve() makes a new one.
void Gate::give_up(Waiter& waiter) {
  if (waiter.waits()) turnstile_.take_back();
  leave(waiter);
}

void Gate::leave(Waiter& waiter) {
  (waiter.previous != nullptr ? waiter.previous->next : first_) = waiter.next;
  (waiter.next != nullptr ? waiter.next->previous : last_) = waiter.previous;
  if (waiter.waits()) --waiting_;
  waiter.state = Waiter::State::dismissed;
}

void Gate::renew() {
  if (!closed_) serve();
}

void Gate::close() {
  closed_ = true;
  dismiss_all();
}

void Gate::send_back() {
  ++sent_back_;
  dismiss_all();
}

void Gate::dismiss_all() {
  turnstile_.take_back();
  while (Waiter* const waiter = first_waiting())
    dismiss(*waiter, false);
  disarm();
}

}  // namespace idmerge::send
