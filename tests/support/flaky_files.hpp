// SPDX-License-Identifier: MIT
//
// A disk in memory that remembers what was synced and what was not, and that can be broken at any
// step: full, failing, interrupted, killed under the program's feet, or without power. What a power
// loss leaves is chosen by a seed among what a real disk may leave: of each directory the first few
// changes since its last sync, of each file some of the writes since its last sync, the last one
// perhaps torn, holes filled with zeros.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "io/files.hpp"

namespace idmerge::testing {

/// What goes wrong at a step.
enum class Harm : std::uint8_t {
  none,
  full,       // ENOSPC, a write having written a part
  fail,       // EIO
  interrupt,  // EINTR, once
  shorten,    // a write writes less than it was given
  kill,       // the step does not happen, nor does any after it
  tear,       // as kill, but a write has written a part
};

class FlakyFiles final : public io::Files {
 public:
  /// An empty disk with the directory "/w".
  FlakyFiles();

  /// Let harm come to the n-th step from now, from 0 on. A step is any call that changes something
  /// or makes it durable. If `lasting`, all later ones fail too, until revive().
  void harm(std::uint64_t step, Harm kind, bool lasting = false);

  /// Steps since the last harm() or revive().
  std::uint64_t steps() const { return step_; }

  /// Kill the program now.
  void kill();

  /// Was the program killed?
  bool killed() const { return killed_; }

  /// Start the program again: handles and locks are gone, the disk is as it was.
  void revive();

  enum class Keep : std::uint8_t { synced, all, some };

  /// Cut the power and start again.
  void lose_power(Keep keep, std::uint64_t seed = 0);

  /// The live bytes of a file. A missing file is an empty one.
  std::string content(const std::string& path);
  bool exists(const std::string& path);

  /// Put a file there, durably, as if it had always been so.
  void put(const std::string& path, std::string bytes);

  /// What the disk says is free, and what others do, by the directory at which they are mounted.
  /// Units: bytes.
  std::uint64_t free = 1ULL << 50U;
  std::map<std::string, std::uint64_t> free_elsewhere;

  /// What a file system says that has no locks, or does not rename over a file; 0: it does.
  /// Units: errno.
  int lock_refusal = 0;
  int dir_lock_refusal = 0;  // of one that locks files only
  int rename_refusal = 0;

  /// Called before each step, unless it is one of its own: what another thread does meanwhile.
  std::function<void()> meanwhile;

  /// Called before each step, which does not happen if this kills the program.
  std::function<void()> before_step;

  /// What was called, for tests of an order: "sync /w/a", "rename /w/a.part /w/a".
  std::vector<std::string> calls;

 private:
  struct Change {
    std::uint64_t offset = 0;
    std::string bytes;
    bool is_cut = false;  // to `offset`
  };
  struct Node {
    bool is_dir = false;
    bool locked = false;
    std::string live;
    std::string durable;
    std::vector<Change> changes;  // since the last sync
  };
  struct NameChange {
    std::string path;
    int node = -1;     // -1: removed
    std::string from;  // a rename
  };
  struct Handle {
    int node = -1;
    bool open = false;
    bool holds_lock = false;
    std::string path;
  };
  using Names = std::map<std::string, int>;

  int sys_open(int dir, const char* path, int flags, mode_t mode) override;
  int sys_close(int fd) override;
  ssize_t sys_write(int fd, const char* bytes, std::size_t count) override;
  ssize_t sys_pread(int fd, char* bytes, std::size_t count, off_t offset) override;
  int sys_fdatasync(int fd) override;
  int sys_fsync(int fd) override;
  int sys_ftruncate(int fd, off_t size) override;
  int sys_fstat(int fd, io::FileStat& out) override;
  int sys_lstat(int dir, const char* path, io::FileStat& out) override;
  int sys_rename(int from_dir, const char* from, int to_dir, const char* to) override;
  int sys_unlink(int dir, const char* path) override;
  int sys_mkdir(int dir, const char* path, mode_t mode) override;
  int sys_list(int dir, const char* path, std::vector<std::string>& names) override;
  int sys_place(int fd, std::string& path) override;
  int sys_flock(int fd) override;
  int sys_disk(const char* path, io::DiskSpace& disk) override;

  /// Count a step; 0, or the error with which it fails.
  int step(const std::string& call);
  int find(const std::string& path) const;

  /// The whole path of one that starts in an open directory; one that leads nowhere if that was
  /// removed.
  std::string whole(int dir, const char* path) const;
  int make(bool is_dir);
  void change_name(NameChange change);
  static void apply(std::string& bytes, const Change& change);
  static void apply(Names& names, const NameChange& change);
  int sync(int fd);

  std::recursive_mutex mutex_;  // io thread and sync thread both come here
  std::deque<Node> nodes_;
  std::deque<Handle> handles_;  // references stay valid while others are opened
  Names live_;
  Names durable_;
  std::map<std::string, std::vector<NameChange>> name_changes_;  // by directory
  std::uint64_t step_ = 0;
  std::uint64_t harm_step_ = 0;
  Harm harm_ = Harm::none;
  Harm now_ = Harm::none;  // what befalls the step under way
  bool lasting_ = false;
  bool killed_ = false;
};

}  // namespace idmerge::testing
