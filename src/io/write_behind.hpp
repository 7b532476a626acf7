// SPDX-License-Identifier: MIT
//
// Appends to a file on a separate thread, because the kernel copies every byte into its page cache
// and a plan is long. The number of queued buffers is small, so a slow disk still slows down the
// writer.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "io/files.hpp"
#include "util/result.hpp"

namespace idmerge::io {

class WriteBehind {
 public:
  /// Lifetime: `file` must outlive this object.
  /// Thread safety: nothing else may use the file between put() and drain().
  explicit WriteBehind(PartFile& file) : file_(&file) {}
  ~WriteBehind();
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  /// Queue the first `size` bytes of a buffer to be appended in order, and exchange the buffer for
  /// an earlier one or an empty one.
  ///
  /// Bounds: waits while two buffers are queued. Errors: stored, and nothing more is appended;
  /// healthy() tells whether there was one, drain() returns it.
  void put(std::vector<char>& buffer, std::size_t size);

  /// Wait until everything has been appended. Errors: the first error of an append.
  Result<void> drain();

  bool healthy() const { return healthy_; }

 private:
  static constexpr std::size_t buffers_max = 2;

  void run();

  PartFile* file_;
  std::atomic<bool> healthy_ = true;
  std::mutex mutex_;
  std::condition_variable changed_;
  struct Piece {
    std::vector<char> buffer;
    std::size_t size = 0;
  };
  std::array<Piece, buffers_max> pieces_;
  std::size_t first_ = 0;  // index of the oldest queued piece, which may be being written
  std::size_t count_ = 0;
  bool stop_ = false;
  Result<void> outcome_;
  std::thread thread_;  // started by the first put()
};

}  // namespace idmerge::io
