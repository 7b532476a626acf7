// SPDX-License-Identifier: MIT
//
// A job as a person wants to see it: plan, census, the links that serve as examples, and where the
// run stands. Read without the lock and without changing anything, so it is the same view before,
// while and after a process works there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/census_report.hpp"
#include "idmerge/core/tally.hpp"
#include "idmerge/disk/doubt.hpp"
#include "idmerge/disk/files.hpp"
#include "idmerge/disk/job.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/disk/run_log.hpp"

namespace idmerge {

/// A link with bytes of its own.
struct NamedLink {
  Op op = Op::create;
  std::string anon;
  std::string user;
  std::uint64_t ids = 0;  // of its cluster, where that is what it stands for
};

struct JobView {
  std::string job;  // the directory
  PlanFacts plan;
  CensusReport census;
  std::vector<NamedLink> examples;
  std::vector<NamedLink> largest;  // the first link of each of the largest clusters
  std::vector<NamedLink> hubs;     // a link of each user with the most anonymous ids
  std::vector<NamedLink> doubled;  // links whose anonymous id has a doubled prefix
  std::optional<RunState> run;     // nothing: no run has begun
  Doubt doubt;                     // links that it may have delivered unnoticed

  std::uint64_t delivered() const { return run ? run->checkpoint.delivered() : 0; }
  std::uint64_t refused() const { return run ? run->checkpoint.refused() : 0; }
  std::uint64_t ambiguous() const { return run ? run->checkpoint.ambiguous() : 0; }
  std::uint64_t parked() const { return run ? run->checkpoint.ledger.parked.size() : 0; }

  /// Spares that were sent, or are to be sent in the present round, in place of refused links.
  std::uint64_t spares_sent() const {
    return run ? run->checkpoint.spares_sent(census.sendable()) : 0;
  }
  std::uint64_t to_send() const { return census.sendable() + spares_sent(); }
  std::uint64_t pending() const { return to_send() - delivered() - refused(); }
  /// Events that the project is billed for: in a simplified one each link is an ordinary event. The
  /// other modes bill none. Source: mixpanel-facts 1.7.
  std::uint64_t billable_events() const {
    return plan.options.get("project_mode") == "simplified" ? to_send() : 0;
  }
  bool finished() const { return run && run->checkpoint.finished; }
};

/// Read the job in a directory.
/// Errors: usage when it is no job; input when it has no plan, or plan, checkpoint or dead letters
/// are damaged.
Result<JobView> view_job(Files& files, const std::string& job);

/// As view_job(), of the rehearsal in that job; `run` is empty when there was none.
Result<JobView> view_rehearsal(Files& files, const std::string& job);

/// Of a job in which no run is found: the run's directory may be lost as a whole, and with it every
/// witness but one.
/// Errors: input when summary.json shows that links were sent.
Result<void> check_unsent(Files& files, const JobPaths& job);

/// Every row and its fate. Law 1: it adds up, or this is a bug.
Tally tally_of(const JobView& view);

/// The rows that a person has to look at, as --fail-on and the headline of the report count them:
/// held ones without those that lost to the claim which the policy prefers. Does not add up.
Tally doubtful_of(const JobView& view);

}  // namespace idmerge
