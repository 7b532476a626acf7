// SPDX-License-Identifier: MIT
#include "util/page_array.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <thread>

#include <sys/mman.h>

namespace idmerge::util {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t huge_page = std::size_t{2} << 20U;

/// The size in bytes from which a second thread is worth its cost.
constexpr std::size_t populate_together_from = std::size_t{16} << 20U;

/// Returns the size to map for `bytes`: whole huge pages, because a huge page that is mapped only
/// in part would be backed by small pages and stay so.
constexpr std::size_t mapped(std::size_t bytes) {
  return bytes < huge_page ? bytes : (bytes + huge_page - 1) / huge_page * huge_page;
}

/// Reserves address space for `bytes`, aligned to a huge page and inaccessible.
void* reserve_aligned(std::size_t bytes) {
  void* const place = mmap(nullptr, bytes + huge_page, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) return MAP_FAILED;
  const auto begin = reinterpret_cast<std::uintptr_t>(place);
  const auto before = (huge_page - begin % huge_page) % huge_page;
  auto* const aligned = static_cast<char*>(place) + before;
  if (before > 0) munmap(place, before);
  const auto end = (bytes + page - 1) / page * page;
  munmap(aligned + end, huge_page - before);
  return aligned;
}

void* map_new(std::size_t bytes) {
  if (bytes < huge_page) {
    return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  void* const place = reserve_aligned(bytes);
  if (place == MAP_FAILED) return place;
  return mmap(place, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

#if defined(__SANITIZE_THREAD__)
// The thread sanitizer does not intercept mremap: it would report a race when memory is moved to
// addresses that another thread has unmapped.
void* map_larger(void* memory, std::size_t bytes, std::size_t bytes_wanted) {
  void* const place = map_new(bytes_wanted);
  if (place == MAP_FAILED) return place;
  std::memcpy(place, memory, bytes);
  munmap(memory, bytes);
  return place;
}
#else
// The kernel moves whole huge pages only if source and destination are both aligned. Otherwise it
// splits them, and the moved memory stays on small pages.
void* map_larger(void* memory, std::size_t bytes, std::size_t bytes_wanted) {
  if (bytes_wanted < huge_page) return mremap(memory, bytes, bytes_wanted, MREMAP_MAYMOVE);
  if (reinterpret_cast<std::uintptr_t>(memory) % huge_page == 0) {
    void* const stretched = mremap(memory, bytes, bytes_wanted, 0);
    if (stretched != MAP_FAILED) return stretched;
  }
  void* const place = reserve_aligned(bytes_wanted);
  if (place == MAP_FAILED) return place;
  return mremap(memory, bytes, bytes_wanted, MREMAP_MAYMOVE | MREMAP_FIXED, place);
}
#endif

}  // namespace

void* grow_pages(void* memory, std::size_t bytes, std::size_t bytes_wanted, PageSize page_size) {
  bytes = mapped(bytes);
  bytes_wanted = mapped(bytes_wanted);
  if (memory != nullptr && bytes == bytes_wanted) return memory;
  void* const grown =
      memory == nullptr ? map_new(bytes_wanted) : map_larger(memory, bytes, bytes_wanted);
  if (grown == MAP_FAILED) throw std::bad_alloc();
  // The result is ignored: small pages are only a little slower.
  if (page_size == PageSize::huge && bytes_wanted >= huge_page) {
    madvise(grown, bytes_wanted, MADV_HUGEPAGE);
  }
  return grown;
}

void populate_pages(void* memory, std::size_t bytes) noexcept {
  const auto populate = [](char* begin, char* end) {
    // madvise needs a page boundary; pages that are present already stay as they are.
    begin -= reinterpret_cast<std::uintptr_t>(begin) % page;
    madvise(begin, static_cast<std::size_t>(end - begin), MADV_POPULATE_WRITE);
  };
  auto* const begin = static_cast<char*>(memory);
  if (bytes < populate_together_from) return populate(begin, begin + bytes);
  auto* const middle = begin + bytes / 2 / huge_page * huge_page;
  std::thread other;
  try {
    other = std::thread(populate, middle, begin + bytes);
  } catch (const std::exception&) {
    populate(middle, begin + bytes);
  }
  populate(begin, middle);
  if (other.joinable()) other.join();
}

void free_pages(void* memory, std::size_t bytes) noexcept {
  if (memory != nullptr) munmap(memory, mapped(bytes));
}

}  // namespace idmerge::util
