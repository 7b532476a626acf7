// SPDX-License-Identifier: MIT
#include "io/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "util/check.hpp"
#include "util/exceptions.hpp"
#include "util/fault_point.hpp"

namespace idmerge::io {
namespace {

constexpr int always = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;  // opening a FIFO must not block

/// Repeats a system call that was interrupted by a signal.
template <class Call>
auto retried(Call call) {
  auto result = call();
  while (result == -EINTR)
    result = call();
  return result;
}

Error failed(const std::string& path, int negative_errno) {
  if (negative_errno == -ELOOP) {
    return {Errc::usage,
            path + ": is a symbolic link: links are not followed here, name its target"};
  }
  return util::system_error(path, -negative_errno);
}

std::string leaf_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// File ------------------------------------------------------------------------------------------

File::File(Files& files, int fd, std::string path)
    : files_(&files), fd_(fd), path_(std::move(path)) {}

File::File(File&& other) noexcept
    : files_(std::exchange(other.files_, nullptr)),
      fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(files_, other.files_);
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (files_ != nullptr) files_->sys_close(fd_);
}

Result<void> File::close() {
  auto* files = std::exchange(files_, nullptr);
  if (files == nullptr) return {};
  const auto result = files->sys_close(std::exchange(fd_, -1));
  if (result < 0 && result != -EINTR) return failed(path_, result);
  return {};
}

Result<void> File::append(std::string_view bytes) {
  IDMERGE_CHECK(files_ != nullptr);
  while (!bytes.empty()) {
    const auto written =
        retried([&] { return files_->sys_write(fd_, bytes.data(), bytes.size()); });
    if (written < 0) return failed(path_, static_cast<int>(written));
    if (written == 0) return failed(path_, -ENOSPC);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::size_t> File::read_at(std::uint64_t offset, std::span<char> into) const {
  IDMERGE_CHECK(files_ != nullptr);
  std::size_t count = 0;
  while (count < into.size()) {
    const auto got = retried([&] {
      return files_->sys_pread(fd_, into.data() + count, into.size() - count,
                               static_cast<off_t>(offset + count));
    });
    if (got < 0) return failed(path_, static_cast<int>(got));
    if (got == 0) break;
    count += static_cast<std::size_t>(got);
  }
  return count;
}

Result<void> File::sync() {
  IDMERGE_CHECK(files_ != nullptr);
  const auto result = retried([&] { return files_->sys_fdatasync(fd_); });
  if (result < 0) return failed(path_, result);
  return {};
}

Result<void> File::cut(std::uint64_t size_bytes) {
  IDMERGE_CHECK(files_ != nullptr);
  const auto result =
      retried([&] { return files_->sys_ftruncate(fd_, static_cast<off_t>(size_bytes)); });
  if (result < 0) return failed(path_, result);
  return {};
}

Result<FileStat> File::stat() const {
  IDMERGE_CHECK(files_ != nullptr);
  FileStat stat;
  const auto result = files_->sys_fstat(fd_, stat);
  if (result < 0) return failed(path_, result);
  return stat;
}

std::string File::current_path() const {
  IDMERGE_CHECK(files_ != nullptr);
  std::string path;
  if (files_->sys_place(fd_, path) < 0) return {};
  // For a removed file the kernel appends " (deleted)", which could also be part of a real name.
  const auto mine = stat();
  const auto there = files_->by_name().stat(path);
  return mine && there && *there && mine->is(**there) ? path : std::string();
}

Result<bool> File::try_lock() {
  IDMERGE_CHECK(files_ != nullptr);
  const auto result = retried([&] { return files_->sys_flock(fd_); });
  if (result == 0) return true;
  if (result == -EWOULDBLOCK) return false;
  // EBADF: NFS locks only files that are open for writing.
  if (result == -ENOLCK || result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL ||
      result == -EBADF) {
    return Error{Errc::usage, path_ +
                                  ": this filesystem has no locks, and without one two "
                                  "processes could send the same job: put it on another one"};
  }
  return failed(path_, result);
}

// Files -----------------------------------------------------------------------------------------

Result<File> Files::open(const std::string& path) {
  return open_as(path, O_RDONLY);
}

Result<File> Files::create(const std::string& path) {
  if (auto removed = remove(path); !removed) return removed.error();
  return open_as(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL);
}

Result<File> Files::create_nameless(const std::string& path) {
  if (auto removed = remove(path); !removed) return removed.error();
  auto file = open_as(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL);
  if (!file) return file.error();
  if (auto removed = remove(path); !removed) return removed.error();
  return file;
}

Result<DiskSpace> Files::disk_of(const std::string& path) {
  DiskSpace disk;
  const auto result = retried([&] { return sys_disk(path.c_str(), disk); });
  if (result < 0) return failed(path, result);
  return disk;
}

Result<File> Files::open_append(const std::string& path) {
  auto file = open_as(path, O_RDWR | O_APPEND | O_CREAT);
  if (!file) return file.error();
  const auto stat = file->stat();
  if (!stat) return stat.error();
  if (stat->hard_links > 1) {
    return Error{
        Errc::usage,
        path + ": has another hard link, which would be changed too: replace it by a copy"};
  }
  return file;
}

Result<File> Files::open_dir(const std::string& path) {
  const int fd =
      retried([&] { return sys_open(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | always, 0); });
  if (fd < 0) return failed(path, fd);
  return File(*this, fd, path);
}

Result<File> Files::open_to_lock(const std::string& path) {
  auto file = open_as(path, O_RDWR);
  return file || file.error().code != Errc::usage ? std::move(file) : open(path);
}

Result<File> Files::open_as(const std::string& path, int flags) {
  const int fd = retried([&] { return sys_open(AT_FDCWD, path.c_str(), flags | always, 0600); });
  if (fd < 0) return failed(path, fd);
  File file(*this, fd, path);
  const auto stat = file.stat();
  if (!stat) return stat.error();
  if (stat->kind != FileStat::Kind::file) {
    return Error{Errc::usage, path + ": is not a regular file"};
  }
  return file;
}

Result<std::string> Files::read_all(const std::string& path, std::size_t bytes_max) {
  const auto file = open(path);
  if (!file) return file.error();
  const auto stat = file->stat();
  if (!stat) return stat.error();
  if (stat->size_bytes > bytes_max) {
    return Error{Errc::input, fmt::format("{}: larger than any file of this kind ({} bytes)", path,
                                          stat->size_bytes)};
  }
  std::string bytes(stat->size_bytes, '\0');
  const auto count = file->read_at(0, bytes);
  if (!count) return count.error();
  bytes.resize(*count);
  return bytes;
}

Result<std::optional<FileStat>> Files::stat(const std::string& path) {
  FileStat stat;
  const auto result = sys_lstat(AT_FDCWD, path.c_str(), stat);
  if (result == -ENOENT) return std::optional<FileStat>();
  if (result < 0) return failed(path, result);
  return std::optional<FileStat>(stat);
}

Result<std::vector<std::string>> Files::list(const std::string& path) {
  std::vector<std::string> names;
  const auto result = sys_list(AT_FDCWD, path.c_str(), names);
  if (result < 0) return failed(path, result);
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> Files::rename(const std::string& from, const std::string& to) {
  const auto result =
      retried([&] { return sys_rename(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str()); });
  if (result == -EEXIST || result == -EXDEV || result == -EOPNOTSUPP || result == -ENOSYS) {
    return Error{Errc::usage, to + ": this filesystem cannot replace a file by renaming another "
                                   "over it: put the job on another one"};
  }
  if (result < 0) return failed(to, result);
  return {};
}

Result<void> Files::remove(const std::string& path) {
  const auto result = retried([&] { return sys_unlink(AT_FDCWD, path.c_str()); });
  if (result < 0 && result != -ENOENT) return failed(path, result);
  return {};
}

Result<void> Files::make_dir(const std::string& path) {
  const auto result = retried([&] { return sys_mkdir(AT_FDCWD, path.c_str(), 0700); });
  if (result == -EEXIST) return Error{Errc::usage, path + ": exists already"};
  if (result < 0) return failed(path, result);
  return {};
}

Result<void> Files::sync_dir(const std::string& path) {
  const int fd = retried(
      [&] { return sys_open(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0); });
  if (fd < 0) return failed(path, fd);
  const File dir(*this, fd, path);
  const auto result = retried([&] { return sys_fsync(fd); });
  // EINVAL and EBADF: a file system that cannot sync directories makes names durable by itself.
  // Source: PostgreSQL ignores the same errors (fsync_fname_ext).
  if (result < 0 && result != -EINVAL && result != -EBADF) return failed(path, result);
  return {};
}

Result<void> Files::replace(const std::string& path, std::string_view bytes) {
  auto part = PartFile::begin(*this, path);
  if (!part) return part.error();
  if (auto done = part->append(bytes); !done) return done.error();
  return part->commit();
}

// PartFile --------------------------------------------------------------------------------------

PartFile::PartFile(Files& files, std::string path, File file)
    : files_(&files), path_(std::move(path)), file_(std::move(file)) {}

PartFile::~PartFile() {
  if (!file_) return;
  // If the removal fails, the next begin() removes the file.
  static_cast<void>(util::caught([this] { return files_->remove(file_.path()); }));
}

Result<PartFile> PartFile::begin(Files& files, const std::string& path) {
  auto file = files.create(path + ".part");
  if (!file) return file.error();
  return PartFile(files, path, std::move(*file));
}

Result<void> PartFile::commit() {
  const auto step = leaf_of(path_);
  util::fault_point(step + "_write");
  if (auto done = file_.sync(); !done) return done.error();
  util::fault_point(step + "_sync");
  if (auto done = publish(); !done) return done.error();
  if (auto done = files_->sync_dir(parent_of(path_)); !done) return done.error();
  util::fault_point(step + "_dir_sync");
  return {};
}

Result<void> PartFile::publish() {
  if (auto done = files_->rename(path_ + ".part", path_); !done) return done.error();
  util::fault_point(leaf_of(path_) + "_rename");
  // Closed, so that the destructor does not remove a `.part` file.
  return file_.close();
}

// RealFiles -------------------------------------------------------------------------------------

namespace {

template <class T>
T or_errno(T result) {
  return result < 0 ? static_cast<T>(-errno) : result;
}

FileStat stat_of(const struct stat& in) {
  FileStat out;
  out.kind = S_ISREG(in.st_mode)   ? FileStat::Kind::file
             : S_ISDIR(in.st_mode) ? FileStat::Kind::directory
             : S_ISLNK(in.st_mode) ? FileStat::Kind::link
                                   : FileStat::Kind::other;
  out.size_bytes = static_cast<std::uint64_t>(in.st_size);
  out.mtime_ns = std::int64_t{in.st_mtim.tv_sec} * 1'000'000'000 + in.st_mtim.tv_nsec;
  out.mode = in.st_mode & 07777;
  out.uid = in.st_uid;
  out.device = in.st_dev;
  out.inode = in.st_ino;
  out.hard_links = in.st_nlink;
  return out;
}

}  // namespace

int RealFiles::sys_open(int dir, const char* path, int flags, mode_t mode) {
  return or_errno(::openat(dir, path, flags, mode));
}

int RealFiles::sys_close(int fd) {
  return or_errno(::close(fd));
}

ssize_t RealFiles::sys_write(int fd, const char* bytes, std::size_t count) {
  return or_errno(::write(fd, bytes, count));
}

ssize_t RealFiles::sys_pread(int fd, char* bytes, std::size_t count, off_t offset) {
  return or_errno(::pread(fd, bytes, count, offset));
}

int RealFiles::sys_fdatasync(int fd) {
  return or_errno(::fdatasync(fd));
}

int RealFiles::sys_fsync(int fd) {
  return or_errno(::fsync(fd));
}

int RealFiles::sys_ftruncate(int fd, off_t size) {
  return or_errno(::ftruncate(fd, size));
}

int RealFiles::sys_fstat(int fd, FileStat& out) {
  struct stat in {};
  const int result = or_errno(::fstat(fd, &in));
  if (result == 0) out = stat_of(in);
  return result;
}

int RealFiles::sys_lstat(int dir, const char* path, FileStat& out) {
  struct stat in {};
  const int result = or_errno(::fstatat(dir, path, &in, AT_SYMLINK_NOFOLLOW));
  if (result == 0) out = stat_of(in);
  return result;
}

int RealFiles::sys_rename(int from_dir, const char* from, int to_dir, const char* to) {
  return or_errno(::renameat(from_dir, from, to_dir, to));
}

int RealFiles::sys_unlink(int dir, const char* path) {
  return or_errno(::unlinkat(dir, path, 0));
}

int RealFiles::sys_mkdir(int dir, const char* path, mode_t mode) {
  return or_errno(::mkdirat(dir, path, mode));
}

int RealFiles::sys_list(int dir, const char* path, std::vector<std::string>& names) {
  const int fd = or_errno(::openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return fd;
  DIR* const stream = ::fdopendir(fd);
  if (stream == nullptr) {
    const int failure = -errno;
    ::close(fd);
    return failure;
  }
  errno = 0;
  while (const auto* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  const int result = -errno;
  ::closedir(stream);
  return result;
}

int RealFiles::sys_place(int fd, std::string& path) {
  path.assign(std::size_t{64} * 1024, '\0');
  const auto name = fmt::format("/proc/self/fd/{}", fd);
  const auto length = or_errno(::readlink(name.c_str(), path.data(), path.size()));
  if (length < 0) return static_cast<int>(length);
  path.resize(static_cast<std::size_t>(length));
  return 0;
}

int RealFiles::sys_flock(int fd) {
  return or_errno(::flock(fd, LOCK_EX | LOCK_NB));
}

int RealFiles::sys_disk(const char* path, DiskSpace& disk) {
  struct statvfs space {};
  if (const int result = or_errno(::statvfs(path, &space)); result != 0) return result;
  struct stat in {};
  if (const int result = or_errno(::stat(path, &in)); result != 0) return result;
  disk = {in.st_dev, std::uint64_t{space.f_bavail} * space.f_frsize};
  return 0;
}

}  // namespace idmerge::io
