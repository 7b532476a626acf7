// SPDX-License-Identifier: MIT
//
// The sender's position in its plan. Workers take the next links from here in order, except those
// that are settled, parked or not to be sent. Links are views into a block of the plan, which stays
// in memory until the last batch taken from it is released, so memory is a few blocks, whatever the
// size of the plan. In a round of spares, the links come from a list instead.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "plan/plan_file.hpp"
#include "plan/verdict.hpp"
#include "send/link_set.hpp"
#include "send/run_log.hpp"
#include "util/result.hpp"

namespace idmerge::send {

/// Returns: the ceiling of a round that has reached the link `at` of its list, so that `ahead` more
/// of its links may be sent. UINT64_MAX: all of them.
std::uint64_t round_ceiling(const std::vector<std::uint64_t>& ordinals, std::size_t at,
                            std::uint64_t ahead);

/// Links that are taken from the plan together. `ordinals[i]` is the ordinal of `links[i]`;
/// ordinals are ascending.
struct Batch {
  std::vector<std::uint64_t> ordinals;
  std::vector<input::Link> links;
  struct BlockInUse* block = nullptr;
};

struct BlockInUse {
  plan::PlanBlock block;
  std::size_t batches = 0;
};

enum class Taken : std::uint8_t {
  links,
  window_full,  // too far past the watermark, or at the durable ceiling: wait
  end,          // no more links
  enough,       // the maximum of settled links is reached, and there are more links
};

class PlanCursor {
 public:
  /// Starts at the watermark. Lifetime: `plan` and `log` must outlive the cursor.
  PlanCursor(const plan::PlanReader& plan, RunLog& log);

  /// Limits the number of settled links over all runs. Links in flight count as settled, so that
  /// not one link too many is sent.
  void settle_at_most(std::uint64_t links) { settled_max_ = links; }

  /// Sets the distance from the next link to the ceiling; see foresee(). Units: links to be sent.
  void set_ahead(std::uint64_t links) { ahead_ = links; }
  std::uint64_t ahead() const { return ahead_; }

  /// Raises the ceiling of the next checkpoint to `ahead` links to be sent beyond the next one.
  /// Errors: Errc::input when the plan is damaged.
  Result<void> foresee();

  /// Begins or resumes a round that sends only these links.
  /// Requires: ordinals ascending; the ledger is that of the round; every batch is released or
  /// settled.
  void begin_round(std::vector<std::uint64_t> ordinals);

  /// Sends reopened links again, before all others. The constructor does this for the links that an
  /// earlier run left reopened.
  void send_again(const LinkSet& links);

  /// Returns whether reopened links remain to be taken.
  bool has_again() const { return !again_.empty(); }

  /// Takes up to `links_max` of the next links; release() returns the batch.
  /// Errors: Errc::input when the plan is damaged.
  Result<Taken> take(std::size_t links_max, Batch& batch);

  /// Takes the parked links, each once and one per batch. Requires: take() has reached the end.
  Result<Taken> take_parked(Batch& batch);

  void release(Batch& batch);

 private:
  Result<BlockInUse*> load(std::size_t index);
  Result<Taken> take_again(std::size_t links_max, Batch& batch);
  Result<std::uint64_t> ceiling_ahead();
  void step_over(plan::Verdict verdict);
  bool skip_to_wanted();
  plan::Verdict verdict() const;
  bool is_wanted() const;
  std::uint64_t allowance() const;

  const plan::PlanReader& plan_;
  RunLog& log_;
  std::vector<std::unique_ptr<BlockInUse>> blocks_;
  BlockInUse* current_ = nullptr;
  std::uint64_t next_;
  std::optional<std::vector<std::uint64_t>> wanted_;  // list of a round; else verdicts decide
  std::size_t wanted_at_ = 0;
  std::uint64_t ahead_ = 0;
  plan::PlanBlock foreseen_block_;      // columns only
  std::uint64_t foreseen_end_ = 0;      // one past the last link whose verdict was read
  std::uint64_t foreseen_to_send_ = 0;  // links to be sent between next_ and foreseen_end_
  std::uint64_t settled_max_ = UINT64_MAX;
  std::uint64_t taken_ = 0;  // including parked links
  std::uint64_t put_away_before_;
  std::vector<std::uint64_t> again_;  // descending
  BlockInUse* again_block_ = nullptr;
  std::vector<std::uint64_t> parked_;
  bool parked_listed_ = false;
};

}  // namespace idmerge::send
