// SPDX-License-Identifier: MIT
//
// A request as the service sees it, and the few parts of HTTP that it has to read itself: target,
// query, media type, credentials. The socket's side is server.hpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "idmerge/emulator/chaos.hpp"

namespace idmerge {

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
  Mishap mishap = Mishap::none;  // for the server to carry out
  bool delayed = false;          // an API request: --latency applies
};

/// A request target in its two parts.
struct RequestTarget {
  std::string_view path;
  std::string_view query;

  /// The value of a parameter as it stands there, still encoded; none if it is absent.
  std::optional<std::string_view> parameter(std::string_view name) const;
};

/// Split a target; the absolute form, which proxies get, is allowed.
RequestTarget split_target(std::string_view target);

/// Resolve %XX; a plus sign is a plus sign. None if a % is not followed by two hex digits.
std::optional<std::string> unescaped(std::string_view text);

/// Is a Content-Type this one, whatever its case and parameters?
bool is_media_type(std::string_view content_type, std::string_view wanted);

/// Does an Authorization header give these Basic credentials?
///
/// Shape: `encoded` is what basic_credentials() makes of `user:secret`.
bool is_basic(std::string_view authorization, std::string_view encoded);

/// `user:secret` as a header gives it, without the word Basic.
std::string basic_credentials(std::string_view bytes);

}  // namespace idmerge
