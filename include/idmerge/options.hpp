// SPDX-License-Identifier: MIT
//
// What to plan and how to send it: the options of the program, with the same names, texts, defaults
// and errors. `idmerge run --help` and src/OPTIONS.md list them. Version 0.x: may change from
// release to release.
//
// The library reads no environment variable: credentials are handed in, and IDMERGE_... variables,
// which set options of the program, mean nothing here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace idmerge::api {

/// A project token and a service account. The bytes are wiped on destruction; the caller wipes its
/// own copies.
class Credentials {
 public:
  Credentials(std::string_view token, std::string_view username, std::string_view secret);
  ~Credentials();
  Credentials(const Credentials& other);
  Credentials& operator=(const Credentials& other);

 private:
  friend struct Access;
  struct Secrets;
  std::unique_ptr<Secrets> secrets_;
};

class Options {
 public:
  /// Adds an input: a file, a directory or a pattern, as on the command line.
  Options& input(std::string path);

  /// Sets an option that takes a value. `name` is without dashes: set("rate", "200/s"). A second
  /// value replaces the first, unless the option may be given several times. Names and values are
  /// checked by plan() and run(), whose error names the option; plan() leaves out the options that
  /// concern sending alone.
  Options& set(std::string name, std::string value);

  /// Turns a switch on: set("uuid-only").
  Options& set(std::string name);

  /// The directory of the job. Default: INPUT.idmerge beside a single input file.
  Options& job(std::string directory) { return set("job", std::move(directory)); }

  /// The service: a region ("eu") or a URL.
  Options& to(std::string target) { return set("to", std::move(target)); }

  Options& credentials(Credentials credentials);

 private:
  friend struct Access;
  std::vector<std::string> inputs_;
  std::vector<std::pair<std::string, std::string>> values_;  // in the order of the calls
  std::vector<std::string> switches_;
  std::optional<Credentials> credentials_;
};

/// Agreement to send. Links cannot be undone, so there is no default.
class Consent {
 public:
  /// To the plan with this id, as JobView::plan_id gives it, and to no other.
  static Consent to_plan(std::string id) { return Consent(std::move(id)); }

  /// To whatever plan is made of the inputs, if no guard stops it.
  static Consent to_any_plan() { return Consent({}); }

 private:
  friend struct Access;
  explicit Consent(std::string plan_id) : plan_id_(std::move(plan_id)) {}
  std::string plan_id_;
};

}  // namespace idmerge::api
