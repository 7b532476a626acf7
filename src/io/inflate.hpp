// SPDX-License-Identifier: MIT
//
// Streaming decompression of gzip and zstd. The format is detected by content and never by file
// name, because data warehouses write gzip under any name. A stream that ends early or has a wrong
// checksum is an error that names the byte, because half a table looks like a complete one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "util/result.hpp"

namespace idmerge::io {

enum class Compression : std::uint8_t { none, gzip, zstd };

/// Returns: the name used in reports: "gzip".
std::string_view name(Compression compression);

/// Detect the compression from the first bytes of a file; 4 bytes suffice.
Compression detect_compression(std::string_view first);

/// Decompresses one file, which consists of consecutive gzip members or zstd frames.
///
/// Bounds: 40 KiB of memory for gzip; for zstd the window of its frames, up to 16 MiB. Frames with
/// a larger window are an error.
class Inflater {
 public:
  /// Requires: `compression` is not Compression::none.
  explicit Inflater(Compression compression);
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;
  ~Inflater();

  struct Step {
    std::size_t taken = 0;
    std::size_t made = 0;
  };

  /// Inflate until `in` is consumed or `out` is full.
  ///
  /// Errors: input, "byte N: ...", where N is an offset from the beginning of the file.
  Result<Step> inflate(std::string_view in, std::span<char> out);

  /// Check that the file may end here.
  ///
  /// Errors: input if a member or frame is incomplete.
  Result<void> finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace idmerge::io
