// SPDX-License-Identifier: MIT
//
// Large arrays of plain numbers, straight from the system's pages: zeroed, and grown in place
// without copying (mremap). The kernel is asked for pages many at a time, before they are touched:
// a fault for each would hold up the one thread that writes, twice if it looks before it writes.
// The index of ids is on huge pages, since a table of 4 KiB pages misses the TLB on every row; the
// rest, of which most is appended to, is not, because huge pages are dear where a virtual machine's
// host has yet to find the memory behind them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace idmerge {

enum class PageSize : std::uint8_t { small, huge };

/// Enlarge an anonymous mapping (null: make one). Units: bytes. Errors: throws std::bad_alloc.
void* grow_pages(void* memory, std::size_t bytes, std::size_t bytes_wanted, PageSize page_size);
void free_pages(void* memory, std::size_t bytes) noexcept;

/// Have the kernel put its pages into memory that was just mapped, on two threads where it is much.
/// Advice only: without it everything works, slower.
void populate_pages(void* memory, std::size_t bytes) noexcept;

template <class T, PageSize page_size = PageSize::small>
class PageArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  PageArray() = default;
  PageArray(const PageArray&) = delete;
  PageArray& operator=(const PageArray&) = delete;
  ~PageArray() { release(); }

  /// Make `size` elements; new ones are zero, and have their pages. Never shrinks.
  void grow(std::size_t size) {
    map(size);
    populate(size);
  }

  /// Have address space for `size` elements, so that grow_to_hold() need not find another place.
  void reserve(std::size_t size) { map(size); }

  /// Give all elements back.
  void release() {
    free_pages(data_, size_ * sizeof(T));
    data_ = nullptr;
    size_ = populated_ = 0;
  }

  /// Hold at least `size` elements, and grow by half if they are more: for arrays that are appended
  /// to. Bounds: pages are populated 2 MiB ahead, the rest is address space.
  void grow_to_hold(std::size_t size) {
    if (size <= populated_) return;
    if (size > size_) map(size + size / 2 + 1024);
    populate(std::min(size_, size + ahead_bytes / sizeof(T)));
  }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }

 private:
  static constexpr std::size_t ahead_bytes = std::size_t{2} << 20U;

  void map(std::size_t size) {
    if (size <= size_) return;
    data_ = static_cast<T*>(grow_pages(data_, size_ * sizeof(T), size * sizeof(T), page_size));
    size_ = size;
  }

  void populate(std::size_t size) {
    if (size <= populated_) return;
    populate_pages(data_ + populated_, (size - populated_) * sizeof(T));
    populated_ = size;
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t populated_ = 0;  // of them
};

}  // namespace idmerge
