// SPDX-License-Identifier: MIT
#include "io/write_behind.hpp"

#include <utility>

#include "util/exceptions.hpp"

namespace idmerge::io {

WriteBehind::~WriteBehind() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void WriteBehind::put(std::vector<char>& buffer, std::size_t size) {
  if (!thread_.joinable()) thread_ = std::thread(&WriteBehind::run, this);
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ < pieces_.size(); });
    Piece& piece = pieces_[(first_ + count_) % pieces_.size()];
    std::swap(piece.buffer, buffer);
    piece.size = size;
    ++count_;
  }
  changed_.notify_all();
}

Result<void> WriteBehind::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return count_ == 0; });
  return outcome_;
}

/// A piece stays in the queue while it is being written, so that put() does not reuse its slot.
void WriteBehind::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return count_ > 0 || stop_; });
    if (count_ == 0) return;
    const Piece& piece = pieces_[first_];
    if (healthy_) {
      lock.unlock();
      auto appended = util::caught([&] {
        return file_->append({piece.buffer.data(), piece.size});
      });
      lock.lock();
      healthy_ = appended.has_value();
      outcome_ = std::move(appended);
    }
    first_ = (first_ + 1) % pieces_.size();
    --count_;
    changed_.notify_all();
  }
}

}  // namespace idmerge::io
