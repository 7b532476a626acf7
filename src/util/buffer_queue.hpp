// SPDX-License-Identifier: MIT
//
// Bounded queue of a few reusable buffers between two threads. One thread fills items, the other
// empties them, and each blocks while the other is too far behind. Items are passed by pointer and
// returned for reuse, so their memory is allocated once. Either side may end the queue; afterwards
// neither blocks.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace idmerge::util {

template <class Item, std::size_t count>
class BufferQueue {
 public:
  BufferQueue() {
    for (auto& item : items_)
      empty_.put(&item);
  }

  /// For the filling thread. Returns: an item to fill; null when the queue has ended.
  Item* take_empty() { return take(empty_); }
  void put_full(Item* item) { put(full_, item); }

  /// For the emptying thread. Returns: the next full item; null when the queue has ended and no
  /// full item is left. Any thread may return the item with put_empty().
  Item* take_full() { return take(full_); }
  void put_empty(Item* item) { put(empty_, item); }

  /// Ends the queue, from either side. Full items can still be taken.
  void end() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
  }

 private:
  /// Ring buffer with room for all items.
  class Ring {
   public:
    bool empty() const { return size_ == 0; }
    void put(Item* item) { slots_[(first_ + size_++) % count] = item; }
    Item* take() {
      Item* const item = slots_[first_];
      first_ = (first_ + 1) % count;
      --size_;
      return item;
    }

   private:
    std::array<Item*, count> slots_{};
    std::size_t first_ = 0;
    std::size_t size_ = 0;
  };

  Item* take(Ring& ring) {
    std::unique_lock lock(mutex_);
    // take_empty() returns null after end() even if items are left: the filling thread must stop.
    changed_.wait(lock, [&] { return !ring.empty() || ended_; });
    if (ring.empty() || (ended_ && &ring == &empty_)) return nullptr;
    return ring.take();
  }

  void put(Ring& ring, Item* item) {
    {
      const std::lock_guard lock(mutex_);
      ring.put(item);
    }
    changed_.notify_all();
  }

  std::array<Item, count> items_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Ring empty_, full_;
  bool ended_ = false;
};

}  // namespace idmerge::util
