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
net::Task<void> keep(net::Task<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
}

/// Run `task` on `io` until nothing is left to do there.
template <class T>
T await(asio::io_context& io, net::Task<T> task) {
  std::optional<T> result;
  io.restart();
  net::run_task(io, keep(std::move(task), result));
  return std::move(*result);
}

inline void await(asio::io_context& io, net::Task<void> task) {
  io.restart();
  net::run_task(io, std::move(task));
}

/// Suspend for `time`.
inline net::Task<void> sleep_for(std::chrono::nanoseconds time) {
  net::Timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(net::use_tuple);
}

}  // namespace idmerge::testing
