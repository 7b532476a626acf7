// SPDX-License-Identifier: MIT
//
// What became of a person's decisions, said to that person. A decision that does nothing, or not
// what it says, is no error, because a file of them grows over the nights and the inputs change;
// but whoever wrote it must not believe that it was obeyed. The census answers for claims, and the
// finished plan for the size of clusters.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/census.hpp"
#include "idmerge/core/fingerprint.hpp"
#include "idmerge/disk/files.hpp"
#include "idmerge/run/progress.hpp"
#include "idmerge/run/rule_files.hpp"

namespace idmerge {

/// The decisions with anonymous ids as they are sent; see wire_anon().
/// Errors: usage, with the line, for two that differ about ids which are one in wire form.
Result<DecisionFile> in_wire_form(const DecisionFile& file, bool simplified);

/// The decisions, as the census knows ids. Shape: in the order of the file.
std::vector<Decided> decided_by(const DecisionFile& file, const Fingerprinter& print);

/// Where a user was named whose cluster the plan at `path` holds for its size, the answer is not
/// `yes`, but `oversize`. Shape: an answer a decision, in the order of the file.
/// Errors: as PlanReader; not all answers are given then.
Result<void> find_oversize(Files& files, const std::string& path, const DecisionFile& file,
                           std::vector<Obeyed>& answers);

/// Warn of the decisions that mean nothing here, a few of each kind: in a file that grew over the
/// nights many are about ids that no longer come, and must not hide the others.
void name_disobeyed(const DecisionFile& file, std::span<const Obeyed> answers, Progress& progress);

}  // namespace idmerge
