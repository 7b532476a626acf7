// SPDX-License-Identifier: MIT
//
// How the census on disk keeps rows until it knows which of them are links: as a plan packs links
// (disk/plan_block), but UUIDs and numbers in their bits, since most ids are one or the other and
// every byte is written and read once. An id is packed only if it comes back as it was; nobody but
// the process that wrote them reads these bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "idmerge/core/pair.hpp"

namespace idmerge {

class RowPacker {
 public:
  /// Shape: `has_orders` as for the reader.
  explicit RowPacker(bool has_orders) : has_orders_(has_orders) {}

  void add(const Link& row);

  bool full() const { return bytes_.size() >= bytes_max; }
  std::uint32_t count() const { return count_; }

  /// The packed rows. Shape: valid until the next add() or clear().
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

  /// Read the next row into the same `row` as before. Shape: its ids end with the next call or the
  /// bytes. False when there is none, or it is not readable.
  bool next(Link& row);

 private:
  static constexpr std::size_t text_bytes = 64;
  using Text = std::array<char, text_bytes>;

  bool take(std::size_t size, std::string_view& bytes);
  bool take_varint(std::uint64_t& value);
  bool take_id(unsigned form, Text& text, std::string_view& id);

  std::string_view rest_;
  bool has_orders_;
  Text anon_{}, user_{};  // of ids that were packed
};

}  // namespace idmerge
