// SPDX-License-Identifier: MIT
//
// A disk with one file on it, for fuzzing what reads files.
#pragma once

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "io/files.hpp"

namespace idmerge::testing {

class MemoryFile : public io::Files {
 public:
  explicit MemoryFile(const std::string& bytes) : bytes_(bytes) {}

 private:
  int sys_open(int, const char*, int, mode_t) override { return 0; }
  int sys_close(int) override { return 0; }
  ssize_t sys_write(int, const char*, std::size_t) override { return -EIO; }
  ssize_t sys_pread(int, char* into, std::size_t count, off_t offset) override {
    const auto at = std::min(static_cast<std::size_t>(offset), bytes_.size());
    count = std::min(count, bytes_.size() - at);
    std::copy_n(bytes_.data() + at, count, into);
    return static_cast<ssize_t>(count);
  }
  int sys_fdatasync(int) override { return -EIO; }
  int sys_fsync(int) override { return -EIO; }
  int sys_ftruncate(int, off_t) override { return -EIO; }
  int sys_fstat(int, io::FileStat& out) override {
    out.size_bytes = bytes_.size();
    return 0;
  }
  int sys_lstat(int, const char*, io::FileStat& out) override { return sys_fstat(0, out); }
  int sys_rename(int, const char*, int, const char*) override { return -EIO; }
  int sys_unlink(int, const char*) override { return -EIO; }
  int sys_mkdir(int, const char*, mode_t) override { return -EIO; }
  int sys_list(int, const char*, std::vector<std::string>&) override { return 0; }
  int sys_place(int, std::string&) override { return -ENOENT; }
  int sys_flock(int) override { return 0; }
  int sys_disk(const char*, io::DiskSpace& disk) override {
    disk = {};
    return 0;
  }

  const std::string& bytes_;
};

}  // namespace idmerge::testing
