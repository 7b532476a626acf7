// SPDX-License-Identifier: MIT
#include "cli/status.hpp"

#include <chrono>
#include <ctime>

#include <fmt/format.h>

#include "cli/job_summary.hpp"
#include "cli/report_text.hpp"
#include "cli/settings.hpp"
#include "io/lock.hpp"
#include "plan/job_paths.hpp"
#include "send/local_time.hpp"
#include "send/rate_control.hpp"
#include "util/log.hpp"
#include "util/units.hpp"

namespace idmerge::cli {
namespace {

std::string run_text(const JobSummary& view, const std::string& owner) {
  if (!owner.empty()) return fmt::format("running: {}\n", util::printable(owner));
  if (!view.run) return "planned, nothing sent yet\n";
  const auto& checkpoint = view.run->checkpoint;
  if (checkpoint.finished) return "finished\n";
  auto text = view.in_doubt.died ? std::string("died\n")
                                 : fmt::format("stopped, exit {}\n", checkpoint.exit_code);
  if (view.in_doubt.links.size() > 0) {
    text += fmt::format("at most {} links may already have been delivered and will be sent again\n",
                        util::count_text(view.in_doubt.links.size()));
  }
  return text;
}

/// Describes the current rate and its origin.
std::string rate_line(const JobSummary& view,
                      const Result<std::optional<send::RequestedRate>>& requested) {
  std::string note;
  if (!requested)
    note = fmt::format("note: {}: it is ignored\n", util::printable(requested.error().what));
  std::string words;
  std::string_view origin;
  if (requested && *requested) {
    words = (*requested)->words;
    origin = "set by idmerge rate";
  } else if (view.run && view.run->checkpoint.words.find("rate") != nullptr) {
    words = view.run->checkpoint.words.get("rate");
    origin = "set by the run's options";
  } else {
    words = util::rate_text({view.service().rate_per_s, false});
    origin = "the default";
  }
  const auto table = send::RateSchedule::parse(words);
  std::string now;
  if (table && table->changes()) {
    now = fmt::format("; now {}",
                      send::pacing_text(table->at(send::local_week_time(std::time(nullptr)))));
  }
  if (table && table->next_change({})) {
    const auto zone = send::local_zone();
    if (!zone.problem.empty()) note += fmt::format("note: {}\n", zone.problem);
    now += ", " + send::local_time_text(std::time(nullptr), zone);
  }
  return fmt::format("{}rate: {}, {}{}\n", note, util::printable(words), origin, now);
}

/// Describes other limits on the pace: --rate-bytes, and a pause requested by the service.
std::string hold_lines(const JobSummary& view, bool is_at_work) {
  if (!view.run) return {};
  std::string text;
  const auto& checkpoint = view.run->checkpoint;
  if (const auto* const bytes = checkpoint.words.find("rate-bytes");
      bytes != nullptr && *bytes != "0" && *bytes != "0/s") {
    text += fmt::format("rate-bytes: {}, set by the run's options\n", util::printable(*bytes));
  }
  const auto now = std::chrono::system_clock::now();
  const auto& limit = checkpoint.limit;
  const auto rest = std::chrono::ceil<std::chrono::seconds>(limit.rest(now));
  if (limit.rate_per_s > 0) {
    text +=
        fmt::format("rate-limited by the service: {} links/s {}\n",
                    util::count_text(limit.rate_per_s), is_at_work ? "now" : "at the last request");
  }
  if (limit.paused_until_s > 0 && rest.count() > 0) {
    text +=
        fmt::format("paused: until {}, as the service requested ({} left); no run sends before\n",
                    util::rfc3339(std::chrono::floor<std::chrono::seconds>(now) + rest),
                    util::rough_duration_text(rest));
  }
  return text;
}

}  // namespace

Result<std::string> status_text(io::Files& files, const std::string& job) {
  const auto paths = plan::open_job(files, job);
  if (!paths) return paths.error();
  const auto owner = io::lock_owner(files, paths->run().lock());
  if (!owner) return owner.error();
  const auto planned = files.stat(paths->plan());
  if (!planned) return planned.error();
  if (!*planned && !owner->empty()) {
    return fmt::format("{}: planning, running: {}\n", util::printable(job),
                       util::printable(*owner));
  }
  const auto view = view_job(files, job);
  if (!view) return view.error();

  auto out = fmt::format("{}: plan {}\n", util::printable(job), view->plan.id());
  out += run_text(*view, *owner);
  if (view->run) {
    for (const auto& note : view->run->notes)
      out += fmt::format("note: {}\n", util::printable(note));
    const auto settled = view->delivered() + view->refused();
    out +=
        fmt::format("{} of {} links settled ({})\n", util::count_text(settled),
                    util::count_text(view->to_send()), util::share_text(settled, view->to_send()));
    if (view->spares_sent() > 0) {
      out += fmt::format("round {}: {} spares in place of refused links\n",
                         view->run->checkpoint.round, util::count_text(view->spares_sent()));
    }
  }
  if (!view->finished()) {
    out += rate_line(*view, send::requested_rate(files, paths->run()));
    out += hold_lines(*view, !owner->empty());
  }
  out += account_text(*view);
  if (owner->empty() && (view->pending() > 0 || (view->run && !view->finished()))) {
    out += fmt::format("go on: {}{}\n", command_line({"run", "--job", job}),
                       view->run ? "" : fmt::format(" --to {}", shell_word(any_target)));
  }
  return out;
}

}  // namespace idmerge::cli
