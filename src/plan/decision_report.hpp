// SPDX-License-Identifier: MIT
//
// Reports the effect of a person's decisions. A decision without effect is not an error, because a
// file of decisions grows over many runs and the inputs change; but its author must not believe
// that it was applied. The resolver reports on claims, and the finished plan on the size of
// clusters.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "io/files.hpp"
#include "plan/fingerprint.hpp"
#include "plan/progress.hpp"
#include "plan/resolver.hpp"
#include "plan/rule_files.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

/// Returns: the decisions with their anonymous ids in wire form; see wire_anon().
/// Errors: usage, with the line, for two different decisions about ids that have the same wire
/// form.
Result<DecisionFile> in_wire_form(const DecisionFile& file, bool simplified);

/// Returns: the decisions with fingerprints, in the order of the file.
std::vector<Decided> decided_by(const DecisionFile& file, const Fingerprinter& print);

/// Changes the answer `yes` to `oversize` for each decision that names a user whose cluster the
/// plan at `path` holds for its size.
/// Requires: one answer per decision, in the order of the file.
/// Errors: as PlanReader; `answers` are incomplete then.
Result<void> find_oversize(io::Files& files, const std::string& path, const DecisionFile& file,
                           std::vector<DecisionEffect>& answers);

/// Warns of decisions that have no effect, a few of each kind: in a file that grows over many runs,
/// many concern ids that no longer occur, and these must not hide the others.
void name_ineffective(const DecisionFile& file, std::span<const DecisionEffect> answers,
                      Progress& progress);

}  // namespace idmerge::plan
