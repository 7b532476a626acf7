// SPDX-License-Identifier: MIT
//
// Checksums of what we write: XXH3, in 64 bits for small things and in 128 for what a plan id is
// made of. They find accidents, not forgers: who may write into a job directory may also write the
// checksums. Nothing ever decides by them that two ids are equal.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace idmerge {

/// 128 bits, in the byte order in which they are stored and printed.
using Digest = std::array<std::uint8_t, 16>;

/// XXH3 with 64 bits.
std::uint64_t checksum(std::string_view bytes, std::uint64_t seed = 0);

/// XXH3 with 128 bits, in canonical (big-endian) order.
Digest digest(std::string_view bytes);

/// 32 hexadecimal digits.
std::string hex(const Digest& digest);

/// Read 32 lower-case hexadecimal digits.
bool parse_hex(std::string_view text, Digest& digest);

/// The digest of bytes that come in pieces.
class Digester {
 public:
  Digester();
  Digester(Digester&&) noexcept;
  Digester& operator=(Digester&&) noexcept;
  ~Digester();

  void update(std::string_view bytes);

  /// Of all bytes so far; more may follow.
  Digest digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace idmerge
