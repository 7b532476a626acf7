// SPDX-License-Identifier: MIT
//
// The format NDJSON: which keys hold the ids, by the first rows.
#pragma once

#include <string_view>

#include "input/file_reader.hpp"
#include "input/row_reader_options.hpp"
#include "util/result.hpp"

namespace idmerge::input {

/// Returns whether the first character that is not blank opens an object or an array.
bool looks_like_json(std::string_view head);

/// Determines the keys of the sides. Reads on in the file if its first rows are too long.
/// Errors: usage for uncertain keys and for what is no NDJSON; those of reading.
Result<FileLayout> examine_ndjson(const FileHead& head, const RowReaderOptions& options);

}  // namespace idmerge::input
