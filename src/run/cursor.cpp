// SPDX-License-Identifier: MIT
#include "idmerge/run/cursor.hpp"

#include <algorithm>

#include "idmerge/base/check.hpp"

namespace idmerge {

PlanCursor::PlanCursor(const PlanReader& plan, RunLog& log, Doubt doubt)
    : plan_(plan),
      log_(log),
      next_(log.ledger().watermark()),
      doubt_begin_(doubt.end),
      doubt_end_(doubt.links > 0 ? doubt.end + doubt.links : 0) {}

std::uint64_t PlanCursor::still_in_doubt() const {
  const auto state = log_.ledger().state();
  if (doubt_end_ <= state.watermark) return 0;
  const auto end = state.end();
  return doubt_end_ > end ? doubt_end_ - end : 1;
}

Result<BlockInUse*> PlanCursor::load(std::size_t index) {
  const auto free = std::find_if(blocks_.begin(), blocks_.end(), [&](const auto& block) {
    return block->batches == 0 && block.get() != current_;
  });
  BlockInUse* const into = free != blocks_.end()
                               ? free->get()
                               : blocks_.emplace_back(std::make_unique<BlockInUse>()).get();
  if (auto read = plan_.read_block(index, into->block); !read) return read.error();
  return into;
}

Result<Taken> PlanCursor::take(std::size_t links_max, Batch& batch) {
  IDMERGE_CHECK(batch.block == nullptr);
  const Ledger& ledger = log_.ledger();
  while (batch.links.size() < links_max && next_ < plan_.links()) {
    if (current_ == nullptr || next_ >= current_->block.first + current_->block.links.size()) {
      if (!batch.links.empty()) break;  // a batch never spans blocks
      current_ = nullptr;
      const auto loaded = load(plan_.find_block(next_));
      if (!loaded) return loaded.error();
      current_ = *loaded;
    }
    if (!ledger.admits(next_)) {
      if (batch.links.empty()) return Taken::window_full;
      break;
    }
    const auto at = static_cast<std::size_t>(next_ - current_->block.first);
    if (current_->block.verdicts[at] != Verdict::send) {
      log_.pass(next_);
      if (next_ >= doubt_begin_ && next_ < doubt_end_) ++doubt_end_;
    } else if (!ledger.is_settled(next_) && !ledger.is_parked(next_)) {
      batch.ordinals.push_back(next_);
      batch.links.push_back(current_->block.links[at]);
    }
    ++next_;
  }
  if (batch.links.empty()) return Taken::end;
  batch.block = current_;
  ++current_->batches;
  return Taken::links;
}

Result<Taken> PlanCursor::take_parked(Batch& batch) {
  IDMERGE_CHECK(batch.block == nullptr && next_ == plan_.links());
  if (!parked_listed_) {
    for (const auto& [ordinal, attempts] : log_.ledger().parked())
      parked_.push_back(ordinal);
    std::reverse(parked_.begin(), parked_.end());
    parked_listed_ = true;
  }
  if (parked_.empty()) return Taken::end;
  const auto ordinal = parked_.back();
  const auto index = plan_.find_block(ordinal);
  if (current_ == nullptr || current_->block.first != plan_.entry(index).first) {
    current_ = nullptr;
    const auto loaded = load(index);
    if (!loaded) return loaded.error();
    current_ = *loaded;
  }
  parked_.pop_back();
  batch.ordinals.push_back(ordinal);
  batch.links.push_back(
      current_->block.links[static_cast<std::size_t>(ordinal - current_->block.first)]);
  batch.block = current_;
  ++current_->batches;
  return Taken::links;
}

void PlanCursor::release(Batch& batch) {
  if (batch.block != nullptr) --batch.block->batches;
  batch.block = nullptr;
  batch.ordinals.clear();
  batch.links.clear();
}

}  // namespace idmerge
