// SPDX-License-Identifier: MIT
//
// Writes JSON strings from arbitrary bytes. Valid UTF-8 stays readable; every other byte is written
// as \u00XX, so that the output is always valid JSON in valid UTF-8 and no row can break out of the
// line that quotes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace idmerge::util {

/// Appends `bytes` as a JSON string, quotes included. Characters that steer a display (see
/// steers_display()) are escaped too.
void append_json_string(std::string& out, std::string_view bytes);

/// Appends `"key":`, with a comma before it unless the object has just been opened.
void append_json_key(std::string& out, std::string_view key);

/// Appends `"key":"value"` or `"key":number`, with a comma before it if needed.
void append_json_member(std::string& out, std::string_view key, std::string_view value);
void append_json_member(std::string& out, std::string_view key, std::uint64_t value);

}  // namespace idmerge::util
