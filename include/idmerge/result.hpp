// SPDX-License-Identifier: MIT
//
// Errors of the library. Version 0.x: may change from release to release.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace idmerge::api {

/// Who has to act. The values are the exit codes of the program.
enum class ErrorCode : std::uint8_t {
  internal = 1,       // unexpected: a bug of idmerge
  usage = 2,          // options, credentials, a directory that cannot be written
  input = 4,          // missing, unreadable or changed input; a damaged job
  outage = 5,         // network, disk or a system limit: the same call resumes later
  guard = 6,          // a safety limit stopped the job: a person has to look first
  service = 7,        // the service rejects the job, or is not the expected service
  budget = 8,         // max-requests or canary reached
  locked = 9,         // the job is in use by another process
  duration = 10,      // max-duration reached
  interrupted = 130,  // StopRequest::ask()
};

struct Error {
  ErrorCode code = ErrorCode::internal;

  /// "subject: what is wrong: what to do", UTF-8, without control characters. Ids of people in it
  /// are masked unless the option show-ids is "always"; credentials never appear.
  std::string text;

  /// The option that it is about, without dashes: "max-held". Empty for other errors.
  std::string option;
};

/// A value or an error. Like std::expected of C++23.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  explicit operator bool() const noexcept { return state_.index() == 0; }

  /// Requires: there is a value.
  T& operator*() { return std::get<0>(state_); }
  const T& operator*() const { return std::get<0>(state_); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }

  /// Requires: there is none.
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

}  // namespace idmerge::api
