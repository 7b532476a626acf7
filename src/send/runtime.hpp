// SPDX-License-Identifier: MIT
//
// What a run takes from outside: clocks, an event loop with timers, connections to the service, and
// a thread that saves snapshots. The sender reads no clock, opens no socket and starts no thread
// itself, so that the code that ships also runs in a simulation: single-threaded, in virtual time,
// replayed from a seed. The program's implementation is NetRuntime.
#pragma once

#include <functional>
#include <memory>

#include "net/async.hpp"
#include "net/connection.hpp"
#include "send/run_log.hpp"
#include "send/send_options.hpp"
#include "send/snapshot_saver.hpp"
#include "util/clock.hpp"
#include "util/result.hpp"

namespace idmerge::send {

/// Calls a function from the event loop. Lifetime: its destruction cancels it.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer() = default;

  /// Calls the function once at `at`, and not at an earlier setting any more.
  virtual void set(Instant at) = 0;
  virtual void cancel() = 0;
};

/// Lifetime: must outlive everything that it made and the tasks that it runs.
class Runtime {
 public:
  Runtime() = default;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  virtual ~Runtime() = default;

  virtual const util::Clock& clock() const = 0;
  virtual net::Executor executor() = 0;
  virtual std::unique_ptr<Timer> timer(std::function<void()> due) = 0;

  /// Prepares connections to the target. Errors: those of the TLS options.
  virtual Result<void> prepare(const SendOptions& options) = 0;

  /// Makes a connection that is not open yet. Requires: prepare() has succeeded.
  virtual std::unique_ptr<net::Connection> connection() = 0;

  virtual std::unique_ptr<SnapshotSaver> snapshot_saver(RunSaver saver) = 0;

  /// Runs a task to its end on the calling thread. Errors: rethrows the exception of the task.
  virtual void run(net::Task<void> task) = 0;

  /// Keeps the event loop after run() threw; see net::leak_io_context().
  virtual void leak_io_context() noexcept = 0;
};

/// Lets one coroutine wait for a time.
class Sleep {
 public:
  explicit Sleep(Runtime& runtime)
      : wake_(runtime.executor()), timer_(runtime.timer([this] { wake_.notify(); })) {}

  /// Waits until `at`, or until end() is called.
  net::Task<void> until(Instant at) {
    timer_->set(at);
    return wake_.wait();
  }

  /// Ends the wait, if there is one.
  void end() {
    timer_->cancel();
    if (wake_.waiting()) wake_.notify();
  }

 private:
  net::Wake wake_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace idmerge::send
