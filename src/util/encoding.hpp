// SPDX-License-Identifier: MIT
//
// Encodes bytes for requests, as JSON strings and as base64. No content can break out of its
// encoding: an id or a password remains one string of the body or one word of the header, whatever
// bytes it has.
#pragma once

#include <string>
#include <string_view>

namespace idmerge::util {

/// Appends `text` as a JSON string with its quotes. Quotes, backslashes and control characters are
/// escaped; all other bytes are copied.
void append_json(std::string_view text, std::string& out);

/// Appends `bytes` in base64, padded.
/// Source: RFC 4648 section 4.
void append_base64(std::string_view bytes, std::string& out);

}  // namespace idmerge::util
