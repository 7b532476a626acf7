// SPDX-License-Identifier: MIT
#include "io/pinned_files.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include <fcntl.h>

#include "util/check.hpp"

namespace idmerge::io {
namespace {

/// Returns whether a path has a component `..`, with which it may leave the directory in which it
/// starts.
bool goes_up(std::string_view path) {
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    if (path.substr(0, end) == "..") return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

}  // namespace

Result<void> PinnedFiles::pin(const std::string& dir) {
  auto opened = open_dir(dir);
  if (!opened) return opened.error();
  pinned_.push_back({dir, std::move(*opened)});
  return {};
}

File& PinnedFiles::dir(const std::string& path) {
  const auto found = std::find_if(pinned_.begin(), pinned_.end(),
                                  [&](const Pinned& pinned) { return pinned.path == path; });
  IDMERGE_CHECK(found != pinned_.end());
  return found->dir;
}

bool PinnedFiles::Place::is_pinned() const {
  return dir != AT_FDCWD;
}

PinnedFiles::Place PinnedFiles::place_of(int dir, const char* path) const {
  if (dir != AT_FDCWD) return {dir, path};
  const std::string_view whole(path);
  const Pinned* inner = nullptr;
  for (const auto& pinned : pinned_) {
    const auto length = pinned.path.size();
    if (!whole.starts_with(pinned.path)) continue;
    if (whole.size() > length && whole[length] != '/') continue;
    if (inner == nullptr || inner->path.size() < length) inner = &pinned;
  }
  if (inner == nullptr) return {AT_FDCWD, path};
  const char* rest = path + inner->path.size();
  while (*rest == '/')
    ++rest;
  if (goes_up(rest)) return {AT_FDCWD, path};
  return {inner->dir.fd_, *rest == '\0' ? "." : rest};
}

bool PinnedFiles::may_change(const Place& place) const {
  return !place.is_pinned() || !allowed_ || allowed_();
}

int PinnedFiles::sys_open(int dir, const char* path, int flags, mode_t mode) {
  const auto place = place_of(dir, path);
  if ((flags & O_CREAT) != 0 && !may_change(place)) return -ESTALE;
  return below_.sys_open(place.dir, place.path, flags, mode);
}

int PinnedFiles::sys_close(int fd) {
  return below_.sys_close(fd);
}

ssize_t PinnedFiles::sys_write(int fd, const char* bytes, std::size_t count) {
  return below_.sys_write(fd, bytes, count);
}

ssize_t PinnedFiles::sys_pread(int fd, char* bytes, std::size_t count, off_t offset) {
  return below_.sys_pread(fd, bytes, count, offset);
}

int PinnedFiles::sys_fdatasync(int fd) {
  return below_.sys_fdatasync(fd);
}

int PinnedFiles::sys_fsync(int fd) {
  return below_.sys_fsync(fd);
}

int PinnedFiles::sys_ftruncate(int fd, off_t size) {
  return below_.sys_ftruncate(fd, size);
}

int PinnedFiles::sys_fstat(int fd, FileStat& out) {
  return below_.sys_fstat(fd, out);
}

int PinnedFiles::sys_lstat(int dir, const char* path, FileStat& out) {
  const auto place = place_of(dir, path);
  return below_.sys_lstat(place.dir, place.path, out);
}

int PinnedFiles::sys_rename(int from_dir, const char* from, int to_dir, const char* to) {
  const auto old_place = place_of(from_dir, from);
  const auto new_place = place_of(to_dir, to);
  if (!may_change(old_place) || !may_change(new_place)) return -ESTALE;
  return below_.sys_rename(old_place.dir, old_place.path, new_place.dir, new_place.path);
}

int PinnedFiles::sys_unlink(int dir, const char* path) {
  const auto place = place_of(dir, path);
  return may_change(place) ? below_.sys_unlink(place.dir, place.path) : -ESTALE;
}

int PinnedFiles::sys_mkdir(int dir, const char* path, mode_t mode) {
  const auto place = place_of(dir, path);
  return may_change(place) ? below_.sys_mkdir(place.dir, place.path, mode) : -ESTALE;
}

int PinnedFiles::sys_list(int dir, const char* path, std::vector<std::string>& names) {
  const auto place = place_of(dir, path);
  return below_.sys_list(place.dir, place.path, names);
}

int PinnedFiles::sys_place(int fd, std::string& path) {
  return below_.sys_place(fd, path);
}

int PinnedFiles::sys_flock(int fd) {
  return below_.sys_flock(fd);
}

int PinnedFiles::sys_disk(const char* path, DiskSpace& disk) {
  return below_.sys_disk(path, disk);
}

}  // namespace idmerge::io
