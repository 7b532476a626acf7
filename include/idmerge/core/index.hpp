// SPDX-License-Identifier: MIT
//
// The id index of the census: which dense number an id has, in order of first appearance. It
// stores fingerprints, not ids, in one flat table of 16-byte slots probed linearly. The slot of a
// fingerprint is its position in the whole range of 64-bit numbers, so a larger table keeps the
// order of a smaller one: growing is one sequential pass that stretches the table in place
// (mremap), instead of a second table and a random walk over both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "idmerge/base/pages.hpp"
#include "idmerge/core/fingerprint.hpp"

namespace idmerge {

/// Units: dense numbers from 0.
using IdNumber = std::uint32_t;
inline constexpr IdNumber no_id = 0xFFFFFFFFU;

class IdIndex {
 public:
  /// Bounds: 16 bytes a slot, at most seven eighths of them used; 2^31 ids at the most, which the
  /// caller checks.
  explicit IdIndex(std::size_t expected_ids = 0);

  /// The number of an id, a new one if it was never seen.
  IdNumber find_or_add(const Fingerprint& print);

  /// The number of an id, or no_id.
  IdNumber find(const Fingerprint& print) const;

  /// Bring the slots of an id that will be looked up soon into the cache: its home, and the next
  /// cache line if the home is not the first slot of its own.
  void prefetch(const Fingerprint& print) const {
    const auto* const slot = slots_.data() + home(print.low);
    __builtin_prefetch(slot, 1);
    __builtin_prefetch(slot + 3, 1);
  }

  /// Make room for `ids` numbers in all, so that none of the next calls has to grow the table.
  void reserve(std::size_t ids);

  /// Give the table back; only size() may be asked afterwards.
  void release() { slots_.release(); }

  std::size_t size() const { return count_; }

  /// Ids that can be added before the table grows.
  std::size_t room() const { return limit_ - count_; }

  std::size_t bytes() const { return slots_.bytes(); }

  /// What the slots of the numbers take, gaps not counted. Units: bytes.
  std::size_t bytes_used() const { return count_ * sizeof(Slot); }

  /// What a table with room for so many ids takes. Units: bytes.
  static std::size_t bytes_for(std::size_t ids);

 private:
  struct Slot {
    std::uint64_t low;
    std::uint32_t high;
    std::uint32_t number_and_one;  // 0: empty
  };

  __extension__ using Wide = unsigned __int128;

  std::size_t home(std::uint64_t low) const {
    return static_cast<std::size_t>((static_cast<Wide>(low) * slots_.size()) >> 64U);
  }
  void place(const Slot& slot);
  void stretch(std::size_t slots);

  PageArray<Slot, PageSize::huge> slots_;
  std::size_t count_ = 0;
  std::size_t limit_ = 0;  // of count_, before the table grows
};

/// An exact set of pairs of dense numbers, for pairs that no single claim describes: those of
/// ids in conflict, and those without sides.
class PairSet {
 public:
  /// True when the pair was not in the set before. Bounds: 8 bytes a slot, half of them used.
  bool insert(IdNumber first, IdNumber second);

  std::size_t size() const { return count_; }
  std::size_t bytes() const { return slots_.size() * sizeof(std::uint64_t); }

 private:
  void grow();

  std::vector<std::uint64_t> slots_;  // 0: empty; a pair is never (0, 0)
  std::size_t count_ = 0;
};

}  // namespace idmerge
