// SPDX-License-Identifier: MIT
//
// Large arrays of plain numbers in anonymous mappings: zero-initialized, and grown without copying
// (mremap). Pages are populated in large batches before they are touched, because a page fault for
// each would stall the single writing thread, and twice if it reads a page before it writes to it.
// The id index uses huge pages, because with 4 KiB pages it misses the TLB on every row. The other
// arrays, most of which are appended to, use small pages, because huge pages are expensive where
// the host of a virtual machine has yet to provide the memory behind them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace idmerge::util {

enum class PageSize : std::uint8_t { small, huge };

/// Enlarges an anonymous mapping, or creates one if `memory` is null; it may move. Units: bytes.
/// Errors: throws std::bad_alloc.
void* grow_pages(void* memory, std::size_t bytes, std::size_t bytes_wanted, PageSize page_size);
void free_pages(void* memory, std::size_t bytes) noexcept;

/// Populates newly mapped pages, with a second thread from 16 MiB on. If the kernel refuses, pages
/// are faulted in on access, which is slower. Units: bytes.
void populate_pages(void* memory, std::size_t bytes) noexcept;

template <class T, PageSize page_size = PageSize::small>
class PageArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  PageArray() = default;
  PageArray(const PageArray&) = delete;
  PageArray& operator=(const PageArray&) = delete;
  ~PageArray() { release(); }

  /// Grows to `size` elements; new elements are zero and their pages populated. Never shrinks.
  void grow(std::size_t size) {
    map(size);
    populate(size);
  }

  /// Maps address space for `size` elements, so that grow_to_hold() need not move the array.
  void reserve(std::size_t size) { map(size); }

  /// Frees all elements.
  void release() {
    free_pages(data_, size_ * sizeof(T));
    data_ = nullptr;
    size_ = populated_ = 0;
  }

  /// Makes room for at least `size` elements, with room for half as many more if the array has to
  /// grow: for arrays that are appended to. Bounds: pages are populated 2 MiB ahead; the rest is
  /// address space only.
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
  std::size_t populated_ = 0;  // elements whose pages are populated
};

}  // namespace idmerge::util
