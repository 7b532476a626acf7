// SPDX-License-Identifier: MIT
//
// What a library threw, as an error. We throw nothing; libraries do where the system refuses a
// handle or a thread, and that is no bug to be reported but a limit to be raised.
#pragma once

#include <exception>
#include <new>
#include <utility>

#include "idmerge/base/result.hpp"

namespace idmerge {

/// Errors: outage for what the system refused by its number (EMFILE, ENFILE, EAGAIN, ENOMEM);
/// internal for anything else, std::bad_alloc included.
Error thrown(const std::exception& exception) noexcept;

/// Call what returns a Result, and make one of what it throws: for threads, from which nothing may
/// be thrown.
template <class Call>
auto caught(Call&& call) -> decltype(std::forward<Call>(call)()) {
  try {
    return std::forward<Call>(call)();
  } catch (const std::exception& exception) {
    return thrown(exception);
  }
}

/// What a C library has made, or std::bad_alloc where it had no memory, as from operator new.
template <class T>
T* made(T* thing) {
  if (thing == nullptr) throw std::bad_alloc();
  return thing;
}

/// From now on std::terminate() says what it knows and ends the process with the exit code of an
/// internal error. Asio and simdjson take memory where nothing may be thrown (~awaitable_thread
/// posts a coroutine to its executor to be destroyed there), so that want of it ends there; a job
/// is as safe as from any other kill.
void end_in_words();

}  // namespace idmerge
