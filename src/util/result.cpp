// SPDX-License-Identifier: MIT
#include "util/result.hpp"

#include <cerrno>
#include <csignal>
#include <system_error>

#include <fmt/format.h>

namespace idmerge::util {

int exit_code(Errc code, int signal_number) {
  switch (code) {
    case Errc::internal:
      return 1;
    case Errc::usage:
      return 2;
    case Errc::input:
      return 4;
    case Errc::outage:
      return 5;
    case Errc::guard:
      return 6;
    case Errc::service:
      return 7;
    case Errc::budget:
      return 8;
    case Errc::duration:
      return 10;
    case Errc::locked:
      return 11;
    case Errc::interrupted:
      return 128 + (signal_number > 0 ? signal_number : SIGINT);
  }
  return 1;
}

Error system_error(std::string_view subject, int error_number) {
  const auto say = [&](Errc code, std::string_view hint) {
    return Error{code, fmt::format("{}: {}: {}", subject,
                                   std::generic_category().message(error_number), hint)};
  };
  switch (error_number) {
    case EACCES:
    case EPERM:
      return say(Errc::usage, "check its owner and mode, and those of its directory");
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case ESTALE:
      return say(Errc::usage, "check the path");
    case EROFS:
      return say(Errc::usage, "choose a place that can be written");
    case ENOSPC:
    case EDQUOT:
      return say(Errc::outage, "make room, then run the same command again");
    case EFBIG:
      return say(Errc::outage, "raise the limit (ulimit -f), then run the same command again");
    case EMFILE:
    case ENFILE:
      return say(Errc::outage, "raise the limit (ulimit -n), then run the same command again");
    case ENOMEM:
    case EAGAIN:
      return say(
          Errc::outage,
          "free memory or raise its limits (ulimit -v, -u), then run the same command again");
    default:
      return say(Errc::outage, "run the same command again");
  }
}

}  // namespace idmerge::util
