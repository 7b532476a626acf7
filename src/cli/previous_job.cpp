// SPDX-License-Identifier: MIT
#include "cli/previous_job.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "cli/job_summary.hpp"
#include "cli/report_text.hpp"
#include "send/open_run.hpp"
#include "util/check.hpp"

namespace idmerge::cli {
namespace {

Error unusable(Errc code, const std::string& job, std::string_view why) {
  return {code, fmt::format("--last-job: {}: {}", util::printable(job), why)};
}

/// Checks that both jobs are of the same kind, so that their numbers of links are comparable.
Result<void> check_kind(const Settings& settings, const util::KeyValues& planned,
                        const JobSummary& last) {
  for (const OptionEntry& entry : option_table()) {
    if (!is_plan_option(entry) || !entry.has(role::kind)) continue;
    const auto key = plan_keys(entry).front();
    const auto now = planned.get(key);
    const auto then = last.plan.options.get(key);
    if (now == then) continue;
    return unusable(Errc::usage, last.job,
                    fmt::format("was planned with --{} '{}', not with '{}': name the last finished "
                                "job of the same kind",
                                entry.name, util::printable(then), util::printable(now)));
  }
  const bool leaves = !settings.to.empty() && !settings.rehearse;
  if (leaves && last.run->checkpoint.target != send::target_fingerprint(settings.send, last.plan)) {
    return unusable(
        Errc::usage, last.job,
        fmt::format("was sent to another target, project or token than {}: name the last "
                    "finished job that went there",
                    settings.send.target.url()));
  }
  return {};
}

}  // namespace

Result<std::optional<PreviousJob>> read_previous_job(const Settings& settings,
                                                     const util::KeyValues& planned,
                                                     io::Files& files, util::Log& log) {
  if (settings.max_links.kind != util::Limit::Kind::percent) return std::optional<PreviousJob>();
  const auto& job = settings.last_job;
  if (job == no_previous_job) {
    log.warning(fmt::format(
        "--max-links: {}: there is no last job to compare with (--last-job {}): this guard is off",
        util::limit_text(settings.max_links), no_previous_job));
    return std::optional<PreviousJob>();
  }
  std::error_code absent;
  if (std::filesystem::equivalent(job, settings.job, absent)) {
    return unusable(Errc::usage, job,
                    "is the job itself: name the one that was finished before it");
  }
  if (const auto there = files.stat(job); there && !*there) {
    return unusable(
        Errc::usage, job,
        fmt::format("there is no such job: check the name, or write --last-job {} while "
                    "there is none yet",
                    no_previous_job));
  }
  const auto last = view_job(files, job);
  if (!last) return Error{last.error().code, fmt::format("--last-job: {}", last.error().what)};
  if (!last->finished()) {
    return unusable(Errc::input, job,
                    fmt::format("is not finished: finish it ({}{}), or name the job before it",
                                command_line({"run", "--job", job}),
                                last->run ? "" : fmt::format(" --to {}", shell_word(any_target))));
  }
  if (auto same = check_kind(settings, planned, *last); !same) return same.error();
  return std::optional(PreviousJob{job, last->plan_summary.sendable()});
}

Error stopped_by(std::string_view guard, std::string_view what) {
  return {Errc::guard, fmt::format("--{}: {}", guard, what), std::string(guard)};
}

Result<void> check_links(const Settings& settings, std::uint64_t links,
                         const std::optional<PreviousJob>& last) {
  const auto& most = settings.max_links;
  if (most.kind == util::Limit::Kind::percent && !last) {
    IDMERGE_CHECK(settings.last_job == no_previous_job);
    return {};
  }
  if (!most.exceeded(links, last ? last->links : 0)) return {};
  return stopped_by(
      "max-links",
      fmt::format("{} links are to be sent, over {}{}: look at the summary, or "
                  "raise the guard",
                  util::count_text(links), util::limit_text(most),
                  last ? fmt::format(" of the {} that {} had to send",
                                     util::count_text(last->links), shell_word(last->job))
                       : ""));
}

}  // namespace idmerge::cli
