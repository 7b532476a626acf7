// SPDX-License-Identifier: MIT
//
// Where the sender is in its plan. Lanes take the next links from here, in order, leaving out what
// is settled, parked or not to be sent. Links are views into a block of the plan, which stays in
// memory until the last batch that was taken from it is given back; so memory is a few blocks,
// whatever the size of the plan.
#pragma once

#include <cstdint>
#include <memory>
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
  window_full,  // too far past the watermark: wait for answers
  end,          // no more links
};

/// What an earlier run may have delivered: what is not settled before `end`, and the first `links`
/// that are to be sent from there on.
struct Doubt {
  std::uint64_t end = 0;
  std::uint64_t links = 0;
};

class PlanCursor {
 public:
  /// Starts at the watermark. Shape: both must outlive the cursor.
  PlanCursor(const PlanReader& plan, RunLog& log, Doubt doubt = {});

  /// Take up to `links_max` of the next links; give them back with release().
  /// Errors: Errc::input when the plan is damaged.
  Result<Taken> take(std::size_t links_max, Batch& batch);

  /// After take() has come to the end: the parked links, one a batch, each once.
  Result<Taken> take_parked(Batch& batch);

  void release(Batch& batch);

  /// May an earlier run have delivered this link? Shape: of a link that was taken.
  bool may_be_delivered(std::uint64_t ordinal) const { return ordinal < doubt_end_; }

  /// Of what an earlier run may have delivered: how many of the next links are still not settled,
  /// at most.
  std::uint64_t still_in_doubt() const;

 private:
  Result<BlockInUse*> load(std::size_t index);

  const PlanReader& plan_;
  RunLog& log_;
  std::vector<std::unique_ptr<BlockInUse>> blocks_;
  BlockInUse* current_ = nullptr;
  std::uint64_t next_;
  std::uint64_t doubt_begin_;
  std::uint64_t doubt_end_;  // grows with every link that is not to be sent
  std::vector<std::uint64_t> parked_;
  bool parked_listed_ = false;
};

}  // namespace idmerge
