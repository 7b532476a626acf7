// SPDX-License-Identifier: MIT
//
// Parses the target of requests (`--to URL`) and the proxy. Parsing is strict: credentials
// must not be sent unencrypted, so `http` is accepted for loopback hosts only, and a URL with a
// user name is an error, because other users can see command lines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "util/result.hpp"
#include "util/secret.hpp"

namespace idmerge::net {

struct Target {
  bool tls = true;
  std::string host;  // a lower-case name, or an address without brackets
  std::uint16_t port = 443;
  std::string base;  // path before that of the API: empty, or "/prefix" without a trailing slash

  /// Returns: the value of the Host header, without a default port, and with IPv6 in brackets.
  std::string authority() const;

  /// Returns: the canonical URL: "https://api.example.com", "http://[::1]:8080/prefix".
  std::string url() const;

  /// Returns whether the host is this machine: localhost, 127.0.0.0/8 or ::1.
  bool loopback() const;

  bool operator==(const Target&) const = default;
};

/// Parse a URL as the value of --to. `words` lists the other values that the caller accepts, for
/// the error of a text that is neither: "us, eu".
/// Errors: usage, with the reason and an example; the caller says which option it was.
Result<Target> parse_target(std::string_view text, std::string_view words = {});

struct Proxy {
  std::string host;
  std::uint16_t port = 0;
  std::string username;
  util::Secret password;

  bool operator==(const Proxy&) const = default;
};

/// Parse the value of --proxy (`from_environment` false) or of HTTPS_PROXY, such as
/// "http://proxy:3128" or "proxy:3128". Only HTTPS_PROXY may contain a user name and a password.
/// Errors: usage, also for proxies that are not reached by plain HTTP; the caller says which option
/// or variable it was.
Result<Proxy> parse_proxy(std::string_view text, bool from_environment);

/// Returns whether NO_PROXY exempts this target. Loopback targets never use a proxy.
///
/// `no_proxy` is a list, separated by commas, spaces or tabs, of host names (with or without a
/// leading dot; each stands for the domain and its subdomains), addresses, networks ("10.0.0.0/8"),
/// `host:port` and `*`.
bool exempt_from_proxy(const Target& target, std::string_view no_proxy);

}  // namespace idmerge::net
