// SPDX-License-Identifier: MIT
//
// Named steps at which a test build can be killed, so that a test need not wait for SIGKILL to hit
// the one microsecond that matters. A fault point is a no-op in release builds.
//
// The steps in the order of a job: spill_rows, spill_part, spill_join (when planning runs on disk);
// plan_block, plan_columns; for each file that is replaced atomically (plan, checkpoint and so on)
// <file>_write, <file>_sync, <file>_rename, <file>_dir_sync; letters_cut, journal_create,
// letters_flush, journal_flush, letters_sync, ambiguous_sync, journal_remove. letters_cut and
// letters_flush are also reached for the list of ambiguous links.
#pragma once

#include <string_view>

namespace idmerge::util {

/// Kills this process (SIGKILL) if IDMERGE_FAULT is `after:<step>`, or, with `after:<step>:<n>`,
/// when the step is reached for the n-th time. With `log:<file>`, appends each step that is reached
/// to the file, one per line, so that a test finds all steps without a list that could be
/// incomplete.
///
/// Requires: a build with the option IDMERGE_FAULTS; otherwise a no-op.
#ifdef IDMERGE_FAULTS
void fault_point(std::string_view step);
#else
inline void fault_point(std::string_view) {}
#endif

}  // namespace idmerge::util
