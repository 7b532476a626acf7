// SPDX-License-Identifier: MIT
#include "plan/project_mode.hpp"

#include <array>
#include <cstddef>

#include <fmt/format.h>

#include "util/check.hpp"

namespace idmerge::plan {

std::string_view name(ProjectMode mode) {
  constexpr std::array<std::string_view, 4> names{"none", "original", "simplified", "legacy"};
  IDMERGE_CHECK(static_cast<std::size_t>(mode) < names.size());
  return names[static_cast<std::size_t>(mode)];
}

std::optional<ProjectMode> parse_project_mode(std::string_view text) {
  for (const auto mode :
       {ProjectMode::none, ProjectMode::original, ProjectMode::simplified, ProjectMode::legacy}) {
    if (text == name(mode)) return mode;
  }
  return std::nullopt;
}

Result<void> check_op(ProjectMode mode, input::Op op) {
  const auto usage = [&](std::string_view why) {
    return Error{Errc::usage, fmt::format("--op {}: {}", name(op), why)};
  };
  switch (mode) {
    case ProjectMode::none:
    case ProjectMode::original:
      return {};
    case ProjectMode::simplified:
      if (op == input::Op::create) return {};
      return usage(
          "a project with simplified identity merge takes create only: two users cannot "
          "be merged there: use --op create");
    case ProjectMode::legacy:
      break;
  }
  if (op == input::Op::alias) return {};
  return usage("a legacy project takes alias only: use --op alias");
}

input::Verbs verbs_of(ProjectMode mode) {
  const auto has = [&](input::Op op) { return check_op(mode, op).has_value(); };
  return {.create = has(input::Op::create),
          .alias = has(input::Op::alias),
          .merge = has(input::Op::merge)};
}

}  // namespace idmerge::plan
