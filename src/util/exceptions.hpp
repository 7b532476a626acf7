// SPDX-License-Identifier: MIT
//
// Converts exceptions of libraries into errors. idmerge itself throws nothing but std::bad_alloc.
// Libraries throw where the system refuses a handle or a thread; that is not a bug to be reported
// but a system limit to be raised.
#pragma once

#include <exception>
#include <new>
#include <utility>

#include "util/result.hpp"

namespace idmerge::util {

/// Returns the error for an exception: outage for EMFILE, ENFILE, EAGAIN and ENOMEM; internal for
/// anything else, including std::bad_alloc.
Error thrown(const std::exception& exception) noexcept;

/// Calls a function that returns a Result and converts its exceptions into errors: for threads,
/// which no exception may leave.
template <class Call>
auto caught(Call&& call) -> decltype(std::forward<Call>(call)()) {
  try {
    return std::forward<Call>(call)();
  } catch (const std::exception& exception) {
    return thrown(exception);
  }
}

/// Returns the object that a C library has created, or throws std::bad_alloc if it is null, like
/// operator new.
template <class T>
T* made(T* thing) {
  if (thing == nullptr) throw std::bad_alloc();
  return thing;
}

/// Installs a std::terminate() handler that prints the cause and ends the process with the exit
/// code of an internal error. Asio and simdjson allocate memory where nothing may be thrown
/// (~awaitable_thread posts a coroutine to its executor to be destroyed there), so lack of memory
/// can end the process there. For the job this is as safe as any other kill.
void end_with_message();

}  // namespace idmerge::util
