// SPDX-License-Identifier: MIT
//
// Rows that own their text, so that tests can compare what a reader makes of a file at once with
// what it makes of the same file in slices.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "input/csv.hpp"
#include "input/ndjson.hpp"
#include "input/row.hpp"
#include "util/result.hpp"

namespace idmerge::testing {

struct ReadRow {
  std::string anon;
  std::string user;
  std::string text;
  std::uint64_t line = 0;
  std::uint64_t offset = 0;
  std::int64_t order = input::no_order;
  std::uint32_t anon_at = 0;
  std::uint32_t user_at = 0;
  std::uint32_t fault_at = 0;
  input::Fault fault = input::Fault::none;
  input::Op op = input::Op::create;
  bool sided = true;
  bool has_unreadable_order = false;

  bool operator==(const ReadRow&) const = default;
};

std::ostream& operator<<(std::ostream& out, const ReadRow& row);

/// All that a reader makes of a file.
struct ReadFile {
  std::vector<ReadRow> rows;
  std::uint64_t blank_lines = 0;
  std::string error;  // with which the reading ended, if any

  bool operator==(const ReadFile&) const = default;
};

std::ostream& operator<<(std::ostream& out, const ReadFile& file);

ReadRow copy(const input::Row& row);

/// Feed `bytes` to the reader as a caller does whose chunks have `slice` bytes (0: all at once).
ReadFile read_all(input::CsvReader reader, std::string_view bytes, std::size_t slice = 0);
ReadFile read_all(input::NdjsonReader reader, std::string_view bytes, std::size_t slice = 0);

}  // namespace idmerge::testing
