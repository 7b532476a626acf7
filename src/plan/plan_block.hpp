// SPDX-License-Identifier: MIT
//
// The encoding of links in a plan: blocks of about 1 MiB, in which each link is stored as its
// difference from the one before. Packing takes about ten nanoseconds per link and allocates
// nothing, because it runs on the planner's main path. Unpacking validates every field, because a
// matching checksum does not prove that a block is well-formed.
//
// The bytes of a link:
//
//   flags    u8      bits 0-1 op (0 create, 1 alias, 2 merge), bit 2 sided, bit 3 file follows
//   file     varint  only with bit 3; line and offset are then relative to 0
//   line     varint  zigzag difference from the previous link
//   offset   varint  zigzag difference from the previous link
//   anon     varint  length in bytes
//   user     varint  length in bytes
//   ids      bytes   anon, then user
//
// A varint is LEB128: seven bits per byte, least significant first, the top bit set on all but the
// last byte, in the shortest form, at most ten bytes. Zigzag maps 0, -1, 1, -2 to 0, 1, 2, 3. A
// block starts from file 0, line 0, offset 0.
//
// Example: create, sided, line 2 at offset 21, "a1" with "u1", then line 3 at 27, "a2" with "u2":
//
//   04 04 2a 02 02 61 31 75 31   04 02 0c 02 02 61 32 75 32
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "input/row.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

/// Packs links into a buffer that is reused for each block.
class BlockPacker {
 public:
  /// Units: bytes and links at which a block is full.
  static constexpr std::size_t bytes_max = 1 << 20;
  static constexpr std::uint32_t links_max = 65'536;

  BlockPacker();

  void add(const input::Link& link);

  bool full() const { return used_ >= bytes_max || count_ >= links_max; }
  std::uint32_t count() const { return count_; }

  /// Returns: the packed links. Lifetime: until the next add(), clear() or swap().
  std::string_view bytes() const { return {buffer_.data(), used_}; }

  void clear();

  /// Exchange the buffer, which is longer than bytes(), for another one and start a new block.
  void swap(std::vector<char>& buffer);

 private:
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t file_ = 0;
  std::uint64_t line_ = 0;
  std::uint64_t offset_ = 0;
};

/// Reads packed links one by one, for callers that need only a few.
class LinkCursor {
 public:
  explicit LinkCursor(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  /// Read the next link. Requires: `link` is the one passed to the previous call, because links are
  /// stored as differences. Returns: false at the end and if the link cannot be decoded. Lifetime:
  /// the ids of the link are views into the packed bytes.
  bool next(input::Link& link);

  /// Returns whether all links have been read without an error.
  bool at_end() const { return at_ == end_ && !is_broken_; }

 private:
  bool read(input::Link& link);
  bool text(std::uint64_t size, std::string_view& value);

  const char* at_;
  const char* end_;
  bool is_broken_ = false;  // a link could not be decoded
};

/// Unpack `count` links, replacing the contents of `links`; their `order` is no_order.
///
/// Lifetime: the ids are views into `bytes`.
/// Errors: Errc::input, with the reason, unless `bytes` are exactly `count` links.
Result<void> unpack_links(std::string_view bytes, std::uint32_t count,
                          std::vector<input::Link>& links);

}  // namespace idmerge::plan
