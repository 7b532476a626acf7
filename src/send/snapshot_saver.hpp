// SPDX-License-Identifier: MIT
//
// Saves snapshots of a run beside its event loop. An interface, because the program saves on a
// thread of its own (SyncThread) and a simulation between two events.
#pragma once

#include <functional>
#include <optional>

#include "send/run_log.hpp"
#include "util/result.hpp"

namespace idmerge::send {

/// Thread safety: used by one thread, except for the function given to notify().
class SnapshotSaver {
 public:
  SnapshotSaver() = default;
  SnapshotSaver(const SnapshotSaver&) = delete;
  SnapshotSaver& operator=(const SnapshotSaver&) = delete;
  virtual ~SnapshotSaver() = default;

  /// Calls `done` after each save(), from any thread. Requires: called once, before the first
  /// save(). An exception that it throws is ignored and does not affect the save.
  virtual void notify(std::function<void()> done) = 0;

  /// Returns whether a snapshot is being saved, or was saved but not yet collected.
  virtual bool busy() const = 0;

  /// Starts saving a snapshot. Requires: not busy().
  virtual void save(Snapshot snapshot) = 0;

  /// Returns: the result of the save; nullopt while it is in progress.
  virtual std::optional<Result<void>> collect() = 0;

  /// Waits for a save in progress, then saves a snapshot before it returns.
  /// Errors: those of either save.
  virtual Result<void> save_now(const Snapshot& snapshot) = 0;

  /// As save_now(), for the last snapshot.
  virtual Result<void> finish(const Snapshot& snapshot) = 0;
};

}  // namespace idmerge::send
