// SPDX-License-Identifier: MIT
//
// The interface through which all files of a job are accessed; inputs are read by
// io/chunk_reader.hpp. Only single system calls are virtual, so that a test can make any of them
// fail, write less, lose data or be interrupted. Retrying after EINTR and short writes, naming the
// path in errors, and replacing files atomically are implemented above them and are therefore
// tested too.
//
// Every file is opened with O_NOFOLLOW and O_CLOEXEC and created with mode 0600, every directory
// with 0700. A `File` may be used by one thread at a time; two handles of the same file may be used
// by two threads, which is how the sync thread syncs the files that the io thread appends to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "util/result.hpp"

namespace idmerge::io {

class Files;
class PinnedFiles;

/// The result of stat() for a path or an open file.
struct FileStat {
  enum class Kind : std::uint8_t { file, directory, link, other };
  Kind kind = Kind::file;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::uint32_t mode = 0;  // permission bits only
  std::uint32_t uid = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t hard_links = 1;

  /// Returns whether both are the same file or directory, whatever their names. The kernel may
  /// reuse the inode number of a file that was removed, but not while the file is open.
  bool is(const FileStat& other) const { return device == other.device && inode == other.inode; }
};

/// A file system and the space on it that this process may still use.
struct DiskSpace {
  std::uint64_t device = 0;
  std::uint64_t free_bytes = 0;
};

/// An open file, closed by the destructor.
class File {
 public:
  File() = default;
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  /// Append all bytes.
  ///
  /// Errors: Errc::outage; part of the bytes may then be in the file.
  Result<void> append(std::string_view bytes);

  /// Read at an offset. Returns: the number of bytes read, less than `into.size()` only at the end
  /// of the file.
  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const;

  /// Make all written bytes durable (fdatasync). After an error the contents of the file are
  /// unknown and the caller must stop using it.
  Result<void> sync();

  /// Truncate the file. A larger size would extend it; no caller does that.
  Result<void> cut(std::uint64_t size_bytes);

  Result<FileStat> stat() const;

  /// Returns: the current path of the file; empty if it was removed or the path is unknown.
  std::string current_path() const;

  /// Acquire the kernel's exclusive lock (flock) on the file without waiting.
  ///
  /// Returns: false if another open file holds it. Errors: Errc::usage where the file system has no
  /// locks.
  Result<bool> try_lock();

  const std::string& path() const { return path_; }
  explicit operator bool() const { return files_ != nullptr; }

  /// Close now. Errors: write errors that the kernel reports on close; the destructor ignores them.
  Result<void> close();

 private:
  friend class Files;
  friend class PinnedFiles;
  File(Files& files, int fd, std::string path);

  Files* files_ = nullptr;
  int fd_ = -1;
  std::string path_;
};

class Files {
 public:
  virtual ~Files() = default;

  /// Open for reading.
  Result<File> open(const std::string& path);

  /// Create a file for appending; an existing file of that name is removed first.
  Result<File> create(const std::string& path);

  /// Create a file for appending and reading and remove its name at once, so that the kernel frees
  /// it when it is closed or the process ends. An existing file of that name is removed first.
  Result<File> create_nameless(const std::string& path);

  /// Returns: the file system of a path.
  Result<DiskSpace> disk_of(const std::string& path);

  /// Open for appending, reading and truncating; created if absent. Errors: Errc::usage if the file
  /// has several hard links, because a change would show under the other names too.
  Result<File> open_append(const std::string& path);

  /// Open a directory, to lock it and to recognize it later.
  Result<File> open_dir(const std::string& path);

  /// Open a file only to lock it. It is opened for writing if permissions allow, because NFS locks
  /// only files that are open for writing.
  Result<File> open_to_lock(const std::string& path);

  /// Read a whole small file. Errors: Errc::input if it is larger than `bytes_max`.
  Result<std::string> read_all(const std::string& path, std::size_t bytes_max);

  /// Like lstat(): symbolic links are not followed. Returns: nullopt if the path does not exist.
  Result<std::optional<FileStat>> stat(const std::string& path);

  /// Returns: the names in a directory, sorted, without `.` and `..`.
  Result<std::vector<std::string>> list(const std::string& path);

  Result<void> rename(const std::string& from, const std::string& to);

  /// Remove a file; succeeds if it does not exist.
  Result<void> remove(const std::string& path);

  /// Create a directory with mode 0700. Errors: Errc::usage if the path exists.
  Result<void> make_dir(const std::string& path);

  /// Make the names in a directory durable (fsync).
  Result<void> sync_dir(const std::string& path);

  /// Replace a file atomically and durably: write `<path>.part`, sync it, rename it, sync the
  /// directory.
  Result<void> replace(const std::string& path, std::string_view bytes);

 private:
  friend class File;
  friend class PinnedFiles;
  /// Returns: the Files in which a path means what it means to other processes (see PinnedFiles).
  virtual Files& by_name() { return *this; }
  Result<File> open_as(const std::string& path, int flags);

  // One system call each; they return its result, or the negative errno. A relative path is
  // resolved from the open directory given before it, or from AT_FDCWD.
  virtual int sys_open(int dir, const char* path, int flags, mode_t mode) = 0;
  virtual int sys_close(int fd) = 0;
  virtual ssize_t sys_write(int fd, const char* bytes, std::size_t count) = 0;
  virtual ssize_t sys_pread(int fd, char* bytes, std::size_t count, off_t offset) = 0;
  virtual int sys_fdatasync(int fd) = 0;
  virtual int sys_fsync(int fd) = 0;
  virtual int sys_ftruncate(int fd, off_t size) = 0;
  virtual int sys_fstat(int fd, FileStat& out) = 0;
  virtual int sys_lstat(int dir, const char* path, FileStat& out) = 0;
  virtual int sys_rename(int from_dir, const char* from, int to_dir, const char* to) = 0;
  virtual int sys_unlink(int dir, const char* path) = 0;
  virtual int sys_mkdir(int dir, const char* path, mode_t mode) = 0;
  virtual int sys_list(int dir, const char* path, std::vector<std::string>& names) = 0;
  virtual int sys_place(int fd, std::string& path) = 0;  // target of /proc/self/fd/<fd>
  virtual int sys_flock(int fd) = 0;                     // LOCK_EX | LOCK_NB
  virtual int sys_disk(const char* path, DiskSpace& disk) = 0;
};

/// The real file system. Thread safety: stateless; usable from any thread.
class RealFiles final : public Files {
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
};

/// A file that is written as `<path>.part` and renamed to its path by commit() or publish().
class PartFile {
 public:
  static Result<PartFile> begin(Files& files, const std::string& path);

  PartFile(PartFile&&) noexcept = default;
  PartFile& operator=(PartFile&&) = delete;

  /// Removes the `.part` file unless it was committed or published.
  ~PartFile();

  Result<void> append(std::string_view bytes) { return file_.append(bytes); }

  /// Make the appended bytes durable now, so that commit() waits less.
  Result<void> sync() { return file_.sync(); }

  /// Returns: the path of the `.part` file.
  const std::string& path() const { return file_.path(); }

  /// Sync the file, rename it over an existing one, sync the directory.
  Result<void> commit();

  /// Rename without syncing: for files that are verified when read and can be created again.
  Result<void> publish();

 private:
  PartFile(Files& files, std::string path, File file);

  Files* files_;
  std::string path_;
  File file_;
};

/// Returns: the directory part of a path, "." if there is none.
std::string parent_of(const std::string& path);

}  // namespace idmerge::io
