// SPDX-License-Identifier: MIT
//
// A large array with one bit per id or link. Ten million bits take little more than a megabyte, so
// they stay in a CPU cache; the array grows in place, like the arrays of numbers used beside it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "util/page_array.hpp"

namespace idmerge::util {

/// Bits by index, all unset initially.
class BitArray {
 public:
  /// Makes room for at least `size` bits.
  void grow_to_hold(std::size_t size) { words_.grow_to_hold(size / 64 + 1); }

  void release() { words_.release(); }

  /// Requires: `bit` is below a size passed to grow_to_hold().
  bool test(std::size_t bit) const { return (words_[bit / 64] >> bit % 64 & 1U) != 0; }

  /// Sets a bit. Requires: as test(). Returns: true if it was not set before.
  bool set(std::size_t bit) {
    const auto mask = std::uint64_t{1} << bit % 64;
    auto& word = words_[bit / 64];
    const bool is_news = (word & mask) == 0;
    word |= mask;
    return is_news;
  }

  /// Calls `visit(bit)` for each set bit, in ascending order.
  template <class Visit>
  void each_set(Visit visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (auto word = words_[i]; word != 0; word &= word - 1)
        visit(i * 64 + static_cast<std::size_t>(__builtin_ctzll(word)));
    }
  }

  /// Allocated memory; 0 before the first grow_to_hold(). Units: bytes.
  std::size_t bytes() const { return words_.bytes(); }

 private:
  PageArray<std::uint64_t> words_;
};

}  // namespace idmerge::util
