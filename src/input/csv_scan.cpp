// SPDX-License-Identifier: MIT
#include "input/csv_scan.hpp"

#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "util/check.hpp"

namespace idmerge::input {
namespace {

/// One bit for each of 64 bytes, lowest bit first, set where the byte is that character.
struct Masks {
  std::uint64_t delimiter;
  std::uint64_t quote;
  std::uint64_t newline;
  std::uint64_t cr;
};

/// Variants for the instruction sets: each computes the masks of 64 bytes.
struct Portable {
  char delimiter;

  Masks masks(const char* at) const {
    Masks masks{};
    for (unsigned i = 0; i < 64; ++i) {
      masks.delimiter |= static_cast<std::uint64_t>(at[i] == delimiter) << i;
      masks.quote |= static_cast<std::uint64_t>(at[i] == '"') << i;
      masks.newline |= static_cast<std::uint64_t>(at[i] == '\n') << i;
      masks.cr |= static_cast<std::uint64_t>(at[i] == '\r') << i;
    }
    return masks;
  }
};

#if defined(__x86_64__)
struct Sse2 {
  char delimiter;

  Masks masks(const char* at) const {
    __m128i workers[4];
    for (int i = 0; i < 4; ++i) {
      workers[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16 * i));
    }
    return {match(workers, delimiter), match(workers, '"'), match(workers, '\n'),
            match(workers, '\r')};
  }

  static std::uint64_t match(const __m128i (&workers)[4], char wanted) {
    const __m128i pattern = _mm_set1_epi8(wanted);
    std::uint64_t mask = 0;
    for (int i = 0; i < 4; ++i) {
      const auto bits = _mm_movemask_epi8(_mm_cmpeq_epi8(workers[i], pattern));
      mask |= static_cast<std::uint64_t>(static_cast<std::uint32_t>(bits)) << (16 * i);
    }
    return mask;
  }
};
#endif

/// Returns a mask in which bit i is set if the number of set bits from 0 to i is odd.
std::uint64_t prefix_xor(std::uint64_t bits) {
  bits ^= bits << 1U;
  bits ^= bits << 2U;
  bits ^= bits << 4U;
  bits ^= bits << 8U;
  bits ^= bits << 16U;
  bits ^= bits << 32U;
  return bits;
}

/// State carried from one block of 64 bytes to the next.
struct Carry {
  std::uint64_t in_quote = 0;     // all bits set: a quote is open
  std::uint64_t may_open = 1;     // the first byte may open a quote
  std::uint64_t after_close = 0;  // the last byte closed a quote
  std::uint64_t after_cr = 0;     // the last byte is an unquoted carriage return
};

/// Masks of the separators in one block of 64 bytes, and of the misplaced bytes.
struct Block {
  std::uint64_t ends;
  std::uint64_t newlines;
  std::uint64_t bad;
};

Block judge(const Masks& masks, Carry& carry, Separators& found) {
  if ((masks.quote | masks.cr | carry.in_quote | carry.after_close | carry.after_cr) == 0) {
    carry.may_open = (masks.delimiter | masks.newline) >> 63U;
    return {masks.delimiter | masks.newline, masks.newline, 0};
  }
  const std::uint64_t open_to = prefix_xor(masks.quote) ^ carry.in_quote;
  const std::uint64_t opening = masks.quote & open_to;
  const std::uint64_t closing = masks.quote & ~open_to;
  const std::uint64_t ends = (masks.delimiter | masks.newline) & ~open_to;
  const std::uint64_t lone = masks.cr & ~open_to;
  const std::uint64_t before_opening = ends | closing;
  const std::uint64_t behind_closing = ends | lone | masks.quote;
  const std::uint64_t after_close = (closing << 1U) | carry.after_close;
  const std::uint64_t after_cr = (lone << 1U) | carry.after_cr;
  const std::uint64_t bad = (opening & ~((before_opening << 1U) | carry.may_open)) |
                            (after_close & ~behind_closing) | (after_cr & ~masks.newline);
  found.doubled |= (opening & after_close) != 0;
  found.spanning |= (masks.newline & open_to) != 0;
  carry.in_quote = std::uint64_t{0} - (open_to >> 63U);
  carry.may_open = before_opening >> 63U;
  carry.after_close = closing >> 63U;
  carry.after_cr = lone >> 63U;
  return {ends, masks.newline & ~open_to, bad};
}

template <class Simd>
void find(std::string_view bytes, Simd simd, Separators& found) {
  std::uint32_t* end = found.ends.data();
  std::uint32_t* row = found.rows.data();
  Carry carry;
  for (std::size_t base = 0; base < bytes.size(); base += 64) {
    Masks masks;
    if (bytes.size() - base >= 64) {
      masks = simd.masks(bytes.data() + base);
    } else {
      char padded[64] = {};
      std::memcpy(padded, bytes.data() + base, bytes.size() - base);
      masks = simd.masks(padded);
    }
    auto [ends, newlines, bad] = judge(masks, carry, found);
    if (bytes.size() - base < 64) bad &= (std::uint64_t{1} << (bytes.size() - base)) - 1;
    if (bad != 0) {
      ends &= (bad & (std::uint64_t{0} - bad)) - 1;
      found.stopped = true;
    }
    while (ends != 0) {
      const int bit = std::countr_zero(ends);
      *end++ = static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(bit);
      *row = static_cast<std::uint32_t>(end - found.ends.data());
      row += (newlines >> bit) & 1U;
      ends &= ends - 1;
    }
    if (found.stopped) break;
  }
  found.end_count = static_cast<std::size_t>(end - found.ends.data());
  found.row_count = static_cast<std::size_t>(row - found.rows.data());
}

void prepare(std::string_view bytes, Separators& found) {
  IDMERGE_CHECK(bytes.size() < 0xffff'ffff);
  if (found.ends.size() < bytes.size() + 1) {
    found.ends.resize(bytes.size() + 1);
    found.rows.resize(bytes.size() + 1);
  }
  found.stopped = false;
  found.doubled = false;
  found.spanning = false;
}

}  // namespace

void find_separators_portably(std::string_view bytes, char delimiter, Separators& found) {
  prepare(bytes, found);
  find(bytes, Portable{delimiter}, found);
}

void find_separators(std::string_view bytes, char delimiter, Separators& found) {
#if defined(__x86_64__)
  prepare(bytes, found);
  find(bytes, Sse2{delimiter}, found);
#else
  find_separators_portably(bytes, delimiter, found);
#endif
}

}  // namespace idmerge::input
