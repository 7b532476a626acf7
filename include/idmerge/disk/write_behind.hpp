// SPDX-License-Identifier: MIT
//
// Appending to a file on a thread of its own: the kernel copies every byte into its cache, page by
// page, and a plan is long. Few buffers are under way, so a slow disk holds its writer up as
// before.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/disk/files.hpp"

namespace idmerge {

class WriteBehind {
 public:
  /// The file is not to be touched by anybody else between put() and drain().
  explicit WriteBehind(PartFile& file) : file_(&file) {}
  ~WriteBehind();
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  /// Append the first `size` bytes of a buffer some time later; what is put first is appended
  /// first. An earlier buffer, or an empty one, comes back in its place. Bounds: waits while two
  /// are under way. Errors: kept, and nothing is appended any more; healthy() and drain() tell.
  void put(std::vector<char>& buffer, std::size_t size);

  /// Wait until everything is appended. Errors: the first thing that went wrong.
  Result<void> drain();

  bool healthy() const { return healthy_; }

 private:
  static constexpr std::size_t buffers_under_way = 2;

  void run();

  PartFile* file_;
  std::atomic<bool> healthy_ = true;
  std::mutex mutex_;
  std::condition_variable changed_;
  struct Piece {
    std::vector<char> buffer;
    std::size_t size = 0;
  };
  std::array<Piece, buffers_under_way> pieces_;
  std::size_t first_ = 0;  // of those that wait or are being written
  std::size_t count_ = 0;
  bool stop_ = false;
  Result<void> outcome_;
  std::thread thread_;  // from the first put() on
};

}  // namespace idmerge
