// SPDX-License-Identifier: MIT
//
// An HTTP answer of the service, and its reduction to a one-line message. Whatever the bytes are,
// the message is short, valid UTF-8, free of anything that could affect a terminal or a log, and
// without our secrets if the service repeats them. Secrets are removed before the text is
// truncated, so that no beginning of a secret remains.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "util/redactor.hpp"

namespace idmerge::net {

/// A complete and well-formed HTTP answer.
/// Lifetime: the views are valid until the next request on the connection that read it.
struct Response {
  unsigned status = 0;
  std::string_view content_type = {};
  std::string_view retry_after = {};
  std::string_view date = {};
  std::string_view location = {};
  std::string_view body = {};
  bool body_cut = false;             // the body exceeded the limit; `body` is its beginning
  std::int64_t received_unix_s = 0;  // set when there is a Retry-After
};

inline constexpr std::size_t message_bytes_max = 512;

/// Appends `text` to `out` in a displayable form: without secrets; control, directional and
/// invisible characters become spaces, bytes that are not UTF-8 become '?', runs of spaces become
/// one.
/// Bounds: `out` grows to at most `size_max` bytes; "…" marks a truncation.
void append_clean(const util::Redactor& secrets, std::string_view text, std::string& out,
                  std::size_t size_max = message_bytes_max);

/// Returns whether the body is HTML, judged by the content type or its first character.
bool is_html(const Response& response);

/// Appends a short form of the body: the title of an HTML page, or the beginning of the text.
void append_gist(const util::Redactor& secrets, const Response& response, std::string& out);

}  // namespace idmerge::net
