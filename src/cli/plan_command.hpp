// SPDX-License-Identifier: MIT
//
// The commands `plan` and `run`, from settings to exit code. Their steps are: checks, plan, guards,
// consent, sending, report. Checks are ordered by the cost of a late failure, and everything that
// can be verified in advance is verified before the irreversible step of sending.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/confirm.hpp"
#include "cli/credentials.hpp"
#include "cli/previous_job.hpp"
#include "cli/progress_line.hpp"
#include "cli/report_text.hpp"
#include "cli/settings.hpp"
#include "cli/show.hpp"
#include "cli/signals.hpp"
#include "io/files.hpp"
#include "util/log.hpp"

namespace idmerge::cli {

/// The environment and services that the commands use; tests pass their own.
struct CommandContext {
  io::Files& files;
  util::Log& log;
  ProgressListener& progress;
  plan::Progress& listeners;  // `progress` and what else wants to know
  StopSource& signals;
  Environment environment;
  AskPerson ask;
  Output output;  // stdout
  util::IdMask mask;
  std::vector<std::string> arguments;  // as typed, to print the command again
};

/// Runs `idmerge plan`. Returns: 0, or 6 if a guard would stop the run of this plan.
Result<int> do_plan(Settings& settings, CommandContext& context);

/// Runs `idmerge run`. Errors: what prevented the start. An error that ends a run in progress is
/// logged, and its exit code returned.
Result<int> do_run(Settings& settings, CommandContext& context);

/// Returns the directory of the job: --job, or INPUT.idmerge beside a single input file. Errors:
/// usage if it is ambiguous, or if it would lie inside an input directory.
Result<std::string> job_directory(const Settings& settings);

/// Checks that no guard is exceeded by what is rejected, held or to be sent. Requires: `last` from
/// read_previous_job(). Errors: guard, with the numbers and what to do.
Result<void> check_guards(const Settings& settings, const JobSummary& view,
                          const std::optional<PreviousJob>& last);

/// Returns the exit code of a job with all links settled or parked: 0, 3 or 5.
int exit_code_of(const JobSummary& view, const std::vector<send::RowOutcome>& fail_on);

/// Returns the exit code for an error; `signal_number` is the signal that caused it, or 0.
int exit_code_of(const Error& error, int signal_number);

/// Returns the command that continues a job which has recorded its options, without the option
/// `left_out`.
std::string next_command(const Settings& settings, std::string_view left_out = {});

/// As next_command(), for a job that has not recorded its options yet: includes all typed options
/// for target, pace, guards and budgets.
std::string first_command(const Settings& settings, std::string_view left_out = {});

}  // namespace idmerge::cli
