// SPDX-License-Identifier: MIT
#include "send/sync_thread.hpp"

#include <utility>

#include "util/check.hpp"
#include "util/exceptions.hpp"

namespace idmerge::send {

SyncThread::SyncThread(RunSaver saver)
    : saver_(std::move(saver)), thread_(&SyncThread::run, this) {}

SyncThread::~SyncThread() {
  join();
}

void SyncThread::save(Snapshot snapshot) {
  IDMERGE_CHECK(!busy_);
  busy_ = true;
  {
    const std::lock_guard lock(mutex_);
    wanted_ = std::move(snapshot);
  }
  changed_.notify_one();
}

std::optional<Result<void>> SyncThread::collect() {
  const std::lock_guard lock(mutex_);
  if (!ended_) return std::nullopt;
  busy_ = false;
  return std::exchange(ended_, std::nullopt);
}

Result<void> SyncThread::save_now(const Snapshot& snapshot) {
  if (busy_) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_.has_value(); });
    busy_ = false;
    auto ended = *std::exchange(ended_, std::nullopt);
    if (!ended) return ended;
  }
  return saver_.save(snapshot);
}

Result<void> SyncThread::finish(const Snapshot& snapshot) {
  join();
  if (ended_ && !*ended_) return *ended_;
  return saver_.save(snapshot);
}

void SyncThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return wanted_ || stop_; });
    if (!wanted_) return;
    const auto snapshot = *std::exchange(wanted_, std::nullopt);
    lock.unlock();
    auto saved = util::caught([&] { return saver_.save(snapshot); });
    lock.lock();
    ended_ = std::move(saved);
    lock.unlock();
    changed_.notify_one();
    // If done() throws, the owner learns of the save at its next collect().
    static_cast<void>(util::caught([this] {
      done_();
      return Result<void>();
    }));
    lock.lock();
  }
}

void SyncThread::join() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

}  // namespace idmerge::send
