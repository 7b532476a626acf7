// SPDX-License-Identifier: MIT
//
// What does not fit into memory while a plan is made: files that are written once by appending,
// read back in order, and mean nothing to anybody afterwards. Each loses its name as soon as it is
// made, so that the kernel takes it back whenever the process ends, however it ends.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/disk/files.hpp"

namespace idmerge {

/// Makes spill files in one directory.
class SpillDir {
 public:
  /// Shape: `owner` tells the names of two jobs that spill into one directory apart; a file that a
  /// killed process left there is replaced by the next of the same owner.
  SpillDir(Files& files, std::string dir, std::string_view owner);

  const std::string& dir() const { return dir_; }

  Result<DiskSpace> disk() { return files_->disk_of(dir_); }

  Result<File> create();

 private:
  Files* files_;
  std::string dir_;
  std::string stem_;
  unsigned made_ = 0;
};

/// A spill file under way, then read. Bounds: one buffer while it is written.
class Spill {
 public:
  static Result<Spill> create(SpillDir& dir, std::size_t buffer_bytes);

  /// No file.
  Spill() = default;

  /// Errors: kept; ask healthy() now and then, flush() tells.
  void append(std::string_view bytes);

  template <class T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    append({reinterpret_cast<const char*>(&value), sizeof value});
  }
  void put_varint(std::uint64_t value);

  /// Write what is buffered. After it the file may be read.
  Result<void> flush();

  bool healthy() const { return outcome_.has_value(); }

  std::uint64_t size_bytes() const { return written_ + buffer_.size(); }

 private:
  friend class SpillReader;
  explicit Spill(File file) : file_(std::move(file)) {}

  File file_;
  std::string buffer_;
  std::size_t buffer_bytes_ = 0;
  std::uint64_t written_ = 0;
  Result<void> outcome_;
};

/// Reads a stretch of a spill file from its begin to its end, in the pieces in which it was
/// written.
class SpillReader {
 public:
  SpillReader() = default;
  SpillReader(const Spill& spill, std::uint64_t begin, std::uint64_t end, std::size_t buffer_bytes);

  /// Is there nothing more, or an error?
  bool at_end() { return at_ == limit_ && !refill(1); }

  /// Bounds: T fits the buffer. Once something was wrong, zeros.
  template <class T>
  T get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (limit_ - at_ >= sizeof value || refill(sizeof value)) {
      std::memcpy(&value, buffer_.data() + at_, sizeof value);
      at_ += sizeof value;
    }
    return value;
  }
  std::uint64_t get_varint();

  /// Read a piece of any size.
  std::string_view get_text(std::size_t size);

  /// Errors: Errc::outage if the disk failed or returned less than was written.
  const Result<void>& outcome() const { return outcome_; }

 private:
  bool refill(std::size_t wanted);

  const File* file_ = nullptr;
  std::uint64_t next_ = 0;  // in the file
  std::uint64_t end_ = 0;
  std::vector<char> buffer_;
  std::size_t at_ = 0;
  std::size_t limit_ = 0;
  Result<void> outcome_;
};

}  // namespace idmerge
