// SPDX-License-Identifier: MIT
//
// Decompression as a stream, told by content and never by name: warehouses write gzip under any
// name. A stream that ends early or fails its checksum is an error that says at which byte,
// because half a table looks like a whole one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "idmerge/base/result.hpp"

namespace idmerge {

enum class Compression : std::uint8_t { none, gzip, zstd };

/// The name as reports have it: "gzip".
std::string_view name(Compression compression);

/// What the first bytes of a file (4 suffice) say of it.
Compression detect_compression(std::string_view first);

/// One file's worth of gzip members or zstd frames, one after the other.
///
/// Bounds: gzip 40 KiB; zstd the window of its frames, up to 16 MiB: larger ones are refused.
class Inflater {
 public:
  /// Shape: not of Compression::none.
  explicit Inflater(Compression compression);
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;
  ~Inflater();

  struct Step {
    std::size_t taken = 0;
    std::size_t made = 0;
  };

  /// Inflate until `in` is used up or `out` is full.
  ///
  /// Errors: input, "byte N: ...", where N counts from the beginning of the file.
  Result<Step> inflate(std::string_view in, std::span<char> out);

  /// Say whether the file may end here.
  ///
  /// Errors: input if a member or frame is incomplete.
  Result<void> finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace idmerge
