// SPDX-License-Identifier: MIT
//
// Where the sender is in its plan. Lanes take the next links from here, in order, leaving out what
// is settled, parked or not to be sent. Links are views into a block of the plan, which stays in
// memory until the last batch that was taken from it is given back; so memory is a few blocks,
// whatever the size of the plan. In a round of spares the links are those of a list instead.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/link_set.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/disk/run_log.hpp"

namespace idmerge {

/// The ceiling for a round that has come to the link `at` of its list: `ahead` more of it may
/// leave. UINT64_MAX: all of them.
std::uint64_t round_ceiling(const std::vector<std::uint64_t>& ordinals, std::size_t at,
                            std::uint64_t ahead);

/// Links that travel together. Shape: `ordinals[i]` is that of `links[i]`, ascending.
struct Batch {
  std::vector<std::uint64_t> ordinals;
  std::vector<Link> links;
  struct BlockInUse* block = nullptr;
};

struct BlockInUse {
  PlanBlock block;
  std::size_t batches = 0;
};

enum class Taken : std::uint8_t {
  links,
  window_full,  // too far past the watermark, or at the ceiling of the durable checkpoint: wait
  end,          // no more links
  enough,       // as many links are settled as were asked for, and there are more
};

class PlanCursor {
 public:
  /// Starts at the watermark. Shape: both must outlive the cursor.
  PlanCursor(const PlanReader& plan, RunLog& log);

  /// Let no more links be settled in all than so many: those under way count as settled, so that
  /// not one is sent too many.
  void settle_at_most(std::uint64_t links) { settled_max_ = links; }

  /// How many links the ceiling is kept ahead of the next one; see foresee().
  void set_ahead(std::uint64_t links) { ahead_ = links; }
  std::uint64_t ahead() const { return ahead_; }

  /// Let the next checkpoint have its ceiling as many links ahead as was set, of those that are to
  /// be sent.
  /// Errors: Errc::input when the plan is damaged.
  Result<void> foresee();

  /// Begin a round that sends these links only, or go on with it. Shape: ascending; the ledger is
  /// that of the round, and every batch was given back or is settled.
  void begin_round(std::vector<std::uint64_t> ordinals);

  /// Links that were settled are to be sent again: they come before all others. Those that an
  /// earlier run left so are known already.
  void send_again(const LinkSet& links);

  /// Are there such links that nobody has taken?
  bool has_again() const { return !again_.empty(); }

  /// Take up to `links_max` of the next links; give them back with release().
  /// Errors: Errc::input when the plan is damaged.
  Result<Taken> take(std::size_t links_max, Batch& batch);

  /// After take() has come to the end: the parked links, one a batch, each once.
  Result<Taken> take_parked(Batch& batch);

  void release(Batch& batch);

 private:
  Result<BlockInUse*> load(std::size_t index);
  Result<Taken> take_again(std::size_t links_max, Batch& batch);
  Result<std::uint64_t> ceiling_ahead();
  void step_over(Verdict verdict);
  bool skip_to_wanted();
  Verdict verdict() const;
  bool is_wanted() const;
  std::uint64_t allowance() const;

  const PlanReader& plan_;
  RunLog& log_;
  std::vector<std::unique_ptr<BlockInUse>> blocks_;
  BlockInUse* current_ = nullptr;
  std::uint64_t next_;
  std::optional<std::vector<std::uint64_t>> wanted_;  // of a round; else the verdicts say
  std::size_t wanted_at_ = 0;
  std::uint64_t ahead_ = 0;
  PlanBlock foreseen_block_;            // columns only
  std::uint64_t foreseen_end_ = 0;      // up to where the plan was looked at
  std::uint64_t foreseen_to_send_ = 0;  // links with the verdict `send` from the next one to there
  std::uint64_t settled_max_ = UINT64_MAX;
  std::uint64_t taken_ = 0;  // of links and parked links together
  std::uint64_t put_away_before_;
  std::vector<std::uint64_t> again_;  // descending
  BlockInUse* again_block_ = nullptr;
  std::vector<std::uint64_t> parked_;
  bool parked_listed_ = false;
};

}  // namespace idmerge
