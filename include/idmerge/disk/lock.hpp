// SPDX-License-Identifier: MIT
//
// One process a job. The kernel holds the lock (flock), so it ends with its owner however that
// ended, and no stale file ever has to be judged by its age; what the file says is for people.
#pragma once

#include <string>

#include "idmerge/disk/files.hpp"

namespace idmerge {

/// Who works here, as the lock file says: "pid 4711 on etl-7 since 2026-11-23T18:00:00Z".
struct LockOwner {
  std::uint64_t pid = 0;
  std::string host;
  std::string since;         // RFC 3339
  std::string process = {};  // see process_of()
};

/// What tells a process from all others of this machine, also from one that gets its number later;
/// empty if there is none of that number, or it has ended.
std::string process_of(std::uint64_t pid);

class Lock {
 public:
  /// Take the lock and write our name into it.
  ///
  /// Errors: Errc::locked, naming the owner, if another process holds it, or if the file was copied
  /// from one that it still holds; Errc::usage where the filesystem has no locks.
  static Result<Lock> take(Files& files, const std::string& path, const LockOwner& me);

  /// Who held the lock and ended without giving it back; empty if nobody did.
  const std::string& died() const { return died_; }

  /// The file, to know it again.
  Result<FileStat> stat() const { return file_.stat(); }

  Lock(Lock&&) noexcept = default;
  Lock& operator=(Lock&&) = delete;

  /// Empties the file, which tells the next owner that we ended in order.
  ~Lock();

 private:
  Lock(File file, std::string died) : file_(std::move(file)), died_(std::move(died)) {}

  File file_;
  std::string died_;
};

/// Who holds the lock now, by name; empty if nobody does. For `status`.
Result<std::string> lock_owner(Files& files, const std::string& path);

}  // namespace idmerge
