// SPDX-License-Identifier: MIT
#include "idmerge/base/pages.hpp"

#include <new>

#include <sys/mman.h>

namespace idmerge {

void* grow_pages(void* memory, std::size_t bytes, std::size_t bytes_wanted) {
  void* const grown = memory == nullptr ? mmap(nullptr, bytes_wanted, PROT_READ | PROT_WRITE,
                                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                        : mremap(memory, bytes, bytes_wanted, MREMAP_MAYMOVE);
  if (grown == MAP_FAILED) throw std::bad_alloc();
  // Advice only: without huge pages everything works, a little slower.
  if (bytes_wanted >= std::size_t{2} << 20U) madvise(grown, bytes_wanted, MADV_HUGEPAGE);
  return grown;
}

void free_pages(void* memory, std::size_t bytes) noexcept {
  if (memory != nullptr) munmap(memory, bytes);
}

}  // namespace idmerge
