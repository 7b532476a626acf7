// SPDX-License-Identifier: MIT
//
// The result type of functions that can fail. An `Error` ends the command. A row that cannot be
// used is a `Fault` (input/row_fault.hpp) and an answer of the service is an `Outcome`
// (send/service_api.hpp); neither is an error. The code of an error says who has to act, because
// that is all that callers need to distinguish, and it determines the exit code.
#pragma once

#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

namespace idmerge::util {

enum class Errc : std::uint8_t {
  internal,     // unexpected; to be fixed by the author
  usage,        // options, configuration, a directory that cannot be written
  input,        // missing, unreadable, changed or growing input; a damaged plan or checkpoint
  outage,       // network, disk or a system limit; the same command resumes later
  guard,        // a safety limit stopped the job; a person has to look first
  service,      // the service rejects the job, or is not the expected service
  budget,       // --max-requests or --canary reached
  duration,     // --max-duration reached
  locked,       // in use by another process
  interrupted,  // SIGINT or SIGTERM
};

/// Returns the exit code of a command that ends with this error; part of the command-line contract.
/// For `interrupted` it is 128 plus the signal number, as a shell reports it; 0 means SIGINT.
int exit_code(Errc code, int signal_number = 0);

/// Requires: `what` has the form `subject: what is wrong: what to do`, lower case, no full stop.
struct Error {
  Errc code = Errc::internal;
  std::string what;

  /// The option that the error is about, without dashes, for callers that act on it: "max-held".
  /// Empty for other errors. Nothing reads `what` to find out.
  std::string subject = {};

  bool operator==(const Error&) const = default;
};

[[noreturn]] inline void throw_exception_from_error(const Error& e, const boost::source_location&) {
  throw std::runtime_error(e.what);  // reached only by value() on an unchecked result: a bug
}

template <class T>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
 public:
  using boost::system::result<T, Error>::result;
};

/// For test messages and logs: prints the error, or "a value".
template <class T>
std::ostream& operator<<(std::ostream& out, const Result<T>& result) {
  return result.has_value() ? out << "a value" : out << result.error().what;
}

/// Returns an Error for a failed system call: subject, meaning of `error_number`, and what to do.
/// Errors: `usage` for causes in the command line or the file system that a person has to fix
/// (permissions, wrong path or kind of file), `outage` for the rest (ENOSPC, EIO and the like).
Error system_error(std::string_view subject, int error_number);

}  // namespace idmerge::util

/// In every signature, and so without a qualification.
namespace idmerge {

using util::Errc;
using util::Error;
using util::Result;

}  // namespace idmerge
