// SPDX-License-Identifier: MIT
#include "support/allocations.hpp"

#include <cstdlib>
#include <new>

#include <malloc.h>

namespace {

thread_local std::size_t count = 0;
thread_local std::ptrdiff_t live = 0;
thread_local std::ptrdiff_t until_failure = -1;
thread_local bool has_failed = false;

std::ptrdiff_t size_of(void* bytes) {
  return static_cast<std::ptrdiff_t>(::malloc_usable_size(bytes));
}

void* allocate(std::size_t size) {
  ++count;
  void* const bytes = std::malloc(size);
  if (bytes == nullptr) std::abort();
  live += size_of(bytes);
  return bytes;
}

void release(void* bytes) {
  live -= size_of(bytes);
  std::free(bytes);
}

}  // namespace

std::size_t idmerge::testing::allocations() {
  return count;
}

std::ptrdiff_t idmerge::testing::live_bytes() {
  return live;
}

void idmerge::testing::fail_of_asio(std::size_t after) {
  until_failure = static_cast<std::ptrdiff_t>(after);
  has_failed = false;
}

bool idmerge::testing::has_failed_of_asio() {
  return has_failed;
}

// Where Asio takes the memory of coroutine frames and operations from, when it has none to use
// again: the linker leads its calls here (tests/CMakeLists.txt). Given back with free(), so they
// are counted and not weighed. Weak: other binaries of tests do without.
extern "C" [[gnu::weak]] void* __real_aligned_alloc(std::size_t alignment, std::size_t size);
extern "C" void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size);
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size) {
  ++count;
  if (until_failure >= 0 && until_failure-- == 0) {
    has_failed = true;
    return nullptr;
  }
  return __real_aligned_alloc(alignment, size);
}

// All of them, because a sanitizer brings its own for those that are left out.
void* operator new(std::size_t size) {
  return allocate(size);
}
void* operator new[](std::size_t size) {
  return allocate(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size);
}
void operator delete(void* bytes) noexcept {
  release(bytes);
}
void operator delete[](void* bytes) noexcept {
  release(bytes);
}
void operator delete(void* bytes, std::size_t) noexcept {
  release(bytes);
}
void operator delete[](void* bytes, std::size_t) noexcept {
  release(bytes);
}
