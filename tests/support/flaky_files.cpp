// SPDX-License-Identifier: MIT
#include "support/flaky_files.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace idmerge::testing {

FlakyFiles::FlakyFiles() {
  for (const auto* path : {"/", "/w"})
    live_[path] = durable_[path] = make(true);
}

void FlakyFiles::harm(std::uint64_t step, Harm kind, bool lasting) {
  const std::lock_guard lock(mutex_);
  step_ = 0;
  harm_step_ = step;
  harm_ = kind;
  lasting_ = lasting;
}

void FlakyFiles::kill() {
  const std::lock_guard lock(mutex_);
  killed_ = true;
}

void FlakyFiles::revive() {
  const std::lock_guard lock(mutex_);
  // Handles of the dead program stay closed for ever; its destructors may still come by.
  for (auto& handle : handles_) {
    handle.open = false;
    if (handle.node >= 0) nodes_[static_cast<std::size_t>(handle.node)].locked = false;
  }
  step_ = 0;
  harm_ = now_ = Harm::none;
  killed_ = false;
}

void FlakyFiles::lose_power(Keep keep, std::uint64_t seed) {
  revive();
  std::mt19937_64 random(seed);
  const auto chosen = [&](std::size_t count) -> std::size_t {
    if (keep == Keep::synced) return 0;
    if (keep == Keep::all) return count;
    return random() % (count + 1);
  };
  for (auto& [dir, changes] : name_changes_) {
    changes.resize(chosen(changes.size()));
    for (const auto& change : changes)
      apply(durable_, change);
  }
  name_changes_.clear();
  for (auto& node : nodes_) {
    auto& changes = node.changes;
    if (keep == Keep::some && random() % 3 == 0) {  // pages reach the disk in any order
      std::erase_if(changes, [&](const Change&) { return random() % 2 == 0; });
    } else {
      changes.resize(chosen(changes.size()));
    }
    if (keep == Keep::some && !changes.empty() && random() % 2 == 0) {
      auto& torn = changes.back().bytes;
      torn.resize(torn.empty() ? 0 : random() % torn.size());
    }
    for (const auto& change : changes)
      apply(node.durable, change);
    changes.clear();
    node.live = node.durable;
  }
  live_ = durable_;
}

std::string FlakyFiles::content(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto node = find(path);
  return node < 0 ? std::string() : nodes_[static_cast<std::size_t>(node)].live;
}

bool FlakyFiles::exists(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return find(path) >= 0;
}

void FlakyFiles::put(const std::string& path, std::string bytes) {
  const std::lock_guard lock(mutex_);
  const auto node = make(false);
  live_[path] = durable_[path] = node;
  nodes_.back().live = nodes_.back().durable = std::move(bytes);
}

int FlakyFiles::step(const std::string& call) {
  now_ = Harm::none;
  if (meanwhile && !killed_) {
    const auto other = std::exchange(meanwhile, nullptr);
    other();
    meanwhile = other;
  }
  if (before_step && !killed_) before_step();
  if (killed_) return -EIO;
  const auto at = step_++;
  calls.push_back(call);
  if (harm_ == Harm::none || at < harm_step_ || (at > harm_step_ && !lasting_)) return 0;
  // Freeing space needs none.
  const bool frees = call.compare(0, 6, "remove") == 0 || call.compare(0, 3, "cut") == 0;
  if (harm_ == Harm::full && frees) return 0;
  now_ = harm_;
  switch (harm_) {
    case Harm::full:
      return -ENOSPC;
    case Harm::interrupt:
      return -EINTR;
    case Harm::shorten:
      return 0;
    case Harm::kill:
    case Harm::tear:
      killed_ = true;
      return -EIO;
    default:
      return -EIO;
  }
}

int FlakyFiles::find(const std::string& path) const {
  const auto found = live_.find(path);
  return found == live_.end() ? -1 : found->second;
}

std::string FlakyFiles::whole(int dir, const char* path) const {
  if (dir == AT_FDCWD) return path;
  const auto& handle = handles_[static_cast<std::size_t>(dir)];
  if (!handle.open || find(handle.path) != handle.node) return "/removed/" + std::string(path);
  return std::string_view(path) == "." ? handle.path : handle.path + "/" + path;
}

int FlakyFiles::make(bool is_dir) {
  nodes_.push_back({});
  nodes_.back().is_dir = is_dir;
  return static_cast<int>(nodes_.size()) - 1;
}

void FlakyFiles::apply(std::string& bytes, const Change& change) {
  if (change.is_cut) {
    bytes.resize(change.offset);
    return;
  }
  if (bytes.size() < change.offset + change.bytes.size()) {
    bytes.resize(change.offset + change.bytes.size());
  }
  bytes.replace(change.offset, change.bytes.size(), change.bytes);
}

void FlakyFiles::apply(Names& names, const NameChange& change) {
  if (!change.from.empty()) names.erase(change.from);
  if (change.node < 0) {
    names.erase(change.path);
  } else {
    names[change.path] = change.node;
  }
}

void FlakyFiles::change_name(NameChange change) {
  apply(live_, change);
  name_changes_[io::parent_of(change.path)].push_back(std::move(change));
}

int FlakyFiles::sys_open(int dir, const char* name, int flags, mode_t) {
  const std::lock_guard lock(mutex_);
  if (killed_) return -EIO;
  const auto path = whole(dir, name);
  auto node = find(path);
  if (node >= 0 && (flags & O_EXCL) != 0) return -EEXIST;
  if (node < 0) {
    if ((flags & O_CREAT) == 0) return -ENOENT;
    if (find(io::parent_of(path)) < 0) return -ENOENT;
    if (const auto error = step("create " + path); error != 0) return error;
    node = make(false);
    change_name({path, node, {}});
  }
  handles_.push_back({node, true, false, path});
  return static_cast<int>(handles_.size()) - 1;
}

int FlakyFiles::sys_close(int fd) {
  const std::lock_guard lock(mutex_);
  auto& handle = handles_[static_cast<std::size_t>(fd)];
  if (!handle.open) return -EBADF;
  handle.open = false;
  if (handle.holds_lock) nodes_[static_cast<std::size_t>(handle.node)].locked = false;
  return 0;
}

ssize_t FlakyFiles::sys_write(int fd, const char* bytes, std::size_t count) {
  const std::lock_guard lock(mutex_);
  const auto& handle = handles_[static_cast<std::size_t>(fd)];
  if (!handle.open) return -EBADF;
  const auto error = step("write " + handle.path);
  const bool is_partial = now_ == Harm::shorten || now_ == Harm::tear || now_ == Harm::full;
  if (error != 0 && !is_partial) return error;
  if (is_partial) count = std::max<std::size_t>(count / 2, now_ == Harm::shorten ? 1 : 0);
  auto& node = nodes_[static_cast<std::size_t>(handle.node)];
  node.changes.push_back({node.live.size(), std::string(bytes, count), false});
  apply(node.live, node.changes.back());
  // A full disk takes what fits, and says so with the next write.
  return error != 0 && (count == 0 || now_ == Harm::tear) ? error : static_cast<ssize_t>(count);
}

ssize_t FlakyFiles::sys_pread(int fd, char* bytes, std::size_t count, off_t offset) {
  const std::lock_guard lock(mutex_);
  const auto& handle = handles_[static_cast<std::size_t>(fd)];
  if (!handle.open || killed_) return -EIO;
  const auto& live = nodes_[static_cast<std::size_t>(handle.node)].live;
  const auto at = std::min(static_cast<std::size_t>(offset), live.size());
  count = std::min(count, live.size() - at);
  std::copy_n(live.data() + at, count, bytes);
  return static_cast<ssize_t>(count);
}

int FlakyFiles::sync(int fd) {
  const std::lock_guard lock(mutex_);
  const auto& handle = handles_[static_cast<std::size_t>(fd)];
  if (!handle.open) return -EBADF;
  if (const auto error = step("sync " + handle.path); error != 0) return error;
  auto& node = nodes_[static_cast<std::size_t>(handle.node)];
  node.durable = node.live;
  node.changes.clear();
  if (node.is_dir) {
    for (const auto& change : name_changes_[handle.path])
      apply(durable_, change);
    name_changes_.erase(handle.path);
  }
  return 0;
}

int FlakyFiles::sys_fdatasync(int fd) {
  return sync(fd);
}

int FlakyFiles::sys_fsync(int fd) {
  return sync(fd);
}

int FlakyFiles::sys_ftruncate(int fd, off_t size) {
  const std::lock_guard lock(mutex_);
  const auto& handle = handles_[static_cast<std::size_t>(fd)];
  if (!handle.open) return -EBADF;
  if (const auto error = step("cut " + handle.path); error != 0) return error;
  auto& node = nodes_[static_cast<std::size_t>(handle.node)];
  node.changes.push_back({static_cast<std::uint64_t>(size), {}, true});
  apply(node.live, node.changes.back());
  return 0;
}

int FlakyFiles::sys_fstat(int fd, io::FileStat& out) {
  const std::lock_guard lock(mutex_);
  const auto& handle = handles_[static_cast<std::size_t>(fd)];
  if (!handle.open || killed_) return -EIO;
  const auto& node = nodes_[static_cast<std::size_t>(handle.node)];
  out = {};
  out.kind = node.is_dir ? io::FileStat::Kind::directory : io::FileStat::Kind::file;
  out.size_bytes = node.live.size();
  out.mode = node.is_dir ? 0700 : 0600;
  out.uid = ::geteuid();
  out.inode = static_cast<std::uint64_t>(handle.node);
  return 0;
}

int FlakyFiles::sys_lstat(int dir, const char* path, io::FileStat& out) {
  const std::lock_guard lock(mutex_);
  if (killed_) return -EIO;
  const auto found = find(whole(dir, path));
  if (found < 0) return -ENOENT;
  const auto& node = nodes_[static_cast<std::size_t>(found)];
  out = {};
  out.kind = node.is_dir ? io::FileStat::Kind::directory : io::FileStat::Kind::file;
  out.size_bytes = node.live.size();
  out.mode = node.is_dir ? 0700 : 0600;
  out.uid = ::geteuid();
  out.inode = static_cast<std::uint64_t>(found);
  return 0;
}

int FlakyFiles::sys_rename(int from_dir, const char* from_name, int to_dir, const char* to_name) {
  const std::lock_guard lock(mutex_);
  const auto from = whole(from_dir, from_name);
  const auto to = whole(to_dir, to_name);
  const auto node = find(from);
  if (node < 0) return -ENOENT;
  if (rename_refusal != 0) return -rename_refusal;
  if (const auto error = step("rename " + from + " " + to); error != 0) return error;
  change_name({to, node, from});
  return 0;
}

int FlakyFiles::sys_unlink(int dir, const char* name) {
  const std::lock_guard lock(mutex_);
  const auto path = whole(dir, name);
  if (find(path) < 0) return -ENOENT;
  if (const auto error = step("remove " + path); error != 0) return error;
  change_name({path, -1, {}});
  return 0;
}

int FlakyFiles::sys_mkdir(int dir, const char* name, mode_t) {
  const std::lock_guard lock(mutex_);
  const auto path = whole(dir, name);
  if (find(path) >= 0) return -EEXIST;
  if (find(io::parent_of(path)) < 0) return -ENOENT;
  if (const auto error = step("mkdir " + path); error != 0) return error;
  change_name({path, make(true), {}});
  return 0;
}

int FlakyFiles::sys_list(int dir, const char* name, std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  if (killed_) return -EIO;
  const auto path = whole(dir, name);
  if (find(path) < 0) return -ENOENT;
  const std::string prefix = path == "/" ? "/" : path + "/";
  for (auto at = live_.lower_bound(prefix); at != live_.end(); ++at) {
    if (at->first.compare(0, prefix.size(), prefix) != 0) break;
    const auto leaf = at->first.substr(prefix.size());
    if (!leaf.empty() && leaf.find('/') == std::string::npos) names.push_back(leaf);
  }
  return 0;
}

int FlakyFiles::sys_place(int fd, std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto& handle = handles_[static_cast<std::size_t>(fd)];
  path = handle.path;
  return handle.open && find(path) == handle.node ? 0 : -ENOENT;
}

int FlakyFiles::sys_flock(int fd) {
  const std::lock_guard lock(mutex_);
  auto& handle = handles_[static_cast<std::size_t>(fd)];
  if (!handle.open) return -EIO;
  if (lock_refusal != 0) return -lock_refusal;
  if (const bool is_dir = nodes_[static_cast<std::size_t>(handle.node)].is_dir;
      is_dir && dir_lock_refusal != 0) {
    return -dir_lock_refusal;
  }
  if (const auto error = step("lock " + handle.path); error != 0) return error;
  auto& node = nodes_[static_cast<std::size_t>(handle.node)];
  if (node.locked && !handle.holds_lock) return -EWOULDBLOCK;
  node.locked = handle.holds_lock = true;
  return 0;
}

int FlakyFiles::sys_disk(const char* path, io::DiskSpace& disk) {
  const std::lock_guard lock(mutex_);
  if (killed_) return -EIO;
  disk = {.device = 0, .free_bytes = free};
  std::uint64_t device = 0;
  for (const auto& [dir, free_there] : free_elsewhere) {
    ++device;
    if (std::string_view(path).starts_with(dir)) disk = {device, free_there};
  }
  return 0;
}

}  // namespace idmerge::testing
