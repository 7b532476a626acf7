// SPDX-License-Identifier: MIT
//
// Reads one input in chunks of decompressed bytes. Reading, checksumming and decompression run on
// a separate thread, so that they overlap with parsing. The number of chunks is small and their
// memory is reused, so memory does not depend on the size of the file. A file that changes while it
// is read is an error, because the plan would describe a table that never existed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/inflate.hpp"
#include "util/result.hpp"

namespace idmerge::io {

/// Bytes of an input, from `begin` to `end`, with headroom before them for the unparsed rest of the
/// previous chunk.
struct Chunk {
  std::vector<char> bytes;
  std::size_t begin = 0;
  std::size_t end = 0;
  bool last = false;
};

struct ChunkReaderOptions {
  std::size_t chunk_bytes = 256 << 10;
  std::size_t headroom_bytes = 64 << 10;
  /// If not 0, read only this many decompressed bytes, as one chunk, to inspect the start of an
  /// input.
  std::size_t head_bytes = 0;
};

/// Facts about an input that has been read to its end.
struct ChunkReaderFacts {
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;              // 0 for pipes
  std::array<std::uint8_t, 16> digest{};  // XXH3-128 of the raw bytes, canonical byte order
  Compression compression = Compression::none;
};

/// The error for an input that cannot be opened: input, or outage if the limit of open files is
/// reached.
Error cannot_open(const std::string& path, int error_number);

/// One input being read.
///
/// Bounds: memory for six chunks, 256 KiB of raw bytes and the decompressor.
class ChunkReader {
 public:
  /// Open a file, or standard input for "-".
  ///
  /// Errors: as cannot_open(); usage if it is a directory.
  static Result<ChunkReader> open(const std::string& path, ChunkReaderOptions options = {});

  /// Read a file and compute the digest of its raw bytes, as in facts(). Symbolic links are
  /// followed.
  ///
  /// Errors: as open(); input if it cannot be read twice.
  static Result<std::array<std::uint8_t, 16>> digest_of(const std::string& path);

  ChunkReader(ChunkReader&&) noexcept;
  ChunkReader& operator=(ChunkReader&&) noexcept;
  ~ChunkReader();

  /// Requires: next() has not been called.
  void set_options(ChunkReaderOptions options);

  /// Wait for the next chunk and exchange it for `chunk`, whose memory is reused.
  ///
  /// Requires: no chunk marked `last` has been returned. Returns: a chunk that is empty only if it
  /// is the last one.
  /// Errors: input, "path: ...", for a damaged stream or a file that changes; outage for EIO.
  Result<void> next(Chunk& chunk);

  /// Returns whether the input cannot be read twice. Standard input counts as a pipe.
  bool is_pipe() const;

  /// Returns: the size when it was opened; 0 for pipes.
  std::uint64_t size() const;

  /// Returns: the modification time when it was opened; 0 for pipes.
  std::int64_t mtime_ns() const;

  /// Returns: device and inode, which tell whether two names lead to the same file.
  std::array<std::uint64_t, 2> identity() const;

  /// Units: raw bytes read so far.
  std::uint64_t bytes_read() const;

  /// Requires: the last chunk has been returned.
  const ChunkReaderFacts& facts() const;

 private:
  struct State;
  explicit ChunkReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace idmerge::io
