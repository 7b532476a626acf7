// SPDX-License-Identifier: MIT
#include "net/url.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "net/credential_rules.hpp"

namespace idmerge::net {
namespace {

Error usage(std::string what) {
  return {Errc::usage, std::move(what)};
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return out;
}

/// The bytes of an address: 4, 16, or none if the text is not an address.
struct Address {
  std::array<unsigned char, 16> bytes{};
  std::size_t size = 0;
};

Address parse_address(const std::string& text) {
  Address address;
  if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) {
    address.size = 4;
  } else if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) {
    address.size = 16;
  }
  return address;
}

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && text.front() != '.' && text.front() != '-' &&
         text.find("..") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                  c == '_';
         });
}

struct HostPort {
  std::string host;
  std::optional<std::uint16_t> port;
};

Result<HostPort> parse_host_port(std::string_view text) {
  HostPort it;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) {
      return usage(
          "the bracket of its address is not closed: write "
          "https://[2001:db8::1]:443");
    }
    const Address address = parse_address(std::string(text.substr(1, end - 1)));
    if (address.size != 16) {
      return usage("no IPv6 address in the brackets: write for example [::1]:8080");
    }
    std::array<char, INET6_ADDRSTRLEN> canonical{};
    inet_ntop(AF_INET6, address.bytes.data(), canonical.data(), canonical.size());
    it.host = canonical.data();
    text.remove_prefix(end + 1);
    has_port = !text.empty();
    if (has_port && text.front() != ':') {
      return usage("no port after the bracket: write for example [::1]:8080");
    }
    port = has_port ? text.substr(1) : text;
  } else {
    const auto colon = text.find(':');
    has_port = colon != std::string_view::npos;
    it.host = lowered(text.substr(0, colon));
    if (has_port) port = text.substr(colon + 1);
    if (port.find(':') != std::string_view::npos) {
      return usage("it has several colons: write an IPv6 address in brackets, [::1]:8080");
    }
    if (it.host.empty()) return usage("it has no host: write for example api.example.com");
    if (!is_host_name(it.host)) {
      return usage(
          "its host is not a host name: write it in ASCII, xn--... for other "
          "scripts");
    }
  }
  if (has_port) {
    unsigned number = 0;
    const auto read = std::from_chars(port.data(), port.data() + port.size(), number);
    if (read.ec != std::errc{} || read.ptr != port.data() + port.size() || number == 0 ||
        number > 65'535) {
      return usage("its port is not a number from 1 to 65535: write for example :8443");
    }
    it.port = static_cast<std::uint16_t>(number);
  }
  return it;
}

/// Remove "scheme://" from the text. Returns: the scheme in lower case; empty if there is none.
std::string take_scheme(std::string_view& text) {
  const auto at = text.find("://");
  if (at == std::string_view::npos) return {};
  std::string scheme = lowered(text.substr(0, at));
  text.remove_prefix(at + 3);
  return scheme;
}

Result<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned code = 0;
    const auto digits = text.substr(i + 1, 2);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (digits.size() != 2 || read.ptr != digits.data() + 2) {
      return usage("a % in its user name or password is not an escape: write %25");
    }
    out += static_cast<char>(code);
    i += 2;
  }
  return out;
}

/// Removes the trailing dot of an absolute name.
std::string_view without_last_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool in_network(const Address& address, std::string_view network) {
  const auto slash = network.find('/');
  const Address base = parse_address(std::string(network.substr(0, slash)));
  if (base.size == 0 || base.size != address.size) return false;
  std::size_t bits = base.size * 8;
  if (slash != std::string_view::npos) {
    const auto text = network.substr(slash + 1);
    std::size_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size() || number > bits) {
      return false;
    }
    bits = number;
  }
  for (std::size_t i = 0; i < bits; ++i) {
    const unsigned mask = 0x80U >> (i % 8);
    if ((base.bytes[i / 8] & mask) != (address.bytes[i / 8] & mask)) return false;
  }
  return true;
}

}  // namespace

std::string Target::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  std::string out = v6 ? "[" + host + "]" : host;
  if (port != (tls ? 443 : 80)) out += fmt::format(":{}", port);
  return out;
}

std::string Target::url() const {
  return (tls ? "https://" : "http://") + authority() + base;
}

bool Target::loopback() const {
  if (host == "localhost") return true;
  const Address address = parse_address(host);
  return in_network(address, "127.0.0.0/8") || in_network(address, "::1");
}

Result<Target> parse_target(std::string_view text, std::string_view words) {
  const bool clean =
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!clean)
    return usage(
        "the URL has spaces or characters that are not ASCII: write them as %20 and the "
        "like");
  std::string_view rest = text;
  const std::string scheme = take_scheme(rest);
  const auto path_at = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, path_at);
  std::string_view path = path_at == std::string_view::npos ? "" : rest.substr(path_at);
  // Searched for in the path too: a slash in a password would turn its rest into a path, which is
  // printed.
  if (rest.find('@') != std::string_view::npos) {
    return usage(
        "the URL has a user name in it, and command lines are seen by others: set "
        "MIXPANEL_USERNAME and MIXPANEL_SECRET instead (an @ of a path is written %40)");
  }
  if (scheme.empty()) {
    return usage(fmt::format("\"{}\" is no target: write {}{}a URL such as https://api.example.com",
                             text.substr(0, 100), words, words.empty() ? "" : ", or "));
  }
  if (scheme != "https" && scheme != "http") {
    return usage(fmt::format("\"{}\" is no scheme for this: write https://", scheme.substr(0, 40)));
  }
  if (path.find_first_of("?#") != std::string_view::npos) {
    return usage("the URL has a query or a fragment: end it with the path");
  }
  auto where = parse_host_port(authority);
  if (!where) return where.error();

  Target target;
  target.tls = scheme == "https";
  target.host = std::move(where->host);
  target.port = where->port.value_or(target.tls ? 443 : 80);
  while (path.ends_with('/'))
    path.remove_suffix(1);
  target.base = path;
  if (!target.tls && !target.loopback()) {
    return usage(fmt::format(
        "http to {} would send the credentials in clear: write https:// (http is for this "
        "machine only)",
        target.host));
  }
  return target;
}

Result<Proxy> parse_proxy(std::string_view text, bool from_environment) {
  const bool clean =
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (text.empty() || !clean) {
    return usage("it is no URL: write http://proxy.example.com:3128");
  }
  std::string_view rest = text;
  const std::string scheme = take_scheme(rest);
  if (!scheme.empty() && scheme != "http") {  // may be a password: not repeated in the message
    return usage(
        "only proxies that speak plain HTTP are known: write "
        "http://proxy.example.com:3128");
  }
  Proxy proxy;
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    if (!from_environment) {
      return usage(
          "it has a password in it, and command lines are seen by others: set HTTPS_PROXY "
          "instead");
    }
    const std::string_view user = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    const auto colon = user.find(':');
    auto name = percent_decoded(user.substr(0, colon));
    if (!name) return name.error();
    auto password = percent_decoded(colon == std::string_view::npos ? "" : user.substr(colon + 1));
    if (!password) return password.error();
    if (!user_name_problem(*name).empty() || !secret_problem(*password).empty()) {
      util::wipe(*password);
      return usage(
          "its user name or password cannot be sent: a colon in the user name, "
          "quotes around it, a control character, or bytes that are not UTF-8: correct it");
    }
    proxy.username = std::move(*name);
    proxy.password = util::Secret(*password);
    util::wipe(*password);
  }
  while (rest.ends_with('/'))
    rest.remove_suffix(1);
  auto where = parse_host_port(rest);
  if (!where) return where.error();
  proxy.host = std::move(where->host);
  proxy.port = where->port.value_or(80);
  return proxy;
}

bool exempt_from_proxy(const Target& target, std::string_view no_proxy) {
  if (target.loopback()) return true;
  const Address address = parse_address(target.host);
  const std::string_view host = without_last_dot(target.host);
  while (!no_proxy.empty()) {
    const auto end = no_proxy.find_first_of(", \t");
    std::string entry = lowered(no_proxy.substr(0, end));
    no_proxy.remove_prefix(end == std::string_view::npos ? no_proxy.size() : end + 1);
    if (entry == "*") return true;
    if (entry.empty()) continue;
    if (address.size > 0 && in_network(address, entry)) return true;
    if (entry.starts_with("*.")) entry.erase(0, 1);
    if (entry.front() == '.') entry.erase(0, 1);
    if (const auto colon = entry.rfind(':');
        colon != std::string::npos && entry.find(':') == colon) {
      if (entry.substr(colon + 1) != std::to_string(target.port)) continue;
      entry.erase(colon);
      if (address.size > 0 && in_network(address, entry)) return true;
    }
    entry = without_last_dot(entry);
    if (entry.empty() || address.size > 0) continue;
    if (host == entry || host.ends_with("." + entry)) return true;
  }
  return false;
}

}  // namespace idmerge::net
