// SPDX-License-Identifier: MIT
//
// Programs and certificates that were not made by us: a service is played by nginx, Python or
// `openssl s_server`, an authority by the openssl command.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include <sys/types.h>

namespace idmerge::testing {

/// A port of 127.0.0.1 that is free now.
std::uint16_t free_port();

/// Is there a program of this name on the path?
bool has_program(const std::string& name);

/// A program that runs beside the test, in a group of its own, until this object ends.
class Program {
 public:
  /// Start it and wait until it listens on `port`.
  Program(const std::vector<std::string>& command, std::uint16_t port);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

 private:
  pid_t pid_ = -1;
};

/// An authority and certificates it signed, as PEM files in a directory.
struct Certificates {
  /// Make an authority in `directory`.
  explicit Certificates(std::string directory);

  /// A certificate for the given names ("DNS:localhost,IP:127.0.0.1"), which may be none; `name` is
  /// its common name. The key has the same name with .key. `days` below 0: expired.
  std::string sign(const std::string& name, const std::string& alternatives, int days = 30) const;

  std::string directory;
  std::string authority;
};

}  // namespace idmerge::testing
