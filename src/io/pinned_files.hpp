// SPDX-License-Identifier: MIT
//
// A Files decorator that keeps some directories open and resolves paths below them relative to the
// open directory instead of by name. If another directory takes over the name, nothing is written
// to it. Callers go on using ordinary paths.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "io/files.hpp"

namespace idmerge::io {

class PinnedFiles final : public Files {
 public:
  /// Lifetime: `below` must outlive this object, and this object its open files.
  explicit PinnedFiles(Files& below) : below_(below) {}
  PinnedFiles(const PinnedFiles&) = delete;
  PinnedFiles& operator=(const PinnedFiles&) = delete;

  /// Open a directory; paths below it are resolved relative to it from now on. Of nested pinned
  /// directories the innermost applies.
  ///
  /// Thread safety: pin all directories before a second thread uses this object.
  /// Errors: as Files::open_dir().
  Result<void> pin(const std::string& dir);

  /// Returns: the open handle of a pinned directory. Requires: `path` was passed to pin().
  File& dir(const std::string& path);

  /// Set a predicate that is called before a name in a pinned directory is created, changed or
  /// removed; if it returns false, the operation fails with ESTALE.
  ///
  /// Thread safety: the predicate is called on any thread.
  void allow_changes_if(std::function<bool()> allowed) { allowed_ = std::move(allowed); }

  /// Returns: the decorated Files, which resolves all paths by name.
  Files& below() const { return below_; }

 private:
  /// A path relative to a pinned directory, or to AT_FDCWD.
  struct Place {
    int dir;
    const char* path;
    bool is_pinned() const;
  };
  Place place_of(int dir, const char* path) const;
  bool may_change(const Place& place) const;

  Files& by_name() override { return below_.by_name(); }
  int sys_open(int dir, const char* path, int flags, mode_t mode) override;
  int sys_close(int fd) override;
  ssize_t sys_write(int fd, const char* bytes, std::size_t count) override;
  ssize_t sys_pread(int fd, char* bytes, std::size_t count, off_t offset) override;
  int sys_fdatasync(int fd) override;
  int sys_fsync(int fd) override;
  int sys_ftruncate(int fd, off_t size) override;
  int sys_fstat(int fd, FileStat& out) override;
  int sys_lstat(int dir, const char* path, FileStat& out) override;
  int sys_rename(int from_dir, const char* from, int to_dir, const char* to) override;
  int sys_unlink(int dir, const char* path) override;
  int sys_mkdir(int dir, const char* path, mode_t mode) override;
  int sys_list(int dir, const char* path, std::vector<std::string>& names) override;
  int sys_place(int fd, std::string& path) override;
  int sys_flock(int fd) override;
  int sys_disk(const char* path, DiskSpace& disk) override;

  struct Pinned {
    std::string path;
    File dir;
  };

  Files& below_;
  std::vector<Pinned> pinned_;
  std::function<bool()> allowed_;
};

}  // namespace idmerge::io
