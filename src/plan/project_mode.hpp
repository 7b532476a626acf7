// SPDX-License-Identifier: MIT
//
// Which operations a project has, by its identity merge. Known before anything is read, so that no
// plan is made that cannot be sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "input/row.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

enum class ProjectMode : std::uint8_t { none, original, simplified, legacy };

/// As users write them: "original".
std::string_view name(ProjectMode mode);

/// Shape: as name() has it; nothing for another word.
std::optional<ProjectMode> parse_project_mode(std::string_view text);

/// Checks that a project of this mode has the operation. While the mode is not known, it has all.
/// Errors: usage, naming the operation that it has.
Result<void> check_op(ProjectMode mode, input::Op op);

/// The operations of a project of this mode; all while the mode is not known.
input::Verbs verbs_of(ProjectMode mode);

}  // namespace idmerge::plan
