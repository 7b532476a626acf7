// SPDX-License-Identifier: MIT
//
// Reports about rows that were not sent: one JSON object per line, with the place of the row, the
// reason and a hint. Lines about held or refused links have the ids under their default field
// names, so they are valid input for idmerge. A row that is held as a whole has no ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "input/row.hpp"
#include "io/files.hpp"
#include "plan/plan_file.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

/// Position of a row's fault, or of its unreadable order, in the input. Units: lines, and bytes of
/// the line, both from 1.
struct RowPlace {
  std::uint64_t line = 0, column = 0;
};
RowPlace fault_place(const input::Row& row);

/// Appends the line about a faulty row, including the newline.
void append_faulty(std::string& out, const input::Row& row, std::string_view file);

/// The default field names of both sides, which make a line valid input.
struct IdKeys {
  std::string_view anon, user;
};
IdKeys id_keys(const input::Link& link);

/// Appends the JSON members of a link (ids, operation and place) without braces.
void append_link(std::string& out, const input::Link& link, const std::vector<PlanInput>& inputs);

/// Returns: the line about a link that the service refused, without newline. Its first member is
/// the ordinal.
std::string refused_report(std::uint64_t ordinal, const input::Link& link,
                           const std::vector<PlanInput>& inputs, unsigned status,
                           std::string_view message, std::uint32_t attempts);

/// Returns: the ordinals of the refused links, ascending, from the first `bytes` of
/// `refused.ndjson`.
/// Bounds: 8 bytes per link, and one line.
/// Errors: Errc::input for a line that is not a report about a refused link.
Result<std::vector<std::uint64_t>> read_refused(io::Files& files, const std::string& path,
                                                std::uint64_t bytes);

}  // namespace idmerge::plan
