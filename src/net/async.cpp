// SPDX-License-Identifier: MIT
#include "net/async.hpp"

#include <atomic>
#include <exception>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>

#include "util/check.hpp"

namespace idmerge::net {

Task<void> join(std::vector<Task<void>> tasks) {
  if (tasks.empty()) co_return;
  const auto executor = co_await asio::this_coro::executor;
  using Start = decltype(asio::co_spawn(executor, std::move(tasks.front()), asio::deferred));
  std::vector<Start> starts;
  starts.reserve(tasks.size());
  for (auto& task : tasks) {
    starts.push_back(asio::co_spawn(executor, std::move(task), asio::deferred));
  }
  auto group = asio::experimental::make_parallel_group(std::move(starts));
  auto [order, errors] = co_await group.async_wait(asio::experimental::wait_for_one_error(),
                                                   asio::use_awaitable_t<Executor>());
  for (const std::size_t i : order) {  // in order of completion
    if (errors[i]) std::rethrow_exception(errors[i]);
  }
}

void run_task(asio::io_context& io, Task<void> task) {
  std::exception_ptr error;
  bool ended = false;
  asio::co_spawn(io.get_executor(), std::move(task), [&](std::exception_ptr thrown) {
    error = std::move(thrown);
    ended = true;
  });
  io.restart();  // an earlier run() may have stopped it
  io.run();
  if (error) std::rethrow_exception(error);
  IDMERGE_CHECK(ended);
}

void leak_io_context(std::unique_ptr<asio::io_context> io) noexcept {
  static std::atomic<asio::io_context*> latest = nullptr;  // keeps leak checkers quiet
  latest = io.release();
}

Task<void> Wake::wait() {
  IDMERGE_CHECK(!handler_.has_value());
  if (notified_) {
    notified_ = false;
    co_return;
  }
  co_await asio::async_initiate<const Token, void()>(
      [this](auto&& handler) {
        handler_.emplace(std::forward<decltype(handler)>(handler));
        auto slot = asio::get_associated_cancellation_slot(*handler_);
        if (slot.is_connected()) slot.assign([this](asio::cancellation_type) { complete(); });
      },
      Token());
}

void Wake::notify() {
  if (handler_) {
    complete();
  } else {
    notified_ = true;
  }
}

void Wake::complete() {
  if (!handler_) return;
  Handler handler = std::move(*handler_);
  handler_.reset();
  asio::post(executor_, std::move(handler));
}

}  // namespace idmerge::net
