// SPDX-License-Identifier: MIT
//
// Bytes in the two dresses in which requests carry them. Neither can be left from within: whatever
// an id or a password is made of, it stays one string of the body or one word of the header.
#pragma once

#include <string>
#include <string_view>

namespace idmerge {

/// Append `text` as a JSON string with its quotes.
/// Shape: quotes, backslashes and control characters escaped; all other bytes as they are.
void append_json(std::string_view text, std::string& out);

/// Append `bytes` in base64, padded.
/// Source: RFC 4648 section 4.
void append_base64(std::string_view bytes, std::string& out);

}  // namespace idmerge
