// SPDX-License-Identifier: MIT
#include "send/ledger.hpp"

#include <algorithm>
#include <bit>

#include "util/check.hpp"

namespace idmerge::send {
namespace {

constexpr std::uint64_t words = Ledger::window_max / 64;
static_assert(std::has_single_bit(words));

constexpr std::size_t word_of(std::uint64_t ordinal) {
  return (ordinal / 64) & (words - 1);
}
constexpr std::uint64_t mask_of(std::uint64_t ordinal) {
  return std::uint64_t{1} << (ordinal % 64);
}

Error contradiction(const char* what) {
  return {Errc::input, what};
}

}  // namespace

Ledger::Ledger(std::uint64_t links) : links_(links), ring_(words) {}

bool Ledger::bit(std::uint64_t ordinal) const {
  return (ring_[word_of(ordinal)] & mask_of(ordinal)) != 0;
}

/// Sets the bit of a link past the watermark. Returns: false if it was set.
bool Ledger::mark(std::uint64_t ordinal) {
  IDMERGE_CHECK(ordinal < links_ && ordinal >= watermark_ && admits(ordinal));
  if (ordinal < top_ && bit(ordinal)) return false;
  ring_[word_of(ordinal)] |= mask_of(ordinal);
  top_ = std::max(top_, ordinal + 1);
  return true;
}

/// Moves the watermark over marked links, a word at a time, and clears their bits.
void Ledger::advance() {
  while (watermark_ < top_) {
    auto& word = ring_[word_of(watermark_)];
    const auto at = watermark_ % 64;
    const auto ones = static_cast<std::uint64_t>(std::countr_one(word >> at));
    if (ones == 0) return;
    const auto run = ones == 64 ? ~std::uint64_t{0} : ((std::uint64_t{1} << ones) - 1) << at;
    word &= ~run;
    watermark_ += ones;
  }
}

bool Ledger::is_settled(std::uint64_t ordinal) const {
  const bool is_done_with = ordinal < watermark_ || (ordinal < top_ && bit(ordinal));
  return is_done_with && !is_parked(ordinal) && !is_reopened(ordinal);
}

/// A link gets its fate; false if it has one.
bool Ledger::give_fate(std::uint64_t ordinal) {
  if (is_reopened(ordinal)) {
    reopened_.remove(ordinal);
    return true;
  }
  return parked_.erase(ordinal) != 0 || mark(ordinal);
}

void Ledger::deliver(std::uint64_t first, std::uint64_t count, bool ambiguous) {
  IDMERGE_CHECK(count <= links_ && first <= links_ - count);
  for (auto ordinal = first; ordinal < first + count; ++ordinal) {
    const bool is_first = give_fate(ordinal);
    IDMERGE_CHECK(is_first);
  }
  delivered_ += count;
  if (ambiguous) ambiguous_ += count;
  advance();
}

void Ledger::refuse(std::uint64_t ordinal) {
  const bool is_first = give_fate(ordinal);
  IDMERGE_CHECK(is_first);
  ++refused_;
  advance();
}

void Ledger::reopen(std::uint64_t ordinal, Settled as) {
  auto& settled = as == Settled::refused ? refused_ : delivered_;
  IDMERGE_CHECK(is_settled(ordinal) && settled > 0);
  --settled;
  if (as == Settled::ambiguous) --ambiguous_;
  reopened_.add(ordinal);
}

void Ledger::pass(std::uint64_t first, std::uint64_t count) {
  IDMERGE_CHECK(count <= links_ && first <= links_ - count);
  for (auto ordinal = std::max(first, watermark_); ordinal < first + count; ++ordinal) {
    if (ordinal < watermark_ || !mark(ordinal)) continue;
    ++passed_;
    if (ordinal == watermark_) advance();
  }
}

void Ledger::park(std::uint64_t ordinal, std::uint32_t attempts) {
  const auto found = parked_.find(ordinal);
  if (found != parked_.end()) {
    found->second = attempts;
    return;
  }
  IDMERGE_CHECK(can_park());
  const bool is_first = give_fate(ordinal);
  IDMERGE_CHECK(is_first);
  parked_.emplace(ordinal, attempts);
  advance();
}

std::vector<LinkRange> Ledger::ranges_above() const {
  std::vector<LinkRange> ranges;
  for (auto ordinal = watermark_; ordinal < top_;) {
    const auto rest = ring_[word_of(ordinal)] >> (ordinal % 64);
    if (rest == 0) {
      ordinal += 64 - ordinal % 64;
      continue;
    }
    ordinal += static_cast<std::uint64_t>(std::countr_zero(rest));
    const auto first = ordinal;
    while (ordinal < top_) {
      const auto left = 64 - ordinal % 64;
      const auto ones =
          static_cast<std::uint64_t>(std::countr_one(ring_[word_of(ordinal)] >> (ordinal % 64)));
      ordinal += std::min(ones, left);
      if (ones < left) break;
    }
    ranges.push_back({first, ordinal - first});
  }
  return ranges;
}

LedgerState Ledger::state() const {
  LedgerState state{.links = links_,
                    .watermark = watermark_,
                    .above = ranges_above(),
                    .parked = {},
                    .delivered = delivered_,
                    .refused = refused_,
                    .ambiguous = ambiguous_,
                    .passed = passed_,
                    .reopened = reopened_.ranges()};
  state.parked.reserve(parked_.size());
  for (const auto& [ordinal, attempts] : parked_)
    state.parked.push_back({ordinal, attempts});
  return state;
}

Result<Ledger> Ledger::restore(const LedgerState& state) {
  if (state.links > links_max) return contradiction("no plan has that many links");
  if (state.watermark > state.links) return contradiction("the watermark is past the last link");
  Ledger ledger(state.links);
  ledger.watermark_ = ledger.top_ = state.watermark;
  auto done = state.watermark;
  auto next = state.watermark + 1;  // a range at the watermark itself would have moved it
  for (const auto& range : state.above) {
    if (range.first < next || range.count == 0 || range.first >= state.links ||
        range.count > state.links - range.first) {
      return contradiction("the settled ranges are out of order or out of bounds");
    }
    if (!ledger.admits(range.first + range.count - 1)) {
      return contradiction("a settled range is too far past the watermark");
    }
    for (auto i = range.first; i < range.first + range.count; ++i)
      ledger.mark(i);
    done += range.count;
    next = range.first + range.count + 1;
  }
  if (state.parked.size() > parked_max) return contradiction("there are too many parked links");
  for (const auto& [ordinal, attempts] : state.parked) {
    const bool is_marked =
        ordinal < state.watermark || (ordinal < ledger.top_ && ledger.bit(ordinal));
    if (!is_marked || (!ledger.parked_.empty() && ordinal <= ledger.parked_.rbegin()->first)) {
      return contradiction("the parked links are out of order or out of bounds");
    }
    ledger.parked_.emplace_hint(ledger.parked_.end(), ordinal, attempts);
  }
  if (!are_ranges(state.reopened, state.links)) {
    return contradiction("the reopened links are out of order or out of bounds");
  }
  for (const auto& [first, count] : state.reopened) {
    for (auto i = std::max(first, state.watermark); i < first + count; ++i) {
      if (i >= ledger.top_ || !ledger.bit(i)) {
        return contradiction("a reopened link was never settled");
      }
    }
  }
  ledger.reopened_ = LinkSet(state.reopened);
  for (const auto& [ordinal, attempts] : ledger.parked_) {
    if (ledger.is_reopened(ordinal)) return contradiction("a link is parked and reopened");
  }
  const auto reopened = ledger.reopened_.size();
  // Each count is at most `links`, so the sum cannot overflow.
  if (state.delivered > done || state.refused > done || state.passed > done ||
      state.delivered + state.refused + state.passed + state.parked.size() + reopened != done) {
    return contradiction("the counts do not add up to the settled links");
  }
  if (state.ambiguous > state.delivered) {
    return contradiction("more links are ambiguous than delivered");
  }
  ledger.delivered_ = state.delivered;
  ledger.refused_ = state.refused;
  ledger.ambiguous_ = state.ambiguous;
  ledger.passed_ = state.passed;
  return ledger;
}

}  // namespace idmerge::send
