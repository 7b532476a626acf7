// SPDX-License-Identifier: MIT
//
// How a plan packs links: in blocks of about 1 MiB, each link as its difference from the one
// before. Packing costs some ten nanoseconds a link and no allocation, because the planner does it
// in passing; unpacking trusts nothing, because a checksum that fits does not make a block sound.
//
// A link, as bytes:
//
//   flags    u8      bits 0-1 op (0 create, 1 alias, 2 merge), bit 2 sided, bit 3 file follows
//   file     varint  only with bit 3; line and offset then count from 0 again
//   line     varint  zigzag difference from the previous link
//   offset   varint  zigzag difference from the previous link
//   anon     varint  length in bytes
//   user     varint  length in bytes
//   ids      bytes   anon, then user
//
// A varint is LEB128: seven bits a byte, least significant first, the top bit set on all but the
// last, at most ten bytes, no needless ones. Zigzag maps 0, -1, 1, -2 to 0, 1, 2, 3. A block starts
// from file 0, line 0, offset 0.
//
// Example: create, sided, line 2 at offset 21, "a1" with "u1", then line 3 at 27, "a2" with "u2":
//
//   04 04 2a 02 02 61 31 75 31   04 02 0c 02 02 61 32 75 32
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/pair.hpp"

namespace idmerge {

/// Packs links into a buffer that is used again for each block.
class BlockPacker {
 public:
  /// Units: bytes and links after which a block is full.
  static constexpr std::size_t bytes_max = 1 << 20;
  static constexpr std::uint32_t links_max = 65'536;

  BlockPacker();

  void add(const Link& link);

  bool full() const { return used_ >= bytes_max || count_ >= links_max; }
  std::uint32_t count() const { return count_; }

  /// The packed links. Shape: valid until the next add() or clear().
  std::string_view bytes() const { return {buffer_.data(), used_}; }

  void clear();

  /// Give the packed links away in their buffer, which is longer, and begin anew in another.
  void swap(std::vector<char>& buffer);

 private:
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t file_ = 0;
  std::uint64_t line_ = 0;
  std::uint64_t offset_ = 0;
};

/// Reads packed links one after the other, for whoever wants few of them.
class LinkCursor {
 public:
  explicit LinkCursor(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  /// Read the next link into the same `link` as before; its ids are views into the bytes. False
  /// when there is none, or it is not readable.
  bool next(Link& link);

  /// Have all links been read?
  bool at_end() const { return at_ == end_ && !is_broken_; }

 private:
  bool read(Link& link);
  bool text(std::uint64_t size, std::string_view& value);

  const char* at_;
  const char* end_;
  bool is_broken_ = false;  // a link is not readable
};

/// Unpack `count` links. Shape: replaces `links`; their ids are views into `bytes`; `order` is left
/// at no_order.
///
/// Errors: Errc::input with what is wrong, for anything but exactly `count` links.
Result<void> unpack_links(std::string_view bytes, std::uint32_t count, std::vector<Link>& links);

}  // namespace idmerge
