// SPDX-License-Identifier: MIT
//
// The few words in which all coroutines of the house are written: `Task`, `use_tuple`, `join` and
// `Wake`. Tasks run on the executor of an io_context by its own type, without the type-erased
// wrapper that Asio takes by default, because every resumption would pay for it. One io_context is
// run by one thread, so nothing here locks.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace idmerge {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;

template <class T = void>
using Task = asio::awaitable<T, Executor>;

/// For every operation: `auto [ec, n] = co_await socket.async_read_some(buffer, use_tuple);`
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<Executor>> use_tuple{};

using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

/// Run all tasks side by side until the last one has ended.
///
/// Errors: the first exception of a task cancels the others and is thrown again here.
/// Cancel: cancels all tasks and waits for them.
Task<void> join(std::vector<Task<void>> tasks);

/// Run a task to its end on an io_context of the caller's: the only other place, besides join, in
/// which a coroutine is started.
/// Errors: what the task throws; what the loop throws when there is no memory for an operation, and
/// then coroutines are left in it, and it must be left standing.
void run_task(asio::io_context& io, Task<void> task);

/// Keep an io_context with the coroutines in it until the process ends: for one that threw out of
/// its loop. They refer to what their owner destroys, and to destroy them Asio needs the memory
/// that was wanting.
void leave_standing(std::unique_ptr<asio::io_context> io) noexcept;

/// One coroutine waits, another part of the same thread wakes it; nothing is allocated. Waking
/// when nobody waits is remembered, once.
class Wake {
 public:
  explicit Wake(Executor executor) : executor_(std::move(executor)) {}
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  /// Wait until notify() is called. Bug if another coroutine waits already.
  /// Cancel: the wait ends as if notified; the next await of the coroutine throws.
  Task<void> wait();

  /// Let the waiting coroutine go on, from the loop and not from within this call.
  void notify();

  bool waiting() const { return handler_.has_value(); }

 private:
  using Token = asio::use_awaitable_t<Executor>;
  using Handler = asio::async_result<Token, void()>::handler_type;

  void complete();

  Executor executor_;
  std::optional<Handler> handler_;
  bool notified_ = false;
};

}  // namespace idmerge
