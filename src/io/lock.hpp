// SPDX-License-Identifier: MIT
//
// The lock file that admits one process per job. The lock is an flock(), which the kernel releases
// when its owner ends, however it ends; so no code has to decide by its age whether a lock file is
// stale. The contents of the file are for people, except that they reveal a copied lock file.
#pragma once

#include <string>

#include "io/files.hpp"

namespace idmerge::io {

/// The process that holds the lock, as recorded in the lock file and shown in messages: "pid 4711
/// on etl-7 since 2026-11-23T18:00:00Z".
struct ProcessIdentity {
  std::uint64_t pid = 0;
  std::string host;
  std::string since;         // RFC 3339
  std::string process = {};  // see process_of()
};

/// Returns: an identity that distinguishes a process from all others on this machine, including a
/// later one with the same pid (boot id and start time); empty if there is no such process or it
/// has ended.
std::string process_of(std::uint64_t pid);

class Lock {
 public:
  /// Acquire the lock and write `me` into the file.
  ///
  /// Errors: Errc::locked, naming the owner, if another process holds the lock, or if the file is a
  /// copy of one that a running process wrote; Errc::usage where the file system has no locks.
  static Result<Lock> take(Files& files, const std::string& path, const ProcessIdentity& me);

  /// Returns: the previous owner if it ended without releasing the lock; otherwise empty.
  const std::string& died() const { return died_; }

  /// Returns: the status of the lock file, to recognize it later.
  Result<FileStat> stat() const { return file_.stat(); }

  Lock(Lock&&) noexcept = default;
  Lock& operator=(Lock&&) = delete;

  /// Empties the file, which tells the next owner that this process ended in order.
  ~Lock();

 private:
  Lock(File file, std::string died) : file_(std::move(file)), died_(std::move(died)) {}

  File file_;
  std::string died_;
};

/// Returns: the current owner of the lock; empty if it is free. For `status`.
Result<std::string> lock_owner(Files& files, const std::string& path);

}  // namespace idmerge::io
