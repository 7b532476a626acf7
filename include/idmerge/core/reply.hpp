// SPDX-License-Identifier: MIT
//
// An answer of the service as it came in, and what can be said about it in a line. Whatever the
// bytes are, what is kept of them is short, valid UTF-8, free of anything that could act on a
// terminal or a log, and without our secrets, should the service repeat them. These are taken out
// before a text is cut, so that no beginning of one is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "idmerge/core/redactor.hpp"

namespace idmerge {

/// A complete and well-formed HTTP answer.
/// Shape: views into the connection that read it, until its next request.
struct Reply {
  unsigned status = 0;
  std::string_view content_type = {};
  std::string_view retry_after = {};
  std::string_view date = {};
  std::string_view location = {};
  std::string_view body = {};
  bool body_cut = false;             // longer than the limit; `body` is its beginning
  std::int64_t received_unix_s = 0;  // set when there is a Retry-After
};

inline constexpr std::size_t message_bytes_max = 512;

/// Append `text` to `out` so that it is fit to be shown: without secrets; control and direction
/// characters become spaces, bytes that are not UTF-8 become '?', runs of spaces become one.
/// Bounds: `out` grows to at most `size_max` bytes; "…" marks a cut.
void append_clean(const Redactor& secrets, std::string_view text, std::string& out,
                  std::size_t size_max = message_bytes_max);

/// Is this a page for people: by its content type, or by its first character?
bool is_html(const Reply& reply);

/// Append what a page or a plain text says: the title of HTML, else its beginning.
void append_gist(const Redactor& secrets, const Reply& reply, std::string& out);

}  // namespace idmerge
