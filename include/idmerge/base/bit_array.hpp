// SPDX-License-Identifier: MIT
//
// A bit for each of many ids or links: what is known of ten million of them stays in a cache, and
// grows in place as the arrays beside it do.
#pragma once

#include <cstddef>
#include <cstdint>

#include "idmerge/base/pages.hpp"

namespace idmerge {

/// Bits by number, all unset at first.
class BitArray {
 public:
  /// Hold at least `size` bits.
  void grow_to_hold(std::size_t size) { words_.grow_to_hold(size / 64 + 1); }

  void release() { words_.release(); }

  /// Shape: `bit` is below a size that is held.
  bool test(std::size_t bit) const { return (words_[bit / 64] >> bit % 64 & 1U) != 0; }

  /// Set a bit; true if it was not set before. Shape: as test().
  bool set(std::size_t bit) {
    const auto mask = std::uint64_t{1} << bit % 64;
    auto& word = words_[bit / 64];
    const bool is_news = (word & mask) == 0;
    word |= mask;
    return is_news;
  }

  /// Call `visit(bit)` for each bit that is set, in order.
  template <class Visit>
  void each_set(Visit visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (auto word = words_[i]; word != 0; word &= word - 1)
        visit(i * 64 + static_cast<std::size_t>(__builtin_ctzll(word)));
    }
  }

  /// Nothing is held until something is asked to be. Units: bytes.
  std::size_t bytes() const { return words_.bytes(); }

 private:
  PageArray<std::uint64_t> words_;
};

}  // namespace idmerge
