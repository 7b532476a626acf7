// SPDX-License-Identifier: MIT
//
// Thread that saves and syncs snapshots during a run: an fsync can take 100 ms on a busy disk and
// would stall all workers. It saves one snapshot at a time; meanwhile the io thread continues to
// append to the next journal.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "send/run_log.hpp"
#include "send/snapshot_saver.hpp"
#include "util/result.hpp"

namespace idmerge::send {

class SyncThread final : public SnapshotSaver {
 public:
  explicit SyncThread(RunSaver saver);
  ~SyncThread() override;

  /// `done` is called on the sync thread.
  void notify(std::function<void()> done) override { done_ = std::move(done); }

  bool busy() const override { return busy_; }
  void save(Snapshot snapshot) override;
  std::optional<Result<void>> collect() override;

  /// Saves on the calling thread.
  Result<void> save_now(const Snapshot& snapshot) override;

  /// Ends the thread, then saves on the calling thread.
  Result<void> finish(const Snapshot& snapshot) override;

 private:
  void run();
  void join();

  RunSaver saver_;
  std::function<void()> done_ = [] {};
  bool busy_ = false;  // used by the owner's thread only
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Snapshot> wanted_;
  std::optional<Result<void>> ended_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace idmerge::send
