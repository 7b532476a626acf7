// SPDX-License-Identifier: MIT
//
// The format in which the spilling resolver stores rows until it knows which of them are links. It
// is that of links in a plan (plan/plan_block.hpp), but UUIDs and numbers are stored in binary,
// because most ids are one or the other and every byte is written and read once. An id is packed
// only if unpacking restores it exactly. Only the process that wrote these bytes reads them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "input/row.hpp"

namespace idmerge::plan {

class RowPacker {
 public:
  /// Requires: the reader gets the same `has_orders`.
  explicit RowPacker(bool has_orders) : has_orders_(has_orders) {}

  void add(const input::Link& row);

  bool full() const { return bytes_.size() >= bytes_max; }
  std::uint32_t count() const { return count_; }

  /// Returns: the packed rows. Lifetime: until the next add() or clear().
  std::string_view bytes() const { return bytes_; }

  void clear();

 private:
  static constexpr std::size_t bytes_max = 1U << 20U;

  bool has_orders_;
  std::string bytes_;
  std::uint32_t count_ = 0;
  std::uint32_t file_ = 0;
  std::uint64_t line_ = 0;
  std::uint64_t offset_ = 0;
};

class RowCursor {
 public:
  RowCursor(std::string_view bytes, bool has_orders) : rest_(bytes), has_orders_(has_orders) {}

  /// Read the next row. Requires: `row` is the one passed to the previous call, because rows are
  /// stored as differences. Returns: false at the end and if the row cannot be decoded. Lifetime:
  /// the ids of the row are valid until the next call and while the packed bytes exist.
  bool next(input::Link& row);

 private:
  static constexpr std::size_t text_bytes = 64;
  using Text = std::array<char, text_bytes>;

  bool take(std::size_t size, std::string_view& bytes);
  bool take_varint(std::uint64_t& value);
  bool take_id(unsigned form, Text& text, std::string_view& id);

  std::string_view rest_;
  bool has_orders_;
  Text anon_{}, user_{};  // text of ids that were stored in binary
};

}  // namespace idmerge::plan
