// SPDX-License-Identifier: MIT
//
// The plan command: reads the inputs and writes a plan, without network access. The calling
// thread resolves rows; others read, validate and fingerprint, pack new links, and write (see
// src/README.md). The plan appears under its name only when it is complete, so there is nothing to
// resume before that, and a killed planner is started again. It is not synced here: a run does that
// before its first request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "input/row_reader.hpp"
#include "io/files.hpp"
#include "plan/fingerprint.hpp"
#include "plan/plan_file.hpp"
#include "plan/progress.hpp"
#include "plan/resolver.hpp"
#include "plan/row_validator.hpp"
#include "plan/rule_files.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

struct PlanOptions {
  input::RowReaderOptions row_reader;
  RowValidatorOptions validate;
  ResolverOptions resolver;

  /// Decisions about disputed ids; the deny list is in `validate`. Flags: --decisions, --deny-file
  DecisionFile decisions;
  std::string deny_digest;  // empty: no deny list

  /// Values that the plan records because the rules depend on them. Flags: --api, --project-mode
  std::string api;
  std::string project_mode;

  /// Maximum number of rejected rows written per reason; the counts are always exact. Flag:
  /// --reject-samples
  std::optional<std::uint64_t> reject_samples;

  /// Memory limit for the resolver and its buffers, beyond which it continues in files. The plan
  /// does not depend on it. Units: bytes; 0: no limit. Flag: --memory
  std::uint64_t memory_bytes = 0;

  /// Directory of these files. Empty: the job directory. Flag: --spill-dir
  std::string spill_dir;

  /// For tests: the key of the fingerprints, which is random otherwise. The plan id does not depend
  /// on it.
  std::optional<Secret16> secret;
};

/// Returns: the options that a plan depends on, as it records them.
util::KeyValues plan_values(const PlanOptions& options);

/// Returns: the key under which a plan records InputFile::first_row of an input, if that is not
/// empty. The value has one cell per line.
std::string first_row_key(std::size_t input);

/// Checks whether the links of this plan can be sent as they are to a project of its mode. Plans of
/// earlier versions may have ids or verbs that the service would interpret differently.
/// Errors: input; the inputs must be planned again.
Result<void> check_sendable(const PlanFacts& plan, const PlanSummary& plan_summary);

/// Resolves the inputs and writes `plan`, `rejected.ndjson` and `held.ndjson` into the job
/// directory, which is created if necessary. An existing plan is replaced.
///
/// Bounds: about 45 bytes of memory per distinct id, up to `memory_bytes`; beyond that see
/// plan/spilled_resolver.
/// Errors: usage and input as input::RowReader, outage when the disk fails or cannot hold the spill
/// files, locked; no new plan exists then.
Result<PlanFacts> make_plan(const PlanOptions& options, const std::string& job, io::Files& files,
                            Progress& progress);

/// Checks whether this plan is the one that make_plan() would make of these inputs with these
/// options. An input of the recorded size is read completely, because its modification time proves
/// nothing.
///
/// Errors: usage, naming the first option that differs; input, naming the first input that differs.
Result<void> match_plan(const PlanFacts& plan, const PlanOptions& options);

}  // namespace idmerge::plan
