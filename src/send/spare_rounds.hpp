// SPDX-License-Identifier: MIT
//
// Rounds of spares: finds in the plan which spares each round sends. Only clusters that lost a link
// to a refusal are loaded, selected by the component column of the plan, and only as fingerprints
// of their ids. If there are many, they are loaded in groups, so that memory does not grow with the
// plan. Refusals are known from the dead letters. The list of a round is not stored but computed
// again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "io/files.hpp"
#include "plan/job_paths.hpp"
#include "plan/plan_file.hpp"
#include "plan/progress.hpp"
#include "send/in_doubt.hpp"
#include "send/plan_cursor.hpp"
#include "send/run_log.hpp"
#include "send/run_recorder.hpp"
#include "send/send_options.hpp"
#include "util/result.hpp"

namespace idmerge::send {

/// Links of the clusters that are in memory together. A single larger cluster is loaded completely.
inline constexpr std::size_t spare_links_max = 1 << 20;

/// Returns: the ordinals of the spares that a round sends, ascending; none when the rounds are
/// over.
///
/// Requires: `refused` has the ordinals of all refused links, ascending; rounds count from 1.
/// `stopped` is called once per block.
/// Bounds: 12 bytes per refused link, a bit per component, 40 bytes per link in memory.
/// Errors: Errc::input when the plan is damaged or has no such link, Errc::interrupted when
/// stopped.
Result<std::vector<std::uint64_t>> find_spares(const plan::PlanReader& plan,
                                               const std::vector<std::uint64_t>& refused,
                                               std::uint64_t round,
                                               const std::function<bool()>& stopped,
                                               std::size_t links_max = spare_links_max);

/// Returns: the spares of the current round of a run, computed from plan and dead letters; none in
/// round 0.
/// Errors: Errc::input if the checkpoint counts another number of them; as find_spares().
Result<std::vector<std::uint64_t>> spares_under_way(io::Files& files, const plan::RunPaths& paths,
                                                    const plan::PlanReader& plan,
                                                    const Checkpoint& now,
                                                    const std::function<bool()>& stopped);

/// Returns: the links in doubt after the run that left `state`, in any round.
/// Errors: as spares_under_way() and links_in_doubt().
Result<InDoubt> find_in_doubt(io::Files& files, const plan::RunPaths& paths,
                              const plan::PlanReader& plan, const RunState& state);

/// The rounds of one run.
class Rounds {
 public:
  /// Lifetime: all arguments must outlive this object.
  Rounds(const SendOptions& options, const plan::PlanReader& plan, const plan::RunPaths& paths,
         std::uint64_t spares, io::Files& files, RunRecorder& recorder, PlanCursor& cursor,
         plan::Progress& progress, const StopRequest& stop)
      : options_(options),
        plan_(plan),
        paths_(paths),
        spares_(spares),
        files_(files),
        recorder_(recorder),
        cursor_(cursor),
        progress_(progress),
        stop_(stop) {}

  /// Continues the round of spares in which the previous run stopped, if any.
  /// Errors: Errc::input if plan and dead letters do not match the checkpoint; as find_spares().
  Result<void> resume();

  /// When all links are settled and spares may replace refused ones, durably begins the round that
  /// sends them, unless the run is `stopping`.
  ///
  /// Requires: no request is in flight.
  /// Returns: whether a round has begun.
  /// Errors: Errc::budget when the canary ends here; Errc::outage.
  Result<bool> begin_next(bool stopping);

  /// Returns whether it is certain that no further round follows.
  bool over() const { return over_; }

 private:
  Result<std::vector<std::uint64_t>> spares_of(std::uint64_t round);

  const SendOptions& options_;
  const plan::PlanReader& plan_;
  const plan::RunPaths& paths_;
  const std::uint64_t spares_;  // of the plan
  io::Files& files_;
  RunRecorder& recorder_;
  PlanCursor& cursor_;
  plan::Progress& progress_;
  const StopRequest& stop_;
  bool over_ = false;
};

}  // namespace idmerge::send
