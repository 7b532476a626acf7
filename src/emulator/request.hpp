// SPDX-License-Identifier: MIT
//
// The request and response types of the emulated service, and the few parts of HTTP that it parses
// itself: target, query, media type, credentials. The socket is handled by server.hpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "emulator/fault_injection.hpp"

namespace idmerge::emulator {

struct Request {
  std::string_view method;
  std::string_view target;
  std::string_view content_type;
  std::string_view content_encoding;
  std::string_view authorization;
  std::string_view body;
};

struct Response {
  unsigned status = 200;
  std::string_view type = "application/json";
  std::string_view allow;                 // with 405
  std::optional<unsigned> retry_after_s;  // with 429 and 503
  std::string body;
  Mishap mishap = Mishap::none;  // carried out by the server
  bool delayed = false;          // an API request: --latency applies
};

/// A request target, split into path and query.
struct RequestTarget {
  std::string_view path;
  std::string_view query;

  /// Returns the raw value of a parameter, still percent-encoded; nothing if it is absent.
  std::optional<std::string_view> parameter(std::string_view name) const;
};

/// Splits a target. The absolute form, as sent to proxies, is accepted.
RequestTarget split_target(std::string_view target);

/// Decodes %XX; a plus sign is kept. Returns: nothing if a % is not followed by two hex digits.
std::optional<std::string> unescaped(std::string_view text);

/// Returns whether a Content-Type is `wanted`, ignoring case and parameters.
bool is_media_type(std::string_view content_type, std::string_view wanted);

/// Returns whether an Authorization header contains the given Basic credentials.
///
/// Requires: `encoded` is the result of basic_credentials() for `user:secret`.
bool is_basic(std::string_view authorization, std::string_view encoded);

/// Encodes `user:secret` as in an Authorization header, without the word Basic.
std::string basic_credentials(std::string_view bytes);

}  // namespace idmerge::emulator
