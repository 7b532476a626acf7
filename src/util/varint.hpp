// SPDX-License-Identifier: MIT
//
// Variable-length integers: LEB128, seven bits per byte, least significant first, with the top bit
// set on all bytes but the last. Zigzag encoding maps signed differences near zero to small
// unsigned numbers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace idmerge::util {

inline constexpr std::size_t varint_bytes_max = 10;

/// Writes a number and returns the end of its bytes. Bounds: at most varint_bytes_max bytes.
inline char* put_varint(char* at, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U)
    *at++ = static_cast<char>(value | 0x80U);
  *at++ = static_cast<char>(value);
  return at;
}

/// Reads a number and moves `at` past it. Returns false if it is truncated, exceeds 64 bits or is
/// longer than necessary, so that each number has exactly one encoding.
inline bool get_varint(const char*& at, const char* end, std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at == end) return false;
    const unsigned bits = static_cast<unsigned char>(*at++);
    value |= std::uint64_t{bits & 0x7fU} << shift;
    if (bits < 0x80) return !(bits == 0 && shift != 0) && !(shift == 63 && bits > 1);
  }
  return false;
}

/// Encodes a wrapping 64-bit difference; differences near zero become small.
constexpr std::uint64_t zigzag(std::uint64_t difference) {
  return (difference << 1U) ^ (0 - (difference >> 63U));
}
constexpr std::uint64_t unzigzag(std::uint64_t value) {
  return (value >> 1U) ^ (0 - (value & 1U));
}

}  // namespace idmerge::util
