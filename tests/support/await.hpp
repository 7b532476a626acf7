// SPDX-License-Identifier: MIT
//
// Coroutine tests in three lines: run a task to its end and hand out what it returns.
#pragma once

#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "net/async.hpp"

namespace idmerge::testing {

template <class T>
Task<void> keep(Task<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
}

/// Run `task` on `io` until nothing is left to do there.
template <class T>
T await(asio::io_context& io, Task<T> task) {
  std::optional<T> result;
  io.restart();
  run_task(io, keep(std::move(task), result));
  return std::move(*result);
}

inline void await(asio::io_context& io, Task<void> task) {
  io.restart();
  run_task(io, std::move(task));
}

/// Suspend for `time`.
inline Task<void> sleep_for(std::chrono::nanoseconds time) {
  Timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(use_tuple);
}

}  // namespace idmerge::testing
