// SPDX-License-Identifier: MIT
//
// The building blocks of all coroutines in idmerge: `Task`, `use_tuple`, `join` and `Wake`. Tasks
// use the concrete executor type of io_context instead of Asio's default, a type-erased wrapper
// that would cost time at every resumption. Each io_context is run by one thread, so nothing here
// needs a lock.
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

}  // namespace idmerge

namespace idmerge::net {

using Executor = asio::io_context::executor_type;

template <class T = void>
using Task = asio::awaitable<T, Executor>;

/// The completion token of every operation:
/// `auto [ec, n] = co_await socket.async_read_some(buffer, use_tuple);`
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<Executor>> use_tuple{};

using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

/// Run all tasks concurrently until the last one has ended.
///
/// Errors: the first exception of a task cancels the others and is rethrown here.
/// Cancel: cancels all tasks and waits for them.
Task<void> join(std::vector<Task<void>> tasks);

/// Run a task to its end on the caller's io_context. Coroutines are started only here and in join.
///
/// Errors: rethrows the exception of the task. The event loop itself throws when there is no memory
/// for an operation; coroutines are then left in the io_context, which must be passed to
/// leak_io_context().
void run_task(asio::io_context& io, Task<void> task);

/// Keep an io_context and the coroutines in it until the process ends, after its event loop threw.
/// The coroutines refer to objects that their owner destroys, and Asio cannot destroy them without
/// allocating memory, which has just failed.
void leak_io_context(std::unique_ptr<asio::io_context> io) noexcept;

/// Lets one coroutine wait until other code on the same thread wakes it, without allocating memory.
/// A notify() without a waiting coroutine is remembered; several count as one.
class Wake {
 public:
  explicit Wake(Executor executor) : executor_(std::move(executor)) {}
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  /// Wait until notify() is called. Requires: no other coroutine is waiting.
  /// Cancel: the wait ends as if notified; the next await of the coroutine throws.
  Task<void> wait();

  /// Resume the waiting coroutine, from the event loop and not from within this call.
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

}  // namespace idmerge::net
