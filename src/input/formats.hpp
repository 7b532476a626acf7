// SPDX-License-Identifier: MIT
//
// The list of input formats. Nothing else switches on a format: options, plans and the row reader
// find one here, by name or by the beginning of a file.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "input/file_reader.hpp"
#include "input/row_reader_options.hpp"
#include "util/result.hpp"

namespace idmerge::input {

/// Returns: the name as in options and plans, such as "csv".
std::string_view name(Format format);

/// Returns: the format of that name; nothing if there is none.
std::optional<Format> parse_format(std::string_view text);

/// Returns: all names, "auto" first.
std::vector<std::string_view> format_names();

/// Returns whether ids read with these options may be escaped with backslashes, as databases do in
/// text that they separate by control characters.
bool may_have_escapes(const RowReaderOptions& options);

/// Checks that the options suit the format, as far as it is given. Errors: usage.
Result<void> check_format(const RowReaderOptions& options);

/// Determines how a file is laid out, in the format given or detected.
/// Errors: those of the format; input for content that is not text, with a remedy.
Result<FileLayout> examine(const FileHead& head, const RowReaderOptions& options);

}  // namespace idmerge::input
