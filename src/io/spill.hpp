// SPDX-License-Identifier: MIT
//
// Temporary files for data that does not fit into memory while a plan is made: written once by
// appending, then read back in order. The name of each file is removed as soon as it is created, so
// that the kernel frees it when the process ends, however it ends.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "io/files.hpp"
#include "util/result.hpp"

namespace idmerge::io {

/// Makes spill files in one directory.
class SpillDir {
 public:
  /// Requires: `owner` differs between jobs that spill into the same directory, because the file
  /// names are derived from it. A file left by a killed process is replaced by the next process
  /// with the same owner.
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

/// One spill file. Bounds: one buffer while it is written.
class Spill {
 public:
  static Result<Spill> create(SpillDir& dir, std::size_t buffer_bytes);

  /// An empty object without a file.
  Spill() = default;

  /// Errors: stored; healthy() tells whether there was one, flush() returns it.
  void append(std::string_view bytes);

  template <class T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    append({reinterpret_cast<const char*>(&value), sizeof value});
  }
  void put_varint(std::uint64_t value);

  /// Write the buffered bytes; afterwards the file may be read.
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

/// Reads a range of a spill file from begin to end, in the pieces in which it was written.
class SpillReader {
 public:
  SpillReader() = default;
  SpillReader(const Spill& spill, std::uint64_t begin, std::uint64_t end, std::size_t buffer_bytes);

  /// Returns whether there are no more bytes or an error occurred.
  bool at_end() { return at_ == limit_ && !refill(1); }

  /// Requires: T fits the buffer. Returns: zeros after an error.
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

  /// Read a piece of any size. Returns: empty after an error. Lifetime: until the next call.
  std::string_view get_text(std::size_t size);

  /// Errors: Errc::outage if the disk failed or returned less than was written.
  const Result<void>& outcome() const { return outcome_; }

 private:
  bool refill(std::size_t wanted);

  const File* file_ = nullptr;
  std::uint64_t next_ = 0;  // file offset of the next read
  std::uint64_t end_ = 0;
  std::vector<char> buffer_;
  std::size_t at_ = 0;
  std::size_t limit_ = 0;
  Result<void> outcome_;
};

}  // namespace idmerge::io
