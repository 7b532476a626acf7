// SPDX-License-Identifier: MIT
//
// What a library threw, as an error. We throw nothing; libraries do where the system refuses a
// handle or a thread, and that is no bug to be reported but a limit to be raised.
#pragma once

#include <exception>
#include <utility>

#include "idmerge/base/result.hpp"

namespace idmerge {

/// Errors: outage for what the system refused by its number (EMFILE, ENFILE, EAGAIN, ENOMEM);
/// internal for anything else, std::bad_alloc included.
Error thrown(const std::exception& exception);

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

}  // namespace idmerge
