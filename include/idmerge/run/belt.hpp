// SPDX-License-Identifier: MIT
//
// A belt of a few reusable items between threads: one fills, one takes what is full, and each waits
// for the other when it is too far ahead. The items travel by pointer and come back to be
// filled again, so their memory is allocated once. Either side may end the belt, and then neither
// waits any more.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace idmerge {

template <class Item, std::size_t count>
class Belt {
 public:
  Belt() {
    for (auto& item : items_)
      empty_.put(&item);
  }

  /// The filling thread: an item to fill, or null when the belt has ended.
  Item* take_empty() { return take(empty_); }
  void put_full(Item* item) { put(full_, item); }

  /// The emptying thread: the next full item, or null when the belt has ended and is empty. Any
  /// thread may give it back.
  Item* take_full() { return take(full_); }
  void put_empty(Item* item) { put(empty_, item); }

  /// No more items will be put, by either side. What is full may still be taken.
  void end() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
  }

 private:
  /// A ring that never holds more than all items.
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
    // An ended belt hands out no more empty items: its filler is to stop.
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

}  // namespace idmerge
