// SPDX-License-Identifier: MIT
//
// The second journey: plan in, fates out. One io thread runs N lanes, each of which takes the next
// links of the plan, waits at the gate for its turn and a kept connection, posts, and settles; one
// disk thread does every sync. Lanes pull from a shared cursor instead of a queue: nothing is
// taken from the plan before a lane can send it, so at most `--pipeline` requests a lane are in
// flight when the process dies.
#pragma once

#include <memory>
#include <string>

#include "idmerge/disk/files.hpp"
#include "idmerge/disk/hold.hpp"
#include "idmerge/run/progress.hpp"
#include "idmerge/run/send_options.hpp"

namespace idmerge {

/// Send what the plan of `job` still has to send, and keep its checkpoint.
/// Errors: only what prevents a start (no plan, damaged, another target, locked); whatever ends a
/// run that has started is `SendReport::stop`, with the checkpoint saved.
/// Shape: `keep` gets the job, for who has something to write there before others may work on it.
Result<SendReport> send_plan(const SendOptions& options, const std::string& job, Files& files,
                             Progress& progress, const StopRequest& stop,
                             std::shared_ptr<Hold>* keep = nullptr);

}  // namespace idmerge
