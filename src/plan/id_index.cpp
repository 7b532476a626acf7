// SPDX-License-Identifier: MIT
#include "plan/id_index.hpp"

#include <algorithm>

#include "util/check.hpp"

namespace idmerge::plan {
namespace {

constexpr std::size_t slots_min = 4096;

/// The number of ids at which a table grows. A nearly full table has longer probes, but these read
/// a few consecutive cache lines, which costs less than the additional pages of a sparser table.
constexpr std::size_t limit_of(std::size_t slots) {
  return slots - slots / 8;
}

/// Returns a number of slots whose limit is above `ids`.
constexpr std::size_t slots_for(std::size_t ids) {
  return std::max(slots_min, ids + ids / 7 + 2);
}

}  // namespace

IdIndex::IdIndex(std::size_t expected_ids) {
  slots_.grow(slots_for(expected_ids));
  limit_ = limit_of(slots_.size());
}

IdNumber IdIndex::find_or_add(const Fingerprint& print) {
  auto at = home(print.low);
  while (true) {
    Slot& slot = slots_[at];
    if (slot.number_and_one == 0) break;
    if (slot.low == print.low && slot.high == print.high) return slot.number_and_one - 1;
    if (++at == slots_.size()) at = 0;
  }
  const auto number = static_cast<IdNumber>(count_++);
  slots_[at] = {print.low, print.high, number + 1};
  if (count_ >= limit_) stretch(slots_.size() + slots_.size() / 2);
  return number;
}

IdNumber IdIndex::find(const Fingerprint& print) const {
  auto at = home(print.low);
  while (slots_[at].number_and_one != 0) {
    const Slot& slot = slots_[at];
    if (slot.low == print.low && slot.high == print.high) return slot.number_and_one - 1;
    if (++at == slots_.size()) at = 0;
  }
  return no_id;
}

std::size_t IdIndex::bytes_for(std::size_t ids) {
  return slots_for(ids) * sizeof(Slot);
}

void IdIndex::reserve(std::size_t ids) {
  if (slots_for(ids) > slots_.size()) stretch(slots_for(ids));
}

void IdIndex::place(const Slot& slot) {
  auto at = home(slot.low);
  while (slots_[at].number_and_one != 0) {
    if (++at == slots_.size()) at = 0;
  }
  slots_[at] = slot;
}

// Moves every entry, from the last slot to the first, to its home in the larger table or the next
// free slot after it. That home is at or after the slot just emptied, where there are only moved
// entries and gaps, so no gap can appear later between an entry and its home. The few entries for
// which this does not hold (those displaced far from their home at the start of the table, and
// those that would pass its end) are placed after all others.
void IdIndex::stretch(std::size_t slots) {
  const auto before = slots_.size();
  IDMERGE_CHECK(slots > before);
  slots_.grow(slots);
  limit_ = limit_of(slots);
  std::vector<Slot> late;
  for (auto from = before; from-- > 0;) {
    const Slot slot = slots_[from];
    if (slot.number_and_one == 0) continue;
    slots_[from].number_and_one = 0;
    auto at = home(slot.low);
    if (at < from) {
      late.push_back(slot);
      continue;
    }
    while (at < slots && slots_[at].number_and_one != 0)
      ++at;
    if (at == slots) {
      late.push_back(slot);
    } else {
      slots_[at] = slot;
    }
  }
  for (const Slot& slot : late)
    place(slot);
}

bool PairSet::insert(IdNumber first, IdNumber second) {
  const auto key = (static_cast<std::uint64_t>(first) << 32U) | second;
  IDMERGE_CHECK(key != 0);
  if ((count_ + 1) * 2 > slots_.size()) grow();
  const auto mask = slots_.size() - 1;
  auto at = (key * 0x9E3779B97F4A7C15U) >> 20U & mask;
  while (slots_[at] != 0) {
    if (slots_[at] == key) return false;
    at = (at + 1) & mask;
  }
  slots_[at] = key;
  ++count_;
  return true;
}

void PairSet::grow() {
  std::vector<std::uint64_t> old(std::max<std::size_t>(1024, slots_.size() * 2));
  old.swap(slots_);
  const auto mask = slots_.size() - 1;
  for (const auto key : old) {
    if (key == 0) continue;
    auto at = (key * 0x9E3779B97F4A7C15U) >> 20U & mask;
    while (slots_[at] != 0)
      at = (at + 1) & mask;
    slots_[at] = key;
  }
}

}  // namespace idmerge::plan
