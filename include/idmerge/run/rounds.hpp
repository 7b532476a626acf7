// SPDX-License-Identifier: MIT
//
// Which spares a round sends, found in the plan. Only clusters that lost a link to a refusal are
// loaded, found by the plan's component column, and of their ids only fingerprints; when they are
// many they are loaded in groups, so that memory does not grow with the plan. What is known of
// refusals are the letters about them; a round's list is not stored but found again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/disk/doubt.hpp"
#include "idmerge/disk/files.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/disk/run_log.hpp"
#include "idmerge/run/cursor.hpp"
#include "idmerge/run/outset.hpp"
#include "idmerge/run/progress.hpp"
#include "idmerge/run/recorder.hpp"
#include "idmerge/run/send_options.hpp"

namespace idmerge {

/// Units: links of clusters that are in memory together. One larger cluster is loaded whole.
inline constexpr std::size_t spare_links_max = 1 << 20;

/// The ordinals of the spares that a round sends, ascending; none when the rounds are over.
///
/// Shape: `refused` are the ordinals of all refused links, ascending; rounds from 1. `stopped` is
/// asked once a block.
/// Bounds: 12 bytes a refused link, a bit a component, 40 bytes a link in memory.
/// Errors: Errc::input when the plan is damaged or has no such link, Errc::interrupted when
/// stopped.
Result<std::vector<std::uint64_t>> find_spares(const PlanReader& plan,
                                               const std::vector<std::uint64_t>& refused,
                                               std::uint64_t round,
                                               const std::function<bool()>& stopped,
                                               std::size_t links_max = spare_links_max);

/// The spares of the round in which a run stands, as plan and dead letters lead to them; none in
/// round 0.
/// Errors: Errc::input when they are not as many as the checkpoint counts; as find_spares().
Result<std::vector<std::uint64_t>> spares_under_way(Files& files, const RunPaths& paths,
                                                    const PlanReader& plan, const Checkpoint& now,
                                                    const std::function<bool()>& stopped);

/// The links in doubt after the run that left `state`, in whatever round it was.
/// Errors: as spares_under_way() and links_in_doubt().
Result<Doubt> find_doubt(Files& files, const RunPaths& paths, const PlanReader& plan,
                         const RunState& state);

/// The rounds of one run.
class Rounds {
 public:
  /// Shape: all must outlive the rounds.
  Rounds(const SendOptions& options, const Outset& outset, Files& files, Recorder& recorder,
         PlanCursor& cursor, Progress& progress, const StopRequest& stop)
      : options_(options),
        outset_(outset),
        files_(files),
        recorder_(recorder),
        cursor_(cursor),
        progress_(progress),
        stop_(stop) {}

  /// Where the run before stopped in a round of spares, go on in that one.
  /// Errors: Errc::input when plan and letters no longer lead to it; as find_spares().
  Result<void> resume();

  /// When every link is settled and spares may restore what refusals have cost, begin the round
  /// that sends them, durably, unless the run is `stopping`; true when it has begun.
  ///
  /// Shape: nothing is under way. Errors: Errc::budget when the canary ends here; Errc::outage.
  Result<bool> begin_next(bool stopping);

  /// Is it certain that no other round follows?
  bool over() const { return over_; }

 private:
  Result<std::vector<std::uint64_t>> spares_of(std::uint64_t round);

  const SendOptions& options_;
  const Outset& outset_;
  Files& files_;
  Recorder& recorder_;
  PlanCursor& cursor_;
  Progress& progress_;
  const StopRequest& stop_;
  bool over_ = false;
};

}  // namespace idmerge
