// SPDX-License-Identifier: MIT
//
// Reads the secrets from the environment, a file, or the output of a command; never from the
// command line, which everybody on the machine can read. They are read before the first row, so
// that a missing password is reported before a long plan is made.
//
// Files and commands give lines `NAME=value` with the names of the environment variables. Blank
// lines and lines that begin with # are ignored. A value extends to the end of its line and is
// taken literally:
//
//   MIXPANEL_TOKEN=0123456789abcdef0123456789abcdef
//   MIXPANEL_USERNAME=etl.12345.mp-service-account
//   MIXPANEL_SECRET=...
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "send/service_registry.hpp"
#include "util/result.hpp"
#include "util/secret.hpp"

namespace idmerge::cli {

/// Returns the value of an environment variable, or nothing if it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The environment of this process.
Environment process_environment();

struct CredentialSources {
  std::string file = {};     // Flag: --credentials
  std::string command = {};  // Flag: --credentials-command
  std::chrono::milliseconds command_timeout{30'000};

  /// The variables of the service.
  send::CredentialNames names = send::default_service().credentials;
};

/// A project token and a service account.
struct Credentials {
  util::Secret token;
  util::Secret username;
  util::Secret secret;
};

/// Collects the secrets that are given; some may be missing. Values from a file or command take
/// precedence over the environment. Errors: usage if one is set twice with different values, or if
/// others can read the file; outage if the command fails or times out.
Result<Credentials> find_credentials(const CredentialSources& sources,
                                     const Environment& environment);

/// Errors: usage if one of the secrets is missing or malformed.
Result<void> check_complete(const Credentials& found, const send::CredentialNames& names);

/// find_credentials() followed by check_complete().
Result<Credentials> load_credentials(const CredentialSources& sources,
                                     const Environment& environment);

/// Splits a command into words like a shell, but without any expansion: words are separated by
/// white space, '...' is literal, and within "..." a backslash escapes " and \. Errors: usage for
/// an unterminated quote, a trailing backslash, or no word at all.
Result<std::vector<std::string>> split_words(std::string_view command);

/// Runs a program without a shell and returns its stdout. Bounds: 64 KiB of output; `timeout` for
/// the whole run, after which its process group is killed.
Result<std::string> output_of(const std::vector<std::string>& words,
                              std::chrono::milliseconds timeout);

}  // namespace idmerge::cli
