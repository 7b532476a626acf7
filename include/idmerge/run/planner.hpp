// SPDX-License-Identifier: MIT
//
// The first journey: inputs in, plan out, no network. One thread reads, judges rows and
// fingerprints ids, one keeps the census, and one packs new links into the plan. The plan appears
// under its name only when it is complete and durable; before that there is nothing to resume, and
// a killed planner is simply started again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "idmerge/base/result.hpp"
#include "idmerge/core/census.hpp"
#include "idmerge/core/fingerprint.hpp"
#include "idmerge/core/screen.hpp"
#include "idmerge/disk/files.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/run/intake.hpp"
#include "idmerge/run/progress.hpp"
#include "idmerge/run/rule_files.hpp"

namespace idmerge {

struct PlanOptions {
  IntakeOptions intake;
  ScreenOptions screen;
  CensusOptions census;

  /// Decisions about ids in doubt; the deny list stands in `screen`. Flags: --decisions,
  /// --deny-file
  DecisionFile decisions;
  std::string deny_digest;  // empty: no deny list

  /// Words that the plan keeps because the rules depend on them. Flags: --api, --project-mode.
  std::string api = "identity";
  std::string project_mode;

  /// Rejected rows written for each reason; the counts are always exact. Flag: --reject-samples
  std::optional<std::uint64_t> reject_samples;

  /// What the census and its buffers may use before it goes on in files. Flag: --memory. The plan
  /// does not depend on it. Units: bytes; 0: without limit.
  std::uint64_t memory_bytes = 0;

  /// Where these files are made. Flag: --spill-dir. Empty: in the job.
  std::string spill_dir;

  /// For tests: the key of the fingerprints, otherwise drawn at random. The plan id does not
  /// depend on it.
  std::optional<Secret16> secret;
};

/// The options that a plan depends on, as it records them.
KeyValues plan_words(const PlanOptions& options);

/// Under which key a plan keeps the first row of an input, where InputFile::first_row has one.
/// Shape: its cells, one a line.
std::string first_row_key(std::size_t input);

/// May the links of this plan be sent to a project of its mode, as they stand? An older idmerge
/// made plans whose ids or verbs the service would read otherwise. Errors: input: plan again.
Result<void> check_sendable(const PlanFacts& plan, const CensusReport& census);

/// Judge the inputs and write `plan`, `rejected.ndjson` and `held.ndjson` into the job directory,
/// which is made if it is not there. A plan that stands there already is replaced.
///
/// Bounds: memory is some 45 bytes a distinct id, until that is more than `memory_bytes`; then see
/// run/spilled_census.
/// Errors: usage and input of the intake, outage when the disk fails or cannot hold the spill,
/// locked; there is no new plan then.
Result<PlanFacts> make_plan(const PlanOptions& options, const std::string& job, Files& files,
                            Progress& progress);

/// Is this plan the one that make_plan() would make of these inputs with these options? A file of
/// the size that is recorded is read whole: its time says nothing.
///
/// Errors: usage, naming the first option that differs; input, naming the first input that does.
Result<void> match_plan(const PlanFacts& plan, const PlanOptions& options);

}  // namespace idmerge
