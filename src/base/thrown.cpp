// SPDX-License-Identifier: MIT
#include "idmerge/base/thrown.hpp"

#include <cerrno>
#include <new>
#include <system_error>

#include <boost/system/system_error.hpp>
#include <fmt/format.h>

namespace idmerge {
namespace {

/// In few words if there is not even room for these: so few that a string has them in itself.
Error out_of_memory() {
  try {
    return {Errc::internal,
            "out of memory: the job is as it stands on disk: run the same command again"};
  } catch (const std::bad_alloc&) {
    return {Errc::internal, "out of memory"};
  }
}

}  // namespace

Error thrown(const std::exception& exception) {
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
      return {Errc::internal, fmt::format("not foreseen: {}: please report it; the job can be "
                                          "resumed",
                                          exception.what())};
  }
}

}  // namespace idmerge
