// SPDX-License-Identifier: MIT
//
// The thread on which every sync happens: an fsync can take 100 ms on a busy disk and would stall
// all lanes. It has one job at a time, a snapshot of the run; while that is under way the io
// thread goes on appending to the next journal.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "idmerge/base/result.hpp"
#include "idmerge/disk/run_log.hpp"

namespace idmerge {

class DiskThread {
 public:
  /// `done` is called on the disk thread after each save; what it throws is lost, not the save.
  DiskThread(RunSaver saver, std::function<void()> done);
  ~DiskThread();
  DiskThread(const DiskThread&) = delete;
  DiskThread& operator=(const DiskThread&) = delete;

  /// Is a snapshot under way, or saved but not yet collected?
  bool busy() const { return busy_; }

  /// Save a snapshot. Bug if busy.
  void save(Snapshot snapshot);

  /// How the save ended; nullopt while it is under way.
  std::optional<Result<void>> collect();

  /// Wait for what is under way, then save a snapshot on the calling thread.
  /// Errors: of either save.
  Result<void> save_now(const Snapshot& snapshot);

  /// Wait for what is under way and save a last snapshot on the calling thread.
  Result<void> finish(const Snapshot& snapshot);

 private:
  void run();
  void join();

  RunSaver saver_;
  std::function<void()> done_;
  bool busy_ = false;  // the owner's view
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Snapshot> wanted_;
  std::optional<Result<void>> ended_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace idmerge
