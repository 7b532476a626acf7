// SPDX-License-Identifier: MIT
#include "cli/job_summary.hpp"

#include <fmt/format.h>

#include "cli/command_result.hpp"
#include "plan/job_paths.hpp"
#include "send/spare_rounds.hpp"
#include "util/check.hpp"

namespace idmerge::cli {
namespace {

constexpr std::string_view the_shard = "1-of-1";

Result<NamedLink> named_link(const plan::PlanReader& plan, std::uint64_t ordinal,
                             plan::PlanBlock& block) {
  if (ordinal >= plan.links()) {
    return Error{Errc::input, "the summary names a link that is not in the plan: plan again"};
  }
  const auto number = plan.find_block(ordinal);
  const bool at_hand = !block.links.empty() && block.first == plan.entry(number).first;
  if (!at_hand) {
    if (auto read = plan.read_block(number, block); !read) return read.error();
  }
  const auto& link = block.links[ordinal - block.first];
  return NamedLink{link.op, std::string(link.anon), std::string(link.user), 0};
}

/// Returns whether the recorded progress is possible for this plan.
bool fits(const JobSummary& view) {
  if (!view.run) return true;
  const auto& now = view.run->checkpoint;
  const auto sendable = view.plan_summary.sendable();
  if (now.round == 0) return now.delivered() + now.refused() <= sendable;
  // Round 0 is settled, and each spare is sent at most once.
  const auto before = now.delivered_before + now.refused_before;
  return before >= sendable && view.spares_sent() <= view.plan_summary.spares() &&
         now.ledger.delivered + now.ledger.refused <= now.round_links;
}

Result<JobSummary> view(io::Files& files, const std::string& job, const std::string& shard) {
  const auto paths = plan::open_job(files, job);
  if (!paths) return paths.error();
  const auto plan = plan::PlanReader::open(files, paths->plan());
  if (!plan) return plan.error();
  auto plan_summary = plan::parse_plan_summary(plan->facts().plan_summary);
  if (!plan_summary) {
    return Error{plan_summary.error().code,
                 fmt::format("{}: {}", paths->plan(), plan_summary.error().what)};
  }

  const auto& unreadable = plan_summary->unreadable_orders;
  if (unreadable.rows > 0 && unreadable.file >= plan->facts().inputs.size()) {
    return Error{Errc::input, "the summary names an input that is not in the plan: plan again"};
  }

  JobSummary out;
  out.job = job;
  out.plan = plan->facts();
  out.plan_summary = std::move(*plan_summary);
  plan::PlanBlock block;
  const auto name = [&](std::uint64_t ordinal, std::uint64_t ids,
                        std::vector<NamedLink>& list) -> Result<void> {
    auto link = named_link(*plan, ordinal, block);
    if (!link) return link.error();
    link->ids = ids;
    list.push_back(std::move(*link));
    return {};
  };
  for (const auto ordinal : out.plan_summary.examples) {
    if (auto named = name(ordinal, 0, out.examples); !named) return named.error();
  }
  for (const auto ordinal : out.plan_summary.doubled) {
    if (auto named = name(ordinal, 0, out.doubled); !named) return named.error();
  }
  for (const auto& [ids, ordinal] : out.plan_summary.largest) {
    if (auto named = name(ordinal, ids, out.largest); !named) return named.error();
  }
  for (const auto& [ids, ordinal] : out.plan_summary.hub_users) {
    if (auto named = name(ordinal, ids, out.hubs); !named) return named.error();
  }
  auto run = send::read_run(files, paths->run(shard), out.plan.digest);
  if (!run) return run.error();
  out.run = std::move(*run);
  if (!out.run && shard == the_shard) {
    if (auto unsent = check_unsent(files, *paths); !unsent) return unsent.error();
  }
  if (out.run && !out.finished()) {
    auto in_doubt = send::find_in_doubt(files, paths->run(shard), *plan, *out.run);
    if (!in_doubt) return in_doubt.error();
    out.in_doubt = std::move(*in_doubt);
  }
  if (!fits(out)) {
    return Error{Errc::input, fmt::format("{}: more links are settled than the plan has to send: "
                                          "keep the directory for analysis, and start a new job",
                                          paths->run(shard).checkpoint())};
  }
  return out;
}

}  // namespace

Result<void> check_unsent(io::Files& files, const plan::JobPaths& job) {
  if (!recorded_result(files, job.summary())) return {};
  return Error{
      Errc::input,
      fmt::format("{}: is gone, while summary.json shows that links were sent: restore it, or "
                  "start a new job with another --job, which sends all links again",
                  util::printable(job.run().checkpoint()))};
}

Result<JobSummary> view_job(io::Files& files, const std::string& job) {
  return view(files, job, std::string(the_shard));
}

Result<JobSummary> view_rehearsal(io::Files& files, const std::string& job) {
  return view(files, job, "rehearsal");
}

send::Tally tally_of(const JobSummary& view) {
  const auto& plan_summary = view.plan_summary;
  send::Tally tally;
  tally.read = plan_summary.read;
  tally.delivered = view.delivered();
  // Includes the spares that were not sent: their ids are connected by other links already.
  tally.duplicate = plan_summary.duplicates + plan_summary.spares() - view.spares_sent();
  tally.skipped = plan_summary.skipped() + plan_summary.voided();
  tally.rejected = plan_summary.rejected();
  tally.held = plan_summary.held();
  tally.refused = view.refused();
  tally.pending = view.pending();
  IDMERGE_CHECK(tally.adds_up());
  return tally;
}

send::Tally doubtful_of(const JobSummary& view) {
  auto tally = tally_of(view);
  tally.held -= view.plan_summary.outranked();
  return tally;
}

}  // namespace idmerge::cli
