// SPDX-License-Identifier: MIT
//
// Bytes as CSV, under any options. However the file is cut into slices, the rows are the same; they
// account for every byte; a good row is what a naive reader makes of its text, and reads back the
// same when its ids are written again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "input/csv.hpp"
#include "util/check.hpp"

#include "row_check.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::testing;

namespace {

Columns columns(std::uint32_t count) {
  Columns columns;
  columns.sides[0] = Sides{.first = 0, .second = count - 1};
  columns.count = count;
  return columns;
}

/// A strict row, taken apart the obvious way.
std::vector<std::string> split(std::string_view text, char delimiter) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"') {
      fields.back() += text[i++];
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == delimiter && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += text[i];
    }
  }
  return fields;
}

std::string quote(std::string_view id) {
  std::string text = "\"";
  for (const char c : id) {
    if (c == '"') text += c;
    text += c;
  }
  return text + '"';
}

std::string field(const std::vector<std::string>& fields, std::size_t i) {
  return i < fields.size() && fields[i] != "\\N" ? fields[i] : std::string();
}

void check_good_row(const ReadRow& row, const CsvOptions& options, std::uint32_t count) {
  const auto fields = split(row.text, options.delimiter);
  if (!options.allow_lazy_quotes) {
    IDMERGE_CHECK(options.allow_ragged || fields.size() == count);
    IDMERGE_CHECK(row.anon == field(fields, 0));
    IDMERGE_CHECK(row.user == field(fields, count - 1));
  }
  const auto again = quote(row.anon) + options.delimiter + quote(row.user) + "\n";
  if (again.size() > options.row_max) return;
  const auto copy = read_all(
      CsvReader({.delimiter = options.delimiter, .row_max = options.row_max}, columns(2), {}, {}),
      again);
  IDMERGE_CHECK(copy.rows.size() == 1 && copy.rows[0].fault == Fault::none);
  IDMERGE_CHECK(copy.rows[0].anon == row.anon && copy.rows[0].user == row.user);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const unsigned bits = data[0];
  const CsvOptions options{.delimiter = (bits & 1U) != 0 ? ';' : ',',
                           .row_max = (bits & 2U) != 0 ? 64U : 1U << 20U,
                           .allow_ragged = (bits & 4U) != 0,
                           .allow_lazy_quotes = (bits & 8U) != 0,
                           .pipe = (bits & 16U) != 0};
  const std::uint32_t count = 2 + (bits >> 6U);
  const std::size_t slice = 1 + data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto make = [&] { return CsvReader(options, columns(count), {"anon", "user"}, {}); };
  const auto whole = read_all(make(), bytes);
  IDMERGE_CHECK(read_all(make(), bytes, slice) == whole);
  check_rows(whole, bytes);
  for (const auto& row : whole.rows) {
    if (row.fault == Fault::none) check_good_row(row, options, count);
  }
  return 0;
}
