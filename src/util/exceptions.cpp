// SPDX-License-Identifier: MIT
#include "util/exceptions.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <new>
#include <string_view>
#include <system_error>

#include <boost/system/system_error.hpp>
#include <fmt/format.h>
#include <unistd.h>

namespace idmerge::util {
namespace {

constexpr std::string_view memory_words =
    "out of memory: the job on disk is intact: run the same command again";

/// Falls back to a text that a string stores without allocation.
Error out_of_memory() noexcept {
  try {
    return {Errc::internal, std::string(memory_words)};
  } catch (const std::bad_alloc&) {
    return {Errc::internal, "out of memory"};
  }
}

Error meaning_of(const std::exception& exception) {
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr) return out_of_memory();
  int error_number = 0;
  if (const auto* error = dynamic_cast<const std::system_error*>(&exception)) {
    if (error->code().category() == std::generic_category() ||
        error->code().category() == std::system_category()) {
      error_number = error->code().value();
    }
  } else if (const auto* other = dynamic_cast<const boost::system::system_error*>(&exception)) {
    if (other->code().category() == boost::system::system_category()) {
      error_number = other->code().value();
    }
  }
  switch (error_number) {
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return system_error("this machine", error_number);
    default:
      return {Errc::internal,
              fmt::format("unexpected error: {}: please report it; the job can be resumed",
                          exception.what())};
  }
}

/// Writes one line to stderr without allocation. Bounds: 512 bytes; the rest is dropped.
template <class... Texts>
void write_line(Texts... texts) {
  std::array<char, 512> line{};
  std::size_t size = 0;
  for (const std::string_view text : {std::string_view(texts)...}) {
    size += text.copy(line.data() + size, line.size() - 1 - size);
  }
  line[size++] = '\n';
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), size);
}

[[noreturn]] void on_terminate() noexcept {
  static std::atomic_flag has_begun;
  while (has_begun.test_and_set())
    ::pause();  // another thread is already here and will end the process
  constexpr std::string_view report = ": please report it; the job can be resumed";
  if (std::current_exception() == nullptr) {
    // An exception thrown while a scope is left: the compiler calls std::terminate() without making
    // it the current exception.
    write_line("idmerge: ended while handling an error, most likely ", memory_words);
  } else {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      write_line("idmerge: ", memory_words);
    } catch (const std::exception& exception) {
      write_line("idmerge: unexpected error: ", exception.what(), report);
    } catch (...) {
      write_line("idmerge: unexpected error", report);
    }
  }
  ::_exit(exit_code(Errc::internal));
}

}  // namespace

Error thrown(const std::exception& exception) noexcept {
  try {
    return meaning_of(exception);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

void end_with_message() {
  std::set_terminate(on_terminate);
}

}  // namespace idmerge::util
