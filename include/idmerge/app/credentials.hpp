// SPDX-License-Identifier: MIT
//
// Where the secrets come from: the environment, a file, or a command that prints them; never the
// command line, which everybody on the machine can read. They are looked for before the first row
// is read, since a night's plan is worth little if the morning finds no password.
//
// A file or a command gives lines `NAME=value` with the names of the environment; blank lines and
// lines that begin with # are passed over, and a value goes to the end of its line as it stands:
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

#include "idmerge/base/result.hpp"
#include "idmerge/base/secret.hpp"

namespace idmerge {

/// What stands in an environment variable, if it is set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The environment of this process.
Environment process_environment();

struct CredentialSources {
  std::string file = {};     // Flag: --credentials
  std::string command = {};  // Flag: --credentials-command
  std::chrono::milliseconds command_timeout{30'000};
};

/// A project token and a service account.
struct Credentials {
  Secret token;
  Secret username;
  Secret secret;
};

/// Find what is given of the secrets. A file or command goes before the environment, which fills
/// what they leave out. Errors: usage when one is set twice with different values, and when the
/// file can be read by others; outage when the command fails or takes too long.
Result<Credentials> find_credentials(const CredentialSources& sources,
                                     const Environment& environment);

/// Errors: usage when one of the secrets is missing or cannot be one.
Result<void> check_complete(const Credentials& found);

/// Both of these: all the secrets, or an error.
Result<Credentials> load_credentials(const CredentialSources& sources,
                                     const Environment& environment);

/// Split a command into words as a shell would, without any expansion.
/// Shape: white space separates; '...' is literal; within "..." a backslash takes " and
/// \ literally. Errors: usage for an open quote, a trailing backslash, no word at all.
Result<std::vector<std::string>> split_words(std::string_view command);

/// Run a program without a shell and return what it prints on stdout.
/// Bounds: 64 KiB of output, `timeout` from start to end; then its process group is killed.
Result<std::string> output_of(const std::vector<std::string>& words,
                              std::chrono::milliseconds timeout);

}  // namespace idmerge
