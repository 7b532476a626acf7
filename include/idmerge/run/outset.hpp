// SPDX-License-Identifier: MIT
//
// Everything before the first request: plan, lock, where the run before stopped, and a log that is
// durable before a link leaves. Read first, begin second, so that a job in which nothing is to be
// done, or which must not be sent to this target, is left as it was.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "idmerge/base/result.hpp"
#include "idmerge/core/pace.hpp"
#include "idmerge/disk/doubt.hpp"
#include "idmerge/disk/hold.hpp"
#include "idmerge/disk/job.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/disk/run_log.hpp"
#include "idmerge/run/cursor.hpp"
#include "idmerge/run/progress.hpp"
#include "idmerge/run/send_options.hpp"

namespace idmerge {

/// A job that is ours, as it was found.
struct Outset {
  std::shared_ptr<Hold> hold;  // its files are those of the job
  PlanReader plan;
  RunPaths paths;
  std::optional<RunState> state;  // none when the run has not begun
  std::uint64_t to_send = 0;      // links of the plan with the verdict `send`
  std::uint64_t spares = 0;       // and with the verdict `spare`
  std::int64_t pinned_time_s = 0;
  Doubt doubt = {};  // what earlier runs may have delivered

  bool is_finished() const { return state && state->checkpoint.finished; }

  /// The counts of the job as it was found.
  SendReport report() const;
};

/// Take a job, and read its plan and its run.
/// Errors: input for what is absent, damaged, or not the plan that is expected; locked.
Result<Outset> read_outset(const SendOptions& options, const std::string& job, Files& files,
                           Progress& progress);

/// How many links the ceiling of a checkpoint is ahead of the next one: four times as many as the
/// pace lets leave until the next checkpoint, so that only a disk that takes seconds holds a run
/// back.
/// Units: `in_flight_max` as begin_run().
std::uint64_t ahead_max(const SendOptions& options, const Allowance& allowed,
                        std::uint64_t in_flight_max);

/// Begin or resume the run: plan and first checkpoint are durable when this returns.
///
/// Units: `in_flight_max` links may be under way when the process dies; pace and --sync-every say
/// how far ahead of them the first ceiling is, counted as if every link were to be sent.
/// Shape: `outset.state` is used up.
/// Errors: usage when the job was begun with another target, project or token.
Result<RunLog> begin_run(const SendOptions& options, const Allowance& allowed, Outset& outset,
                         std::uint64_t in_flight_max, Files& files);

/// The target as the checkpoint knows it: no secret can be read from it, and the same target has
/// another one in another job.
std::string target_fingerprint(const SendOptions& options, const PlanFacts& plan);

/// Fill in the counts of a job. Units: `sendable` links of the plan.
void fill_counts(SendReport& report, const Checkpoint& now, std::uint64_t sendable);

}  // namespace idmerge
