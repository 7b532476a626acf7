// SPDX-License-Identifier: MIT
//
// What a library threw, as an error. We throw nothing; libraries do where the system refuses a
// handle or a thread, and that is no bug to be reported but a limit to be raised.
#pragma once

#include <exception>

#include "idmerge/base/result.hpp"

namespace idmerge {

/// Errors: outage for what the system refused by its number (EMFILE, ENFILE, EAGAIN, ENOMEM);
/// internal for anything else, std::bad_alloc included.
Error thrown(const std::exception& exception);

}  // namespace idmerge
