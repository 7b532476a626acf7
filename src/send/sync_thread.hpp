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

#include "send/run_log.hpp"
#include "util/result.hpp"

namespace idmerge::send {

class SyncThread {
 public:
  /// `done` is called on the disk thread after each save. An exception that it throws is ignored
  /// and does not affect the save.
  SyncThread(RunSaver saver, std::function<void()> done);
  ~SyncThread();
  SyncThread(const SyncThread&) = delete;
  SyncThread& operator=(const SyncThread&) = delete;

  /// Returns whether a snapshot is being saved, or was saved but not yet collected.
  bool busy() const { return busy_; }

  /// Starts saving a snapshot. Requires: not busy().
  void save(Snapshot snapshot);

  /// Returns: the result of the save; nullopt while it is in progress.
  std::optional<Result<void>> collect();

  /// Waits for a save in progress, then saves a snapshot on the calling thread.
  /// Errors: those of either save.
  Result<void> save_now(const Snapshot& snapshot);

  /// Waits for a save in progress, ends the thread, and saves the last snapshot on the calling
  /// thread.
  /// Errors: those of either save.
  Result<void> finish(const Snapshot& snapshot);

 private:
  void run();
  void join();

  RunSaver saver_;
  std::function<void()> done_;
  bool busy_ = false;  // used by the owner's thread only
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Snapshot> wanted_;
  std::optional<Result<void>> ended_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace idmerge::send
