// SPDX-License-Identifier: MIT
//
// A read-only view of a job for reports: the plan and its summary, example links, and the progress
// of the run. It is read without the lock and changes nothing, so it can be taken before, during
// and after a run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/files.hpp"
#include "plan/job_paths.hpp"
#include "plan/plan_file.hpp"
#include "plan/plan_summary.hpp"
#include "send/in_doubt.hpp"
#include "send/run_log.hpp"
#include "send/service_registry.hpp"
#include "send/tally.hpp"
#include "util/result.hpp"

namespace idmerge::cli {

/// A link that owns its bytes.
struct NamedLink {
  input::Op op = input::Op::create;
  std::string anon;
  std::string user;
  std::uint64_t ids = 0;  // size of its cluster, if it was chosen as an example of the cluster
};

struct JobSummary {
  std::string job;  // its directory
  plan::PlanFacts plan;
  plan::PlanSummary plan_summary;
  std::vector<NamedLink> examples;
  std::vector<NamedLink> largest;     // the first link of each of the largest clusters
  std::vector<NamedLink> hubs;        // one link of each user with the most anonymous ids
  std::vector<NamedLink> doubled;     // links whose anonymous id has its device prefix twice
  std::optional<send::RunState> run;  // nothing: no run has begun
  send::InDoubt in_doubt;             // pending links that may be delivered already

  std::uint64_t delivered() const { return run ? run->checkpoint.delivered() : 0; }
  std::uint64_t refused() const { return run ? run->checkpoint.refused() : 0; }
  std::uint64_t ambiguous() const { return run ? run->checkpoint.ambiguous() : 0; }
  std::uint64_t parked() const { return run ? run->checkpoint.ledger.parked.size() : 0; }

  /// Spares sent, or to be sent in the current round, in place of refused links.
  std::uint64_t spares_sent() const {
    return run ? run->checkpoint.spares_sent(plan_summary.sendable()) : 0;
  }
  std::uint64_t to_send() const { return plan_summary.sendable() + spares_sent(); }
  std::uint64_t pending() const { return to_send() - delivered() - refused(); }
  /// Events that the project is billed for. In simplified projects each link is an ordinary event;
  /// the other modes bill none. Source: mixpanel-facts 1.7.
  std::uint64_t billable_events() const {
    return plan.options.get("project_mode") == "simplified" ? to_send() : 0;
  }
  bool finished() const { return run && run->checkpoint.finished; }

  /// The service that the plan is for; the default if this version does not have it.
  const send::ServiceFacts& service() const {
    const auto* const service = send::find_service(plan.options.get("api"));
    return service != nullptr ? *service : send::default_service();
  }
};

/// Reads the job in a directory. Errors: usage if it is no job; input if it has no plan, or if
/// plan, checkpoint or dead letters are damaged.
Result<JobSummary> view_job(io::Files& files, const std::string& job);

/// As view_job(), for the rehearsal in that job; `run` is empty if there was none.
Result<JobSummary> view_rehearsal(io::Files& files, const std::string& job);

/// Checks that a job in which no run is found has really sent nothing: the run's directory may have
/// been lost as a whole, and then only summary.json still shows that it existed. Errors: input if
/// summary.json shows that links were sent.
Result<void> check_unsent(io::Files& files, const plan::JobPaths& job);

/// Counts all rows by fate. Law 1: the fates must add up to the rows read; anything else is a bug.
send::Tally tally_of(const JobSummary& view);

/// Counts the rows that a person has to look at, as used by --fail-on and the headline of the
/// report. Held rows that lost to the claim preferred by the policy are not counted, so it does not
/// add up.
send::Tally doubtful_of(const JobSummary& view);

}  // namespace idmerge::cli
