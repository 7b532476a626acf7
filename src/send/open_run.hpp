// SPDX-License-Identifier: MIT
//
// Opens a run: everything before the first request. It locks the job, reads the plan and the
// progress of earlier runs, and creates a log that is durable before a link is sent. Reading and
// beginning are separate steps, so that a job that is finished, or must not be sent to this target,
// is left unchanged.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "plan/job_lock.hpp"
#include "plan/job_paths.hpp"
#include "plan/plan_file.hpp"
#include "plan/progress.hpp"
#include "send/in_doubt.hpp"
#include "send/pace.hpp"
#include "send/plan_cursor.hpp"
#include "send/run_log.hpp"
#include "send/send_options.hpp"
#include "util/clock.hpp"
#include "util/result.hpp"

namespace idmerge::send {

/// A job that this process has locked, as it was found.
struct OpenRun {
  std::shared_ptr<plan::JobLock> hold;  // gives access to the files of the job
  plan::PlanReader plan;
  plan::RunPaths paths;
  std::optional<RunState> state;  // none if the run has not begun
  std::uint64_t to_send = 0;      // links of the plan with the verdict `send`
  std::uint64_t spares = 0;       // links of the plan with the verdict `spare`
  std::int64_t pinned_time_s = 0;
  InDoubt in_doubt = {};  // links that earlier runs may have delivered

  bool is_finished() const { return state && state->checkpoint.finished; }

  /// Returns: the counts of the job as it was found.
  SendReport report() const;
};

/// Locks a job and reads its plan and its run.
/// Errors: input for files that are absent, damaged, or not of the expected plan; locked.
Result<OpenRun> read_open_run(const SendOptions& options, const std::string& job, io::Files& files,
                              plan::Progress& progress,
                              const util::Clock& clock = util::machine_clock());

/// Returns: how many links the ceiling of a checkpoint is ahead of the next link: four times as
/// many as the rate allows until the next checkpoint, so that only a disk that stalls for seconds
/// delays a run.
/// Units: `in_flight_max` as in begin_run().
std::uint64_t ahead_max(const SendOptions& options, const Allowance& allowed,
                        std::uint64_t in_flight_max);

/// Begins or resumes the run. The plan and the first checkpoint are durable when this returns.
/// Consumes `open_run.state`.
///
/// Units: `in_flight_max` is the number of links that may be in flight when the process dies. The
/// rate and --sync-every determine how far the first ceiling is ahead of them, as if every link
/// were to be sent.
/// Errors: usage when the job was begun with another target, project or token.
Result<RunLog> begin_run(const SendOptions& options, const Allowance& allowed, OpenRun& open_run,
                         std::uint64_t in_flight_max, io::Files& files,
                         const util::Clock& clock = util::machine_clock());

/// Returns: the target as recorded in the checkpoint. It reveals no secret, and the same target has
/// different values in different jobs.
std::string target_fingerprint(const SendOptions& options, const plan::PlanFacts& plan);

/// Fills in the counts of a job. Units: `sendable` links of the plan.
void fill_counts(SendReport& report, const Checkpoint& now, std::uint64_t sendable);

}  // namespace idmerge::send
