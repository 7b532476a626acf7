// SPDX-License-Identifier: MIT
#include "support/rows.hpp"

#include <algorithm>

namespace idmerge::testing {
namespace {

template <class Reader>
ReadFile read_slices(Reader& reader, std::string_view bytes, std::size_t slice) {
  ReadFile file;
  input::RowBlock block;
  std::size_t begin = 0;
  std::size_t end = slice == 0 ? bytes.size() : std::min(slice, bytes.size());
  for (;;) {
    const bool last = end == bytes.size();
    block = {};
    // A copy in memory of its own, so that address sanitizer sees every read beyond the slice.
    block.bytes.assign(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                       bytes.begin() + static_cast<std::ptrdiff_t>(end));
    block.bytes.shrink_to_fit();
    const auto taken = reader.feed({block.bytes.data(), block.bytes.size()}, last, block);
    for (const auto& row : block.rows) {
      file.rows.push_back(copy(row));
    }
    file.blank_lines += block.blank_lines;
    if (!taken) {
      file.error = taken.error().what;
      return file;
    }
    begin += *taken;
    const bool full = block.rows.size() >= Reader::rows_max;
    if (last && begin == end) return file;
    if (last && *taken == 0 && !full) {
      file.error = "the reader does not take the last bytes";
      return file;
    }
    if (!full) end = std::min(end + std::max<std::size_t>(slice, 1), bytes.size());
  }
}

}  // namespace

ReadRow copy(const input::Row& row) {
  return {std::string(row.anon),
          std::string(row.user),
          std::string(row.text),
          row.line,
          row.offset,
          row.order,
          row.anon_at,
          row.user_at,
          row.fault_at,
          row.fault,
          row.op,
          row.sided,
          row.has_unreadable_order};
}

std::ostream& operator<<(std::ostream& out, const ReadRow& row) {
  return out << row.line << ":" << row.offset << " " << name(row.fault) << "@" << row.fault_at
             << " [" << row.anon << "@" << row.anon_at << "][" << row.user << "@" << row.user_at
             << "] " << name(row.op) << " " << row.order
             << (row.has_unreadable_order ? "? {" : " {") << row.text.substr(0, 80) << "}";
}

std::ostream& operator<<(std::ostream& out, const ReadFile& file) {
  for (const auto& row : file.rows)
    out << "\n  " << row;
  return out << "\n  " << file.blank_lines << " blank " << file.error;
}

ReadFile read_all(input::CsvReader reader, std::string_view bytes, std::size_t slice) {
  return read_slices(reader, bytes, slice);
}

ReadFile read_all(input::NdjsonReader reader, std::string_view bytes, std::size_t slice) {
  return read_slices(reader, bytes, slice);
}

}  // namespace idmerge::testing
