// SPDX-License-Identifier: MIT
//
// From what was typed to the settings of a command: each option applied in its turn, what follows
// from several together, and what does not go together. Also which options a job remembers, for the
// runs after this one. Nothing is opened or asked here.
#pragma once

#include <string>
#include <vector>

#include "idmerge/app/option_table.hpp"
#include "idmerge/app/typed.hpp"
#include "idmerge/base/result.hpp"
#include "idmerge/core/key_values.hpp"

namespace idmerge {

/// Give what was typed its meaning, and check what must hold among options.
/// Errors: usage, one line: `--rate: "abc" is not a rate: write for example 500/s`.
Result<Settings> parse_settings(const Typed& typed);

/// How fast a run goes when nobody says.
Rate default_rate(Api api);

/// Does the option say how a run goes, whatever its plan: target, pace, guards, budgets?
bool steers_run(const OptionEntry& entry);

/// What a later `run --job` needs to go on in the same way: target and pace as typed, and the
/// guards. Budgets and consent are given anew each time.
KeyValues words_to_record(const Settings& settings);

/// Take over what a run before recorded, except for what is typed now.
/// Errors: usage, naming the word, when a record cannot be what an option takes.
Result<void> recall(Settings& settings, const KeyValues& words);

/// Take over what a plan fixes for every run of it: the API and the project's mode.
/// Errors: usage, when what is typed does not go with it.
Result<void> adopt_plan(Settings& settings, const KeyValues& planned);

/// Do the planning options typed as flags agree with the plan?
/// Errors: usage, naming the first that does not.
Result<void> check_typed_against(const Settings& settings, const KeyValues& planned);

}  // namespace idmerge
