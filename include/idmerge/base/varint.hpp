// SPDX-License-Identifier: MIT
//
// Numbers in as few bytes as they need: LEB128, seven bits a byte, least significant first, the top
// bit set on all but the last byte; and differences made small, whichever their sign.
#pragma once

#include <cstddef>
#include <cstdint>

namespace idmerge {

inline constexpr std::size_t varint_bytes_max = 10;

/// Write a number, and say where it ends. Bounds: varint_bytes_max.
inline char* put_varint(char* at, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U)
    *at++ = static_cast<char>(value | 0x80U);
  *at++ = static_cast<char>(value);
  return at;
}

/// Read a number and move `at` behind it. False for one that is cut, over 64 bits or longer than it
/// need be, so that each number has one form.
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

/// The difference, wrapping, as an unsigned number that is small when it is near zero.
constexpr std::uint64_t zigzag(std::uint64_t difference) {
  return (difference << 1U) ^ (0 - (difference >> 63U));
}
constexpr std::uint64_t unzigzag(std::uint64_t value) {
  return (value >> 1U) ^ (0 - (value & 1U));
}

}  // namespace idmerge
