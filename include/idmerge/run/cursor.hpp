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
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/disk/run_log.hpp"

namespace idmerge {

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
  window_full,  // too far past the watermark or the durable checkpoint: wait
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

  /// Begin a round that sends these links only, or go on with it. Shape: ascending; the ledger is
  /// that of the round, and every batch was given back or is settled.
  void begin_round(std::vector<std::uint64_t> ordinals);

  /// Take up to `links_max` of the next links; give them back with release().
  /// Errors: Errc::input when the plan is damaged.
  Result<Taken> take(std::size_t links_max, Batch& batch);

  /// After take() has come to the end: the parked links, one a batch, each once.
  Result<Taken> take_parked(Batch& batch);

  void release(Batch& batch);

 private:
  Result<BlockInUse*> load(std::size_t index);
  bool skip_to_wanted();
  bool is_wanted() const;
  std::uint64_t allowance() const;

  const PlanReader& plan_;
  RunLog& log_;
  std::vector<std::unique_ptr<BlockInUse>> blocks_;
  BlockInUse* current_ = nullptr;
  std::uint64_t next_;
  std::optional<std::vector<std::uint64_t>> wanted_;  // of a round; else the verdicts say
  std::size_t wanted_at_ = 0;
  std::uint64_t settled_max_ = UINT64_MAX;
  std::uint64_t taken_ = 0;  // of links and parked links together
  std::uint64_t put_away_before_;
  std::vector<std::uint64_t> parked_;
  bool parked_listed_ = false;
};

}  // namespace idmerge
