// SPDX-License-Identifier: MIT
//
// Which operations a project has, by its identity merge and by the API that carries them. Known
// before anything is read, so that no plan is made that cannot be sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "input/row.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

enum class Api : std::uint8_t { identity, import };
enum class ProjectMode : std::uint8_t { none, original, simplified, legacy };

/// As users write them: "identity", "original".
std::string_view name(Api api);
std::string_view name(ProjectMode mode);

/// Shape: as name() has it; nothing for another word.
std::optional<ProjectMode> parse_project_mode(std::string_view text);

/// Does a project of this mode have this operation, and can this API carry it?
/// Errors: usage, naming the operation that it has, or the mode that is missing.
Result<void> check_op(Api api, ProjectMode mode, input::Op op);

/// The operations of a project of this mode; all while the mode is not known.
input::Verbs verbs_of(ProjectMode mode);

}  // namespace idmerge::plan
