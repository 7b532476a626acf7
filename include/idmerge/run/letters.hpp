// SPDX-License-Identifier: MIT
//
// What is written about rows that were not sent: one JSON object a line, with where the row stands,
// why, and what to do. A held or refused line has the ids under their default names and so is
// itself input for idmerge; a row that is held as it stands has none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/pair.hpp"
#include "idmerge/disk/files.hpp"
#include "idmerge/disk/plan_file.hpp"

namespace idmerge {

/// Where a row's fault, or its unreadable order, stands in the input. Units: lines, and bytes of
/// the line, both from 1.
struct RowPlace {
  std::uint64_t line = 0, column = 0;
};
RowPlace fault_place(const Row& row);

/// Append the line about a faulty row, newline included.
void append_faulty(std::string& out, const Row& row, std::string_view file);

/// The default field names of both sides, so that a line is input again.
struct IdKeys {
  std::string_view anon, user;
};
IdKeys id_keys(const Link& link);

/// Append the members of a link: its ids, operation and place. Shape: no braces.
void append_link(std::string& out, const Link& link, const std::vector<PlanInput>& inputs);

/// The line about a link that the service refused, without newline. Its first member is the
/// ordinal.
std::string refused_letter(std::uint64_t ordinal, const Link& link,
                           const std::vector<PlanInput>& inputs, unsigned status,
                           std::string_view message, std::uint32_t attempts);

/// The ordinals of the refused links, ascending, from the first bytes of `refused.ndjson`.
/// Bounds: 8 bytes a link, and one letter. Errors: Errc::input for a line that is no such letter.
Result<std::vector<std::uint64_t>> read_refused(Files& files, const std::string& path,
                                                std::uint64_t bytes);

}  // namespace idmerge
