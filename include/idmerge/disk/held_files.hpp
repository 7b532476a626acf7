// SPDX-License-Identifier: MIT
//
// A disk on which some directories are held: whatever lies in them is reached through the open
// directory, not by its name. Another directory that took the name is never written to, and those
// who write keep their paths and know nothing of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "idmerge/disk/files.hpp"

namespace idmerge {

class HeldFiles final : public Files {
 public:
  /// Shape: `below` must outlive it, and it its files.
  explicit HeldFiles(Files& below) : below_(below) {}
  HeldFiles(const HeldFiles&) = delete;
  HeldFiles& operator=(const HeldFiles&) = delete;

  /// From now on, what lies in this directory is reached through it. Shape: all are held before
  /// two threads use the disk; the innermost counts. Errors: as Files::open_dir().
  Result<void> hold(const std::string& dir);

  /// A directory that is held. Bug if it is not.
  File& dir(const std::string& path);

  /// Asked before a name is made, changed or taken away in a held directory, from any thread; where
  /// the answer is no, that fails with ESTALE.
  void allow_changes_if(std::function<bool()> allowed) { allowed_ = std::move(allowed); }

  /// The disk on which names are names.
  Files& below() const { return below_; }

 private:
  /// Where a path leads.
  struct Place {
    int dir;
    const char* path;
    bool is_held() const;
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

  struct Held {
    std::string path;
    File dir;
  };

  Files& below_;
  std::vector<Held> held_;
  std::function<bool()> allowed_;
};

}  // namespace idmerge
