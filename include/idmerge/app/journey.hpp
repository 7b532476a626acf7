// SPDX-License-Identifier: MIT
//
// `plan` and `run`, from settings to exit code: the checks in the order in which a mistake is
// cheapest, the plan, the guards, consent, the sending, and the account. What is irreversible comes
// after everything that can be known without it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/app/confirm.hpp"
#include "idmerge/app/credentials.hpp"
#include "idmerge/app/last_job.hpp"
#include "idmerge/app/options.hpp"
#include "idmerge/app/progress.hpp"
#include "idmerge/app/report.hpp"
#include "idmerge/app/show.hpp"
#include "idmerge/app/signals.hpp"
#include "idmerge/base/log.hpp"
#include "idmerge/disk/files.hpp"

namespace idmerge {

/// What the commands need of the world.
struct World {
  Files& files;
  Log& log;
  ProgressListener& progress;
  Signals& signals;
  Environment environment;
  AskPerson ask;
  Output output;  // stdout
  IdMask mask;
  std::vector<std::string> arguments;  // as typed, to print a command again
};

/// `idmerge plan`: 0 with a plan, 6 when a guard would stop its run.
Result<int> do_plan(Settings& settings, World& world);

/// `idmerge run`.
/// Errors: what prevented the start; whatever ends a run that has begun is said, and its exit code
/// returned.
Result<int> do_run(Settings& settings, World& world);

/// The directory of the job: --job, or INPUT.idmerge beside a single input file.
/// Errors: usage when that is not certain, or when it would lie inside an input directory.
Result<std::string> job_directory(const Settings& settings);

/// Is more rejected, held or to be sent than the guards allow?
/// Shape: `last` as read_last_job(). Errors: guard, with the numbers and what to do.
Result<void> check_guards(const Settings& settings, const JobView& view,
                          const std::optional<LastJob>& last);

/// The exit code of a job with all links settled or parked: 0, 3 or 5.
int exit_code_of(const JobView& view, const std::vector<Fate>& fail_on);

/// The exit code for an error, with the number of the signal that caused it, if one did.
int exit_code_of(const Error& error, int signal_number);

/// The command that goes on with this job, which remembers how it was run, without the option
/// `left_out`.
std::string next_command(const Settings& settings, std::string_view left_out = {});

/// The same of a job that remembers nothing yet: with all that was typed of target, pace, guards
/// and budgets.
std::string first_command(const Settings& settings, std::string_view left_out = {});

}  // namespace idmerge
