// SPDX-License-Identifier: MIT
//
// What a function returns when it may be unable to go on. An `Error` ends the command; a row that
// cannot be used is a `Fault` (core/fault.hpp) and an answer of the service is an `Outcome`
// (core/dialect.hpp), neither of which is an error. A code says who has to act, because that is
// all that a caller decides on, and the exit code follows from it.
#pragma once

#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

namespace idmerge {

enum class Errc : std::uint8_t {
  internal,     // not foreseen: author
  usage,        // options, configuration, a directory that cannot be written
  input,        // missing, unreadable, changed or growing input; a damaged plan or checkpoint
  outage,       // network or disk; the same command goes on later
  guard,        // a safety limit stopped the job: look first
  service,      // the service said stop, or is not the service we think it is
  budget,       // --max-requests or --canary reached
  duration,     // --max-duration reached
  locked,       // another process works here
  interrupted,  // SIGINT or SIGTERM
};

/// The exit code of a command that ends with this error, a part of the command-line contract.
/// Interrupted is 128 plus the number of the signal, as a shell reports it; SIGINT where it is 0.
int exit_code(Errc code, int signal_number = 0);

/// Shape: `what` reads `subject: what is wrong: what to do`, lower case, no full stop.
struct Error {
  Errc code = Errc::internal;
  std::string what;

  bool operator==(const Error&) const = default;
};

[[noreturn]] inline void throw_exception_from_error(const Error& e, const boost::source_location&) {
  throw std::runtime_error(e.what);  // only reached by value() on an unchecked result: a bug
}

template <class T>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
 public:
  using boost::system::result<T, Error>::result;
};

/// For test messages and logs: the error, or that there is a value.
template <class T>
std::ostream& operator<<(std::ostream& out, const Result<T>& result) {
  return result.has_value() ? out << "a value" : out << result.error().what;
}

/// Make an Error whose text ends in the meaning of `error_number`, for failed system calls.
/// Errors: `usage` for what only a person can mend (permissions, wrong kind of file), `outage` for
/// the rest (ENOSPC, EIO and the like).
Error system_error(std::string_view subject, int error_number);

}  // namespace idmerge
