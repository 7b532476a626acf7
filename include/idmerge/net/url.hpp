// SPDX-License-Identifier: MIT
//
// Where requests go: `--to us|eu|in|URL` made into a Target, and the proxy on the way. Strict on
// purpose: credentials must not travel in clear, so `http` is for loopback hosts only, and a URL
// with a user name in it is refused because command lines are seen by others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "idmerge/base/result.hpp"
#include "idmerge/base/secret.hpp"

namespace idmerge {

struct Target {
  bool tls = true;
  std::string host;  // a name in lower case, or an address without brackets
  std::uint16_t port = 443;
  std::string base;  // path in front of the API's own: empty, or "/prefix" without a last /

  /// For the Host header: without the port where it is the usual one, IPv6 in brackets.
  std::string authority() const;

  /// The whole of it, canonical: "https://api-eu.mixpanel.com", "http://[::1]:8080/prefix".
  std::string url() const;

  /// Is the host this machine: localhost, 127.0.0.0/8 or ::1?
  bool loopback() const;

  bool operator==(const Target&) const = default;
};

/// Resolve the value of --to: us, eu, in, or a URL.
/// Errors: usage, with what is wrong and what to write.
Result<Target> parse_target(std::string_view text);

/// Is the service a Mixpanel region, and which: "US", "EU", "India"; empty for other hosts.
std::string_view region(const Target& target);

struct Proxy {
  std::string host;
  std::uint16_t port = 0;
  std::string username;
  Secret password;

  bool operator==(const Proxy&) const = default;
};

/// Read the value of --proxy (`from_environment` false) or HTTPS_PROXY, where a user name and
/// password may stand: "http://proxy:3128", "proxy:3128".
/// Errors: usage; only proxies that are spoken to in plain HTTP are known.
Result<Proxy> parse_proxy(std::string_view text, bool from_environment);

/// Does NO_PROXY exempt this target? Loopback targets never take a proxy.
/// Shape: a list with commas of host names (a leading dot or none: the domain and all below it),
/// addresses, `host:port` and `*`.
bool exempt_from_proxy(const Target& target, std::string_view no_proxy);

}  // namespace idmerge
