// SPDX-License-Identifier: MIT
#include "send/open_run.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "io/process_identity.hpp"
#include "plan/fingerprint.hpp"
#include "plan/plan_summary.hpp"
#include "send/spare_rounds.hpp"

namespace idmerge::send {
namespace {

/// Key in the checkpoint for the directory in which it was written.
constexpr std::string_view directory_word = "directory";

Result<plan::RunPaths> run_paths(io::Files& files, const plan::JobPaths& job, bool rehearsal) {
  if (rehearsal) return plan::make_rehearsal(files, job);
  return job.run();
}

/// Warns if the directory is not the one in which the previous run worked. After a reboot the
/// kernel may number directories differently, so there is no warning then.
void note_copy(const RunState& state, const plan::JobLock& hold, const plan::RunPaths& paths,
               plan::Progress& progress) {
  const auto before = state.checkpoint.words.get(directory_word);
  if (before.empty() || before == hold.identity()) return;
  if (state.checkpoint.boot.empty() || state.checkpoint.boot != io::boot_here()) return;
  progress.note(plan::Weight::warning,
                fmt::format("{}: is a copy of the directory in which the job was begun, or was "
                            "restored: should the first one still be there, go on with one of "
                            "them only, as both would send the same links",
                            paths.dir));
}

/// Reports what an earlier run left behind.
void note_resume(const RunState& state, const InDoubt& in_doubt, plan::Progress& progress) {
  for (const auto& sentence : state.notes)
    progress.note(plan::Weight::warning, sentence);
  if (in_doubt.links.empty()) return;
  progress.note(
      plan::Weight::info,
      fmt::format("re-sending at most {} links that may already have been delivered{}: they are "
                  "what show --in-doubt lists",
                  in_doubt.links.size(),
                  in_doubt.power_lost ? ", since the machine was restarted" : ""));
}

}  // namespace

std::uint64_t ahead_max(const SendOptions& options, const Allowance& allowed,
                        std::uint64_t in_flight_max) {
  const auto links_per_request =
      std::max<std::uint64_t>(in_flight_max / 2 / options.connections, 1);
  auto links_per_s = allowed.links_per_s;
  if (allowed.requests_per_s > 0) {
    const auto limit = allowed.requests_per_s * static_cast<double>(links_per_request);
    links_per_s = links_per_s > 0 ? std::min(links_per_s, limit) : limit;
  }
  if (links_per_s <= 0) return Ledger::window_max;
  const auto seconds = std::chrono::duration<double>(options.sync_every).count();
  const auto links = allowed.burst + 4 * links_per_s * std::max(seconds, 1.0);
  return std::min(Ledger::window_max, in_flight_max + static_cast<std::uint64_t>(links));
}

std::string target_fingerprint(const SendOptions& options, const plan::PlanFacts& plan) {
  const auto text = fmt::format("{}\n{}\n{}\n{}\n{}", options.target.url(), options.service->name,
                                name(options.service_api.mode), options.service_api.project_id,
                                options.service_api.token.reveal());
  const auto print = plan::Fingerprinter(plan.preamble.secret)(text);
  return fmt::format("{:016x}{:08x}", print.low, print.high);
}

void fill_counts(SendReport& report, const Checkpoint& now, std::uint64_t sendable) {
  report.spares_sent = now.spares_sent(sendable);
  report.to_send = sendable + report.spares_sent;
  report.delivered = now.delivered();
  report.ambiguous = now.ambiguous();
  report.refused = now.refused();
  report.parked = now.ledger.parked.size();
  report.pending = report.to_send - report.delivered - report.refused;
}

SendReport OpenRun::report() const {
  SendReport report;
  report.to_send = report.pending = to_send;
  if (!state) return report;
  fill_counts(report, state->checkpoint, to_send);
  report.nothing_to_do = is_finished();
  if (!report.nothing_to_do) report.resent_at_most = in_doubt.links.size();
  return report;
}

Result<OpenRun> read_open_run(const SendOptions& options, const std::string& job, io::Files& files,
                              plan::Progress& progress, const util::Clock& clock) {
  const auto job_paths = plan::open_job(files, job);
  if (!job_paths) return job_paths.error();
  auto paths = run_paths(files, *job_paths, options.rehearsal);
  if (!paths) return paths.error();
  auto taken = plan::JobLock::take(files, *job_paths, *paths,
                                   options.rehearsal ? plan::Work::rehearsing : plan::Work::sending,
                                   io::this_process());
  if (!taken) return taken.error();
  const std::shared_ptr<plan::JobLock> hold = std::move(*taken);
  if (options.rehearsal) {
    if (auto done = plan::empty_rehearsal(hold->files(), *paths); !done) return done.error();
  }
  auto plan = plan::PlanReader::open(hold->files(), job_paths->plan());
  if (!plan) return plan.error();
  if (options.plan && *options.plan != plan->facts().digest) {
    return Error{Errc::input,
                 fmt::format("{}: another plan took the place of {}: nothing was sent; "
                             "look at it first",
                             job_paths->plan(), util::hex(*options.plan).substr(0, 12))};
  }
  const auto plan_summary = plan::parse_plan_summary(plan->facts().plan_summary);
  if (!plan_summary) return plan_summary.error();
  if (!hold->died().empty()) {
    progress.note(plan::Weight::info, fmt::format("taking over from {}, which died", hold->died()));
  }
  auto state = read_run(hold->files(), *paths, plan->facts().digest);
  if (!state) return state.error();

  OpenRun open_run{hold, std::move(*plan), std::move(*paths), std::move(*state)};
  open_run.to_send = plan_summary->sendable();
  open_run.spares = plan_summary->spares();
  open_run.pinned_time_s = clock.unix_now_s();
  if (const auto& before = open_run.state; before && !open_run.is_finished()) {
    note_copy(*before, *hold, open_run.paths, progress);
    auto in_doubt = find_in_doubt(hold->files(), open_run.paths, open_run.plan, *before);
    if (!in_doubt) return in_doubt.error();
    open_run.in_doubt = std::move(*in_doubt);
    note_resume(*before, open_run.in_doubt, progress);
    open_run.pinned_time_s = before->checkpoint.pinned_time_s;
  }
  return open_run;
}

Result<RunLog> begin_run(const SendOptions& options, const Allowance& allowed, OpenRun& open_run,
                         std::uint64_t in_flight_max, io::Files& files, const util::Clock& clock) {
  const plan::PlanFacts& plan = open_run.plan.facts();
  // Checks the whole plan: a power loss may have torn blocks that were not synced.
  if (!open_run.state) {
    if (auto whole = open_run.plan.check_blocks(); !whole) return whole.error();
  }
  // A checkpoint is useless without the plan whose links it counts.
  if (auto durable = open_run.plan.make_durable(files); !durable) return durable.error();
  const auto target = target_fingerprint(options, plan);
  if (!open_run.state) {
    Checkpoint first;
    first.plan = plan.digest;
    first.target = target;
    first.pinned_time_s = open_run.pinned_time_s;
    first.in_flight_max = in_flight_max;
    first.ceiling = std::min(plan.links, ahead_max(options, allowed, in_flight_max));
    first.boot = io::boot_here();
    first.words = options.words;
    first.words.set(directory_word, open_run.hold->identity());
    first.ledger.links = plan.links;
    return RunLog::begin(files, open_run.paths, std::move(first), clock);
  }
  Checkpoint& checkpoint = open_run.state->checkpoint;
  if (checkpoint.target != target) {
    return Error{Errc::usage,
                 fmt::format("{}: the job was begun with another target, project or token than {}: "
                             "send it there, or start a new job",
                             open_run.paths.dir, options.target.url())};
  }
  // Links that the previous run may have delivered stay in doubt until this run settles them.
  checkpoint.in_doubt = open_run.in_doubt.links;
  checkpoint.in_flight_max = in_flight_max;
  checkpoint.ceiling = std::min(
      plan.links, checkpoint.ledger.watermark + ahead_max(options, allowed, in_flight_max));
  checkpoint.boot = io::boot_here();
  for (const auto& [key, value] : options.words)
    checkpoint.words.set(key, value);
  checkpoint.words.set(directory_word, open_run.hold->identity());
  return RunLog::resume(files, open_run.paths, std::move(*open_run.state), clock);
}

}  // namespace idmerge::send
