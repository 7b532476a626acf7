// SPDX-License-Identifier: MIT
//
// To be loaded before a program (LD_PRELOAD): from its Nth allocation on there is no memory and no
// thread, once or for ever. Counted is from where the program says what becomes of what nobody
// catches. Environment: NO_MEMORY_AFTER=N, NO_MEMORY_FOR=COUNT.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <exception>

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): what glibc calls them
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* bytes, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
// NOLINTEND(bugprone-reserved-identifier)
}

namespace {

std::atomic<bool> counting = false;
std::atomic<long> count = 0;

long number(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? 0 : std::atol(text);
}

bool is_refused() {
  static const long after = number("NO_MEMORY_AFTER");
  static const long how_many = number("NO_MEMORY_FOR");
  if (!counting) return false;
  const long at = count.fetch_add(1);
  return at >= after && at - after < how_many;
}

void* unless_refused(void* (*allocate)(std::size_t, std::size_t), std::size_t one,
                     std::size_t other) {
  if (!is_refused()) return allocate(one, other);
  errno = ENOMEM;
  return nullptr;
}

template <class Function>
Function* real_of(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

std::terminate_handler std::set_terminate(std::terminate_handler handler) noexcept {
  static const auto real =
      real_of<std::terminate_handler(std::terminate_handler)>("_ZSt13set_terminatePFvvE");
  counting = true;
  return real(handler);
}

extern "C" {

void* malloc(std::size_t size) noexcept {
  return unless_refused([](std::size_t, std::size_t n) { return __libc_malloc(n); }, 0, size);
}

void* calloc(std::size_t items, std::size_t size) noexcept {
  return unless_refused(__libc_calloc, items, size);
}

void* realloc(void* bytes, std::size_t size) noexcept {
  if (!is_refused()) return __libc_realloc(bytes, size);
  errno = ENOMEM;
  return nullptr;
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return unless_refused(__libc_memalign, alignment, size);
}

int posix_memalign(void** bytes, std::size_t alignment, std::size_t size) noexcept {
  *bytes = unless_refused(__libc_memalign, alignment, size);
  return *bytes == nullptr ? ENOMEM : 0;
}

void* mmap(void* place, std::size_t size, int protection, int flags, int file,
           off_t offset) noexcept {
  static const auto real = real_of<void*(void*, std::size_t, int, int, int, off_t)>("mmap");
  if (!is_refused()) return real(place, size, protection, flags, file, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* argument) noexcept {
  static const auto real =
      real_of<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
  return is_refused() ? EAGAIN : real(thread, attributes, run, argument);
}
}
