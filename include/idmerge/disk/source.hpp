// SPDX-License-Identifier: MIT
//
// The bytes of one input, inflated, in chunks. Reading, checksumming and inflating happen on a
// thread of their own, so that parsing overlaps with them; the chunks in flight are few and their
// memory goes round, so a file of any size costs the same. A file that changes while it is read
// is an error: the plan would be of a table that never was.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/disk/inflate.hpp"

namespace idmerge {

/// Some bytes of an input, with room in front of them for what the reader has left over.
struct Chunk {
  std::vector<char> bytes;
  std::size_t begin = 0;
  std::size_t end = 0;
  bool last = false;
};

struct SourceOptions {
  std::size_t chunk_bytes = 256 << 10;
  std::size_t headroom_bytes = 64 << 10;
  /// Read only so many inflated bytes, as one chunk, for a look at the head; 0: read all.
  std::size_t head_bytes = 0;
};

/// What is known of an input when all of it has been read.
struct SourceFacts {
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;              // 0 for pipes
  std::array<std::uint8_t, 16> digest{};  // XXH3-128 of the raw bytes, canonical byte order
  Compression compression = Compression::none;
};

/// Why an input cannot be opened.
/// Errors: input, or outage where only the number of open files is in the way.
Error cannot_open(const std::string& path, int error_number);

/// One input being read.
///
/// Bounds: six chunks, 256 KiB of raw bytes and the inflater.
class Source {
 public:
  /// Open a file, or standard input for "-".
  ///
  /// Errors: as cannot_open(); usage if it is a directory.
  static Result<Source> open(const std::string& path, SourceOptions options = {});

  /// The digest of an input's raw bytes as they are now, links followed, as facts() has it.
  ///
  /// Errors: as open(); input for what cannot be read twice.
  static Result<std::array<std::uint8_t, 16>> digest_of(const std::string& path);

  Source(Source&&) noexcept;
  Source& operator=(Source&&) noexcept;
  ~Source();

  /// Change how it is read; only before the first chunk.
  void set_options(SourceOptions options);

  /// Wait for the next chunk and exchange it for `chunk`, whose memory is used again.
  ///
  /// Shape: never empty, except the one marked as last; none must be asked for behind it.
  /// Errors: input, "path: ...", for a damaged stream or a file that changes; outage for EIO.
  Result<void> next(Chunk& chunk);

  /// Is it something that cannot be read twice?
  bool is_pipe() const;

  /// The size at opening; 0 for pipes.
  std::uint64_t size() const;

  /// When it was last changed, at opening; 0 for pipes.
  std::int64_t mtime_ns() const;

  /// Device and inode, which tell whether two names are one file.
  std::array<std::uint64_t, 2> identity() const;

  /// Units: raw bytes read so far.
  std::uint64_t bytes_read() const;

  /// Only after the last chunk.
  const SourceFacts& facts() const;

 private:
  struct State;
  explicit Source(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace idmerge
