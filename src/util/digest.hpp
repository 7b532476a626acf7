// SPDX-License-Identifier: MIT
//
// Checksums of the files that idmerge writes: 64-bit XXH3 for small records, 128-bit XXH3 for the
// digests from which a plan id is derived. They detect accidental damage, not forgery: anyone who
// can write to a job directory can also write matching checksums. No code relies on a checksum to
// decide that two ids are equal.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace idmerge::util {

/// A 128-bit digest, in the byte order in which it is stored and printed.
using Digest = std::array<std::uint8_t, 16>;

/// Returns: the 64-bit XXH3.
std::uint64_t checksum(std::string_view bytes, std::uint64_t seed = 0);

/// Returns: the 128-bit XXH3 in canonical (big-endian) order.
Digest digest(std::string_view bytes);

/// Returns: 32 lower-case hexadecimal digits.
std::string hex(const Digest& digest);

/// Parse exactly 32 lower-case hexadecimal digits.
bool parse_hex(std::string_view text, Digest& digest);

/// Computes the digest of bytes that arrive in pieces.
class Digester {
 public:
  Digester();
  Digester(Digester&&) noexcept;
  Digester& operator=(Digester&&) noexcept;
  ~Digester();

  void update(std::string_view bytes);

  /// Returns: the digest of all bytes so far; more may follow.
  Digest digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace idmerge::util
