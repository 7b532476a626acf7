// SPDX-License-Identifier: MIT
//
// The runtime of the program: the clocks of this machine, one io_context that the calling thread
// runs, connections over TCP, and one thread that syncs.
#pragma once

#include <memory>

#include "send/runtime.hpp"

namespace idmerge::send {

class NetRuntime final : public Runtime {
 public:
  NetRuntime();
  ~NetRuntime() override;

  const util::Clock& clock() const override;
  net::Executor executor() override;
  std::unique_ptr<Timer> timer(std::function<void()> due) override;
  Result<void> prepare(const SendOptions& options) override;
  std::unique_ptr<net::Connection> connection() override;
  std::unique_ptr<SnapshotSaver> snapshot_saver(RunSaver saver) override;
  void run(net::Task<void> task) override;
  void leak_io_context() noexcept override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace idmerge::send
