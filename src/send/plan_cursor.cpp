// SPDX-License-Identifier: MIT
#include "send/plan_cursor.hpp"

#include <algorithm>
#include <functional>

#include "util/check.hpp"

namespace idmerge::send {

std::uint64_t round_ceiling(const std::vector<std::uint64_t>& ordinals, std::size_t at,
                            std::uint64_t ahead) {
  if (ahead >= ordinals.size() - at) return UINT64_MAX;
  return ordinals[at + static_cast<std::size_t>(ahead)];
}

PlanCursor::PlanCursor(const plan::PlanReader& plan, RunLog& log)
    : plan_(plan), log_(log), next_(log.ledger().watermark()), put_away_before_(log.put_away()) {
  send_again(log.ledger().reopened());
}

void PlanCursor::send_again(const LinkSet& links) {
  for (const auto& [first, count] : links.ranges()) {
    for (auto ordinal = first; ordinal < first + count; ++ordinal)
      again_.push_back(ordinal);
  }
  std::sort(again_.begin(), again_.end(), std::greater<>());
}

Result<Taken> PlanCursor::take_again(std::size_t links_max, Batch& batch) {
  if (allowance() == 0) {
    return log_.settled() >= settled_max_ ? Taken::enough : Taken::window_full;
  }
  const auto index = plan_.find_block(again_.back());
  const auto first = plan_.entry(index).first;
  if (again_block_ == nullptr || again_block_->block.first != first) {
    again_block_ = nullptr;
    const auto loaded = load(index);
    if (!loaded) return loaded.error();
    again_block_ = *loaded;
  }
  const auto end = first + again_block_->block.links.size();
  while (batch.links.size() < links_max && !again_.empty() && again_.back() < end &&
         allowance() > 0) {
    const auto ordinal = again_.back();
    again_.pop_back();
    ++taken_;
    batch.ordinals.push_back(ordinal);
    batch.links.push_back(again_block_->block.links[static_cast<std::size_t>(ordinal - first)]);
  }
  batch.block = again_block_;
  ++again_block_->batches;
  if (again_.empty()) again_block_ = nullptr;
  return Taken::links;
}

void PlanCursor::begin_round(std::vector<std::uint64_t> ordinals) {
  wanted_ = std::move(ordinals);
  wanted_at_ = 0;
  foreseen_end_ = 0;
  current_ = nullptr;  // it may be past the watermark
  next_ = log_.ledger().watermark();
  parked_.clear();
  parked_listed_ = false;
}

/// Returns: the ordinal before which the next `ahead_` links to be sent lie. This reads the columns
/// of every block a second time, shortly before the block itself.
Result<std::uint64_t> PlanCursor::ceiling_ahead() {
  if (wanted_) return round_ceiling(*wanted_, wanted_at_, ahead_);
  if (foreseen_end_ < next_) {
    foreseen_end_ = next_;
    foreseen_to_send_ = 0;
  }
  while (foreseen_to_send_ < ahead_ && foreseen_end_ < plan_.links()) {
    plan::PlanBlock& block = foreseen_block_;
    if (foreseen_end_ < block.first || foreseen_end_ >= block.first + block.verdicts.size()) {
      const auto read = plan_.read_columns(plan_.find_block(foreseen_end_), block);
      if (!read) return read.error();
    }
    const auto at = static_cast<std::size_t>(foreseen_end_ - block.first);
    if (block.verdicts[at] == plan::Verdict::send) ++foreseen_to_send_;
    ++foreseen_end_;
  }
  return foreseen_end_;
}

Result<void> PlanCursor::foresee() {
  const auto ceiling = ceiling_ahead();
  if (!ceiling) return ceiling.error();
  log_.raise_ceiling(std::min(*ceiling, plan_.links()));
  return {};
}

void PlanCursor::step_over(plan::Verdict verdict) {
  if (next_ < foreseen_end_ && verdict == plan::Verdict::send) --foreseen_to_send_;
  ++next_;
}

/// Returns: how many links may still be taken. Links in flight count as settled.
std::uint64_t PlanCursor::allowance() const {
  const auto under_way = taken_ - (log_.put_away() - put_away_before_);
  const auto used = log_.settled() + under_way;
  return settled_max_ > used ? settled_max_ - used : 0;
}

/// Marks the links before the next one of the round's list as passed.
/// Returns: false if that link is too far past the watermark.
bool PlanCursor::skip_to_wanted() {
  if (!wanted_) return true;
  while (wanted_at_ < wanted_->size() && (*wanted_)[wanted_at_] < next_)
    ++wanted_at_;
  const auto target = wanted_at_ < wanted_->size() ? (*wanted_)[wanted_at_] : plan_.links();
  while (next_ < target) {
    const Ledger& ledger = log_.ledger();
    if (!ledger.admits(next_)) return false;
    const auto count = std::min(target, ledger.watermark() + Ledger::window_max) - next_;
    log_.pass(next_, count);
    next_ += count;
  }
  return true;
}

plan::Verdict PlanCursor::verdict() const {
  return current_->block.verdicts[static_cast<std::size_t>(next_ - current_->block.first)];
}

bool PlanCursor::is_wanted() const {
  // In a round, skip_to_wanted() has moved to a link of the list.
  return wanted_ || verdict() == plan::Verdict::send;
}

Result<BlockInUse*> PlanCursor::load(std::size_t index) {
  const auto free = std::find_if(blocks_.begin(), blocks_.end(), [&](const auto& block) {
    return block->batches == 0 && block.get() != current_ && block.get() != again_block_;
  });
  BlockInUse* const into = free != blocks_.end()
                               ? free->get()
                               : blocks_.emplace_back(std::make_unique<BlockInUse>()).get();
  if (auto read = plan_.read_block(index, into->block); !read) return read.error();
  return into;
}

Result<Taken> PlanCursor::take(std::size_t links_max, Batch& batch) {
  IDMERGE_CHECK(batch.block == nullptr);
  if (has_again()) return take_again(links_max, batch);
  const Ledger& ledger = log_.ledger();
  while (batch.links.size() < links_max && next_ < plan_.links()) {
    if (!skip_to_wanted()) {
      if (batch.links.empty()) return Taken::window_full;
      break;
    }
    if (next_ == plan_.links()) break;
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
    if (!is_wanted()) {
      log_.pass(next_);
    } else if (!ledger.is_settled(next_) && !ledger.is_parked(next_) &&
               !ledger.is_reopened(next_)) {
      if (allowance() == 0) {
        if (!batch.links.empty()) break;
        return log_.settled() >= settled_max_ ? Taken::enough : Taken::window_full;
      }
      if (!log_.may_hand_out(next_)) {
        log_.wait_for_ceiling(next_);
        if (batch.links.empty()) return Taken::window_full;
        break;
      }
      ++taken_;
      log_.hand_out(next_);
      batch.ordinals.push_back(next_);
      batch.links.push_back(current_->block.links[at]);
    }
    step_over(verdict());
  }
  if (batch.links.empty()) return Taken::end;
  IDMERGE_CHECK(current_ != nullptr);
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
  if (allowance() == 0) {
    return log_.settled() >= settled_max_ ? Taken::enough : Taken::window_full;
  }
  const auto ordinal = parked_.back();
  const auto index = plan_.find_block(ordinal);
  if (current_ == nullptr || current_->block.first != plan_.entry(index).first) {
    current_ = nullptr;
    const auto loaded = load(index);
    if (!loaded) return loaded.error();
    current_ = *loaded;
  }
  parked_.pop_back();
  ++taken_;
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

}  // namespace idmerge::send
