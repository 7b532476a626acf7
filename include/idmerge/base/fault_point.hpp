// SPDX-License-Identifier: MIT
//
// Named steps at which a test build can be killed, so that a test need not wait for SIGKILL to hit
// the one microsecond that matters. A point is a no-op in what is shipped.
//
// The steps of the disk wing, in the order of a job: plan_block, plan_columns; for each file that
// is replaced atomically (plan, checkpoint and so on) <file>_write, <file>_sync, <file>_rename,
// <file>_dir_sync; letters_cut, journal_create, letters_flush, journal_flush, letters_sync,
// journal_remove.
#pragma once

#include <string_view>

namespace idmerge {

/// Kill this process (SIGKILL) if IDMERGE_FAULT is `after:<step>`, or `after:<step>:<n>` for the
/// n-th time that the step is reached. If it is `log:<file>`, write the steps there as they are
/// reached, one a line: so a test learns them all, and none can be forgotten in a list.
///
/// Bounds: builds with the option IDMERGE_FAULTS only.
#ifdef IDMERGE_FAULTS
void fault_point(std::string_view step);
#else
inline void fault_point(std::string_view) {}
#endif

}  // namespace idmerge
