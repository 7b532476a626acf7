// SPDX-License-Identifier: MIT
//
// Large arrays of plain numbers, straight from the system's pages: zeroed, grown in place without
// copying (mremap), on huge pages where the kernel has them, since the census touches them at
// random and a table of 4 KiB pages misses the TLB on every row. They start where a huge page
// starts, because a mapping that does not is torn into small pages when it is moved.
#pragma once

#include <cstddef>
#include <cstring>
#include <type_traits>

namespace idmerge {

/// Enlarge an anonymous mapping (null: make one). Units: bytes. Errors: throws std::bad_alloc.
void* grow_pages(void* memory, std::size_t bytes, std::size_t bytes_wanted);
void free_pages(void* memory, std::size_t bytes) noexcept;

/// Have the kernel put its pages in now, on two threads: for memory that will be written here and
/// there, where a fault for every page would hold up the one thread that writes, twice if it looks
/// before it writes. Advice only: without it everything works, slower.
void populate_pages(void* memory, std::size_t bytes) noexcept;

template <class T>
class PageArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  PageArray() = default;
  PageArray(const PageArray&) = delete;
  PageArray& operator=(const PageArray&) = delete;
  ~PageArray() { release(); }

  /// Make `size` elements; new ones are zero. Never shrinks.
  void grow(std::size_t size) {
    if (size <= size_) return;
    data_ = static_cast<T*>(grow_pages(data_, size_ * sizeof(T), size * sizeof(T)));
    size_ = size;
  }

  /// The same for an array of which every page will be written soon.
  void grow_populated(std::size_t size) {
    const auto before = size_;
    grow(size);
    if (size > before) populate_pages(data_ + before, (size_ - before) * sizeof(T));
  }

  /// Give all elements back.
  void release() {
    free_pages(data_, size_ * sizeof(T));
    data_ = nullptr;
    size_ = 0;
  }

  /// Grow by half, or to `size` if that is more: for arrays that are appended to.
  void grow_to_hold(std::size_t size) {
    if (size > size_) grow(size + size / 2 + 1024);
  }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace idmerge
