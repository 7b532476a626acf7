// SPDX-License-Identifier: MIT
//
// The formats CSV and TSV: how a table is laid out, by its first row.
#pragma once

#include "input/file_reader.hpp"
#include "input/row_reader_options.hpp"
#include "util/result.hpp"

namespace idmerge::input {

/// Determines the columns of a table. Errors: usage for uncertain columns and a separator other
/// than --delimiter; input for a first row that cannot be read.
Result<FileLayout> examine_csv(const FileHead& head, const RowReaderOptions& options);
Result<FileLayout> examine_tsv(const FileHead& head, const RowReaderOptions& options);

}  // namespace idmerge::input
