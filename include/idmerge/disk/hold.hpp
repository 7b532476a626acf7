// SPDX-License-Identifier: MIT
//
// A job in the hands of one process. Names can be moved, removed and given to others while it is at
// work; so what is locked is the directory itself and the plan, and what is compared, while the run
// goes on, is whether the names still lead to them. The lock file of older versions is locked
// beside them: it keeps those out, and says to people who works here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/disk/held_files.hpp"
#include "idmerge/disk/job.hpp"
#include "idmerge/disk/lock.hpp"

namespace idmerge {

/// What a process does with a job. A rehearsal keeps to its own run, and may go on beside another
/// process.
enum class Work : std::uint8_t { planning, sending, rehearsing };

class Hold {
 public:
  /// Take what the work needs: directory of the job, of the run, its lock file, and for sending the
  /// plan if there is one. A file system that does not lock directories leaves it at the files.
  ///
  /// Errors: Errc::locked; as Lock::take() and Files::open_dir().
  static Result<std::unique_ptr<Hold>> take(Files& files, const JobPaths& job, const RunPaths& run,
                                            Work work, const LockOwner& me);

  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  /// The disk on which the job is this one, whatever became of its names. Nothing is made or
  /// replaced on it any more once is_whole() is not.
  Files& files() { return files_; }

  /// See Lock::died().
  const std::string& died() const { return lock_->died(); }

  /// Do all names still lead to what is held? Not again once they did not. A few microseconds; what
  /// the disk cannot say is not held against it. Shape: of one thread at a time.
  /// Errors: Errc::input, saying what became of which, and what to do.
  Result<void> check();

  /// The error that check() finds, else what is given: what fails in a directory that is gone,
  /// fails because it is.
  Error reason_of(Error error);

  /// Has check() found something?
  bool is_lost() const { return lost_.has_value(); }

  /// Are lock file and plan still in what is held? Then it is ours to be written, also where it was
  /// moved.
  bool is_whole();

  /// Where the job stands now; empty if it was removed.
  std::string place();

  /// Does the name of the job still lead to it?
  bool is_in_place();

  /// What tells the directory of the run from a copy of it, as long as the machine runs.
  const std::string& identity() const { return identity_; }

 private:
  /// What a name led to.
  struct Known {
    enum class Kind : std::uint8_t { job, run, lock, plan } kind;
    std::string path;
    FileStat stat;
  };

  Hold(Files& files, JobPaths job, RunPaths run);
  Result<void> hold_dirs();
  Result<void> lock_all(Work work, const LockOwner& me);
  Result<void> lock_dir(const std::string& dir);
  Result<void> lock_plan();
  Error loss_of(const Known& known, bool is_replaced);

  JobPaths job_;
  RunPaths run_;
  HeldFiles files_;  // before what is open on it
  std::optional<Lock> lock_;
  File plan_;
  std::vector<Known> known_;
  std::string identity_;
  std::optional<Error> lost_;
};

}  // namespace idmerge
