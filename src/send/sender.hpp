// SPDX-License-Identifier: MIT
//
// Sends the links of a plan and records their outcomes. One io thread runs N workers, each of which
// takes the next links of the plan, acquires a permit and a kept-alive connection from the
// scheduler, sends a request, and records the outcomes. During the run, one sync thread saves the
// snapshots. Workers pull from a shared cursor instead of a queue: no link is taken from the plan
// before a worker can send it, so at most `--pipeline` requests per worker are in flight when the
// process dies.
#pragma once

#include <memory>
#include <string>

#include "io/files.hpp"
#include "plan/job_lock.hpp"
#include "plan/progress.hpp"
#include "send/runtime.hpp"
#include "send/send_options.hpp"

namespace idmerge::send {

/// Send all remaining links of the plan of `job`, and keep its checkpoint up to date.
///
/// Requires: `keep`, if given, receives the hold on the job, so that the caller can write to the
/// job before another process may use it.
/// Errors: only what prevents the start (no plan, damaged, another target, locked). The end of a
/// run that has started is reported in `SendReport::stop`; the checkpoint is then saved, unless
/// the disk failed or the job is gone.
Result<SendReport> send_plan(const SendOptions& options, const std::string& job, io::Files& files,
                             plan::Progress& progress, const StopRequest& stop,
                             std::shared_ptr<plan::JobLock>* keep = nullptr);

/// The same on a given runtime.
Result<SendReport> send_plan(const SendOptions& options, const std::string& job, io::Files& files,
                             plan::Progress& progress, const StopRequest& stop, Runtime& runtime,
                             std::shared_ptr<plan::JobLock>* keep = nullptr);

}  // namespace idmerge::send
