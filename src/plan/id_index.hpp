// SPDX-License-Identifier: MIT
//
// The id index of the resolver: maps an id to a dense number, in order of first appearance. It
// stores fingerprints, not ids, in one flat table of 16-byte slots with linear probing. The home
// slot of a fingerprint is proportional to its value as a 64-bit number, so a larger table keeps
// the order of a smaller one. Growing is therefore one sequential pass that stretches the table in
// place (mremap), instead of random accesses to an old and a new table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "plan/fingerprint.hpp"
#include "util/page_array.hpp"

namespace idmerge::plan {

/// Units: dense numbers from 0.
using IdNumber = std::uint32_t;
inline constexpr IdNumber no_id = 0xFFFFFFFFU;

class IdIndex {
 public:
  /// Bounds: 16 bytes per slot, at most seven eighths of them used; at most 2^31 ids, which the
  /// caller checks.
  explicit IdIndex(std::size_t expected_ids = 0);

  /// Returns the number of an id; a new one if the id is new.
  IdNumber find_or_add(const Fingerprint& print);

  /// Returns the number of an id, or no_id.
  IdNumber find(const Fingerprint& print) const;

  /// Prefetches the slots of an id that will be looked up soon: its home slot, and the next cache
  /// line unless the home is the first slot of its line.
  void prefetch(const Fingerprint& print) const {
    const auto* const slot = slots_.data() + home(print.low);
    __builtin_prefetch(slot, 1);
    __builtin_prefetch(slot + 3, 1);
  }

  /// Makes room for a total of `ids` ids, so that the table need not grow before.
  void reserve(std::size_t ids);

  /// Frees the table. Requires: only size() is called afterwards.
  void release() { slots_.release(); }

  std::size_t size() const { return count_; }

  /// The number of ids that can be added before the table grows.
  std::size_t room() const { return limit_ - count_; }

  std::size_t bytes() const { return slots_.bytes(); }

  /// The size of the used slots. Units: bytes.
  std::size_t bytes_used() const { return count_ * sizeof(Slot); }

  /// Returns the size of a table with room for this many ids. Units: bytes.
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

  util::PageArray<Slot, util::PageSize::huge> slots_;
  std::size_t count_ = 0;
  std::size_t limit_ = 0;  // the table grows when count_ reaches it
};

/// An exact set of pairs of dense numbers, for pairs that cannot be stored as the single claim of
/// an id: those of ids in conflict, and those without sides.
class PairSet {
 public:
  /// Returns: true if the pair is new. Bounds: 8 bytes per slot, half of them used.
  bool insert(IdNumber first, IdNumber second);

  std::size_t size() const { return count_; }
  std::size_t bytes() const { return slots_.size() * sizeof(std::uint64_t); }

 private:
  void grow();

  std::vector<std::uint64_t> slots_;  // 0: empty; a pair is never (0, 0)
  std::size_t count_ = 0;
};

}  // namespace idmerge::plan
