// SPDX-License-Identifier: MIT
//
// The one seam to the disk. What is virtual is the single system call, so that a test can fail,
// shorten, forget or interrupt any of them; retrying EINTR and short writes, naming the path in
// errors and replacing files atomically stand above the seam and are tested through it.
//
// Every file is opened with O_NOFOLLOW and O_CLOEXEC and made with mode 0600, every directory with
// 0700. A `File` may be used by one thread at a time; two handles of the same file may be used by
// two threads, which is how the disk thread syncs what the io thread appends to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "idmerge/base/result.hpp"

namespace idmerge {

class Files;
class HeldFiles;

/// What is known about a path.
struct FileStat {
  enum class Kind : std::uint8_t { file, directory, link, other };
  Kind kind = Kind::file;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::uint32_t mode = 0;  // the permission bits
  std::uint32_t uid = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t names = 1;  // how many it has: hard links

  /// Is it the same file or directory, whatever its name? The kernel may give the number of one
  /// that is gone to another one, but not while it is open.
  bool is(const FileStat& other) const { return device == other.device && inode == other.inode; }
};

/// A disk: which one, and what this process may still write there.
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

  /// Write all bytes at the end.
  ///
  /// Errors: Errc::outage; a part of the bytes may then be in the file.
  Result<void> append(std::string_view bytes);

  /// Read at an offset; fewer bytes than asked for only at the end of the file.
  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const;

  /// Make what was written durable. After an error nothing more is known about the file: stop.
  Result<void> sync();

  /// Cut or (never done by us) extend the file.
  Result<void> cut(std::uint64_t size_bytes);

  Result<FileStat> stat() const;

  /// Where it stands now; empty if it was removed, or that cannot be found out.
  std::string place() const;

  /// Take the kernel's exclusive lock on the file; false if somebody else holds it.
  Result<bool> try_lock();

  const std::string& path() const { return path_; }
  explicit operator bool() const { return files_ != nullptr; }

  /// Close now. Errors: what the kernel could not write; the destructor would not say.
  Result<void> close();

 private:
  friend class Files;
  friend class HeldFiles;
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

  /// Make a new file for appending; one of that name is removed first.
  Result<File> create(const std::string& path);

  /// Make a new file for appending and reading, and take its name away: it ends when it is closed,
  /// or with the process. One of that name is removed first.
  Result<File> create_nameless(const std::string& path);

  /// The disk on which a path lies.
  Result<DiskSpace> disk_of(const std::string& path);

  /// Open for appending, reading and cutting; made if absent. Errors: Errc::usage if it has another
  /// name, because whatever goes by that one would be changed with it.
  Result<File> open_append(const std::string& path);

  /// Open a directory, to lock it and to know it again.
  Result<File> open_dir(const std::string& path);

  /// Open a file for nothing but its lock: for writing where that is allowed, because a network
  /// file system locks no other.
  Result<File> open_to_lock(const std::string& path);

  /// Read a whole small file. Errors: Errc::input if it is larger than `bytes_max`.
  Result<std::string> read_all(const std::string& path, std::size_t bytes_max);

  /// What stands at a path, links not followed; nullopt if nothing does.
  Result<std::optional<FileStat>> stat(const std::string& path);

  /// The names in a directory, sorted, without `.` and `..`.
  Result<std::vector<std::string>> list(const std::string& path);

  Result<void> rename(const std::string& from, const std::string& to);

  /// Remove a file; fine if there is none.
  Result<void> remove(const std::string& path);

  /// Make a directory, 0700. Errors: Errc::usage if something stands there already.
  Result<void> make_dir(const std::string& path);

  /// Make the names in a directory durable.
  Result<void> sync_dir(const std::string& path);

  /// Replace a file as one step that survives power loss: write beside, sync, rename, sync the
  /// directory.
  Result<void> replace(const std::string& path, std::string_view bytes);

 private:
  friend class File;
  friend class HeldFiles;
  /// The disk on which a path is what everybody else takes it for.
  virtual Files& by_name() { return *this; }
  Result<File> open_as(const std::string& path, int flags);

  // One system call each: its result, or the negative errno. A relative path starts in the open
  // directory before it, or at AT_FDCWD.
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
  virtual int sys_place(int fd, std::string& path) = 0;  // as the kernel names it
  virtual int sys_flock(int fd) = 0;                     // exclusive, without waiting
  virtual int sys_disk(const char* path, DiskSpace& disk) = 0;
};

/// The disk of this machine. No state: as many as you like, from any thread.
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

/// A file under way: written as `<path>.part`, and only commit() or publish() gives it its name.
class PartFile {
 public:
  static Result<PartFile> begin(Files& files, const std::string& path);

  PartFile(PartFile&&) noexcept = default;
  PartFile& operator=(PartFile&&) = delete;

  /// Removes the part unless it was committed; never commits.
  ~PartFile();

  Result<void> append(std::string_view bytes) { return file_.append(bytes); }

  /// Make durable what was appended: commit() has less to wait for then.
  Result<void> sync() { return file_.sync(); }

  /// Where it stands until then.
  const std::string& path() const { return file_.path(); }

  /// Sync, rename over what stands there, sync the directory.
  Result<void> commit();

  /// Only give it its name: for a file that is checked when it is read and can be made again.
  Result<void> publish();

 private:
  PartFile(Files& files, std::string path, File file);

  Files* files_;
  std::string path_;
  File file_;
};

/// The directory of a path: "." for a bare name.
std::string parent_of(const std::string& path);

}  // namespace idmerge
