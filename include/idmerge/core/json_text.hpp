// SPDX-License-Identifier: MIT
//
// JSON strings out of bytes that may be anything. What is valid UTF-8 stays readable; every byte
// that is not is written as \u00XX, so that a line of ours is always valid JSON in valid UTF-8 and
// no row can break out of the line that quotes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace idmerge {

/// Append `bytes` as a JSON string, quotes included.
///
/// Shape: characters that steer a display (see steers_display()) are escaped too.
void append_json_string(std::string& out, std::string_view bytes);

/// Append `"key":` with a comma before it unless the object has just been opened.
void append_json_key(std::string& out, std::string_view key);

/// Append `"key":"value"` or `"key":number`, with a comma before it where one is due.
void append_json_member(std::string& out, std::string_view key, std::string_view value);
void append_json_member(std::string& out, std::string_view key, std::uint64_t value);

}  // namespace idmerge
