// SPDX-License-Identifier: MIT
//
// Exclusive use of a job by one process. Files and directories can be moved, removed or replaced
// while the process works, so the locks are on the open directories and the plan themselves, and
// check() compares whether the names still lead to them. The lock file of older versions is locked
// as well: it keeps those versions out and tells people which process uses the job.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/lock.hpp"
#include "io/pinned_files.hpp"
#include "plan/job_paths.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

/// What a process does with a job. A rehearsal uses only a run directory of its own and may run
/// concurrently with another process.
enum class Work : std::uint8_t { planning, sending, rehearsing };

class JobLock {
 public:
  /// Lock what the work needs: the lock file, the directory of the run, unless rehearsing that of
  /// the job, and for sending the plan if it exists. On a file system that cannot lock directories
  /// only the files are locked.
  ///
  /// Errors: Errc::locked; as Lock::take() and Files::open_dir().
  static Result<std::unique_ptr<JobLock>> take(io::Files& files, const JobPaths& job,
                                               const RunPaths& run, Work work,
                                               const io::ProcessIdentity& me);

  JobLock(const JobLock&) = delete;
  JobLock& operator=(const JobLock&) = delete;

  /// Returns: a Files on which the paths of the job lead to the pinned directories, even after they
  /// were renamed. It refuses to create or replace files once is_whole() is false.
  io::Files& files() { return files_; }

  /// See Lock::died().
  const std::string& died() const { return lock_->died(); }

  /// Check that all names still lead to the locked files and directories. Once a check has failed,
  /// all later ones fail with the same error. Takes a few microseconds. A name whose status cannot
  /// be read because of a disk error counts as unchanged.
  ///
  /// Thread safety: one thread at a time.
  /// Errors: Errc::input, saying which name changed, how, and what to do.
  Result<void> check();

  /// Returns: the error of check() if it fails, otherwise `error`. If the directory is gone, that
  /// is the cause of the other errors.
  Error reason_of(Error error);

  /// Returns whether a check() has failed.
  bool is_lost() const { return lost_.has_value(); }

  /// Returns whether the lock file and the locked plan are still in the pinned directories. If they
  /// are, this process may write to the job even after it was moved.
  bool is_whole();

  /// Returns: the current path of the job; empty if it was removed or the path is unknown.
  std::string current_path();

  /// Returns whether the path of the job still leads to it.
  bool is_in_place();

  /// Returns: a text that distinguishes the directory of the run from a copy of it. Lifetime: the
  /// text is comparable only until the machine restarts.
  const std::string& identity() const { return identity_; }

 private:
  /// A name and the file or directory that it led to at first.
  struct Known {
    enum class Kind : std::uint8_t { job, run, lock, plan } kind;
    std::string path;
    io::FileStat stat;
  };

  JobLock(io::Files& files, JobPaths job, RunPaths run);
  Result<void> pin_dirs();
  Result<void> lock_all(Work work, const io::ProcessIdentity& me);
  Result<void> lock_dir(const std::string& dir);
  Result<void> lock_plan();
  Error loss_of(const Known& known, bool is_replaced);

  JobPaths job_;
  RunPaths run_;
  io::PinnedFiles files_;  // declared before its open files, so that it outlives them
  std::optional<io::Lock> lock_;
  io::File plan_;
  std::vector<Known> known_;
  std::string identity_;
  std::optional<Error> lost_;
};

}  // namespace idmerge::plan
