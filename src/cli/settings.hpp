// SPDX-License-Identifier: MIT
//
// Turns typed options into the settings of a command: applies each option, derives the settings
// that depend on several, and rejects invalid combinations. It also decides which options a job
// records for its later runs. Nothing is opened or asked here.
#pragma once

#include <string>
#include <vector>

#include "cli/option_table.hpp"
#include "cli/raw_options.hpp"
#include "util/key_values.hpp"
#include "util/result.hpp"

namespace idmerge::cli {

/// Applies the typed options and checks the constraints between them. Errors: usage, one line:
/// `--rate: "abc" is not a rate: write for example 500/s`.
Result<Settings> parse_settings(const RawOptions& typed);

/// Returns whether the option configures a run independently of its plan: target, pace, guards,
/// budgets.
bool steers_run(const OptionEntry& entry);

/// Returns the options that a later `run --job` needs to continue in the same way: target and pace
/// as typed, and the guards. Budgets and consent are not recorded; they have to be given again.
util::KeyValues values_to_record(const Settings& settings);

/// Applies the options that an earlier run has recorded, except those typed now. Errors: usage,
/// naming the option, if a recorded value is invalid.
Result<void> recall(Settings& settings, const util::KeyValues& words);

/// Applies the settings that a plan fixes for all its runs: API and project mode. Errors: usage if
/// a typed option contradicts them; input if this version has no such API.
Result<void> adopt_plan(Settings& settings, const util::KeyValues& planned);

/// Checks that planning options typed as flags agree with the plan. Errors: usage, naming the first
/// that does not.
Result<void> check_typed_against(const Settings& settings, const util::KeyValues& planned);

}  // namespace idmerge::cli
