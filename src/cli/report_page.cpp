// SPDX-License-Identifier: MIT
#include "cli/report_page.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "cli/html.hpp"
#include "plan/job_paths.hpp"
#include "util/units.hpp"
#include "util/version.hpp"

namespace idmerge::cli {
namespace {

constexpr std::size_t inputs_max = 50;

// The contrast of text is at least 4.5 to 1 in both color schemes. Bars are drawn as graphics,
// because backgrounds are omitted when printing.
constexpr Markup head = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<style>
:root { --paper: #fdfdfc; --ink: #1d2125; --quiet: #5b6269; --rule: #e3e4e2; --inset: #f4f5f3; --accent: #1f6f78; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15181a; --ink: #e4e6e7; --quiet: #9ca4aa; --rule: #2b3033; --inset: #1d2123; --accent: #6fbfc7; }
}
@media print {
  :root { --paper: #fff; --ink: #000; --quiet: #444; --rule: #ccc; --inset: #fff; --accent: #1f6f78; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere; }
main { max-width: 47rem; margin: 0 auto; padding: 4rem 1.5rem 6rem; }
h1, h2, h3 { font-weight: 600; line-height: 1.25; text-wrap: balance; }
h1 { margin: 0 0 .75rem; font-size: 1.9rem; letter-spacing: -.015em; }
h2 { margin: 0 0 1rem; font-size: 1.2rem; letter-spacing: -.005em; }
h3 { margin: 2.25rem 0 .5rem; font-size: .95rem; color: var(--quiet); }
section { margin-top: 4rem; }
p { margin: .5rem 0; }
ul { margin: .5rem 0; padding-left: 1.2rem; }
li { margin: .3rem 0; }
#examples li, #stop { white-space: pre-wrap; }
small, .quiet { font-size: .875rem; color: var(--quiet); }
th small { margin-left: .6rem; font-weight: 400; line-height: 1.45; }
.account small, tfoot small { display: block; margin-left: 0; }
code, .id { font: .9em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre-wrap; }
.above { margin: 0 0 1.25rem; }
.why { margin: 1.75rem 0; padding: .1rem 0 .1rem 1rem; border-left: 3px solid var(--accent); }
.command { margin: .5rem 0 0; padding: .8rem 1rem; border-radius: .4rem; border: 1px solid var(--rule); background: var(--inset); }
.command code { user-select: all; -webkit-user-select: all; }
.look { padding: 0; list-style: none; }
.look li { margin: .5rem 0; padding-left: 1rem; border-left: 3px solid var(--accent); }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem 0 .5rem 1rem; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top; font-weight: 400; }
th:first-child, td:first-child { padding-left: 0; }
thead th { padding-bottom: .35rem; font-size: .8125rem; color: var(--quiet); vertical-align: bottom; }
tfoot th, tfoot td { border-bottom: 0; font-weight: 600; }
.n { text-align: right; white-space: nowrap; overflow-wrap: normal; }
.bar { width: 34%; }
.bar svg { display: block; width: 100%; height: .5rem; margin-top: .55em; }
.bar .all { fill: var(--rule); }
.bar .part { fill: var(--accent); }
tr.sub > th { padding-left: 1.25rem; }
tr.subsub > th { padding-left: 2.5rem; color: var(--quiet); }
footer { margin-top: 5rem; padding-top: 1rem; border-top: 1px solid var(--rule); font-size: .875rem; color: var(--quiet); }
footer p { margin: .2rem 0; }
@media (max-width: 34rem) {
  main { padding: 2rem 1.1rem 4rem; }
  h1 { font-size: 1.5rem; }
  section { margin-top: 3rem; }
  .bar { width: 18%; }
  th, td { padding-left: .7rem; }
  th small { display: block; margin-left: 0; }
}
@media print {
  @page { margin: 18mm; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  section { margin-top: 2rem; }
  h2, h3 { break-after: avoid; }
  tr, .command, .why { break-inside: avoid; }
}
</style>
<title>)";

std::string links_text(std::uint64_t count) {
  return count == 1 ? "1 link" : fmt::format("{} links", util::count_text(count));
}

/// An exit code, its meaning, and who has to act, as in the README.
struct ExitMeaning {
  int code;
  std::string_view words;
  std::string_view who = {};
};

constexpr std::array exit_meanings{
    ExitMeaning{0, "nothing stopped it"},
    ExitMeaning{1, "unexpected error", "author"},
    ExitMeaning{2, "usage or configuration; options that are not the plan's", "author"},
    ExitMeaning{3, "finished, with rows in the --fail-on fates; the same on every later call",
                "data owner"},
    ExitMeaning{4,
                "input missing, unreadable, changed or too short; a damaged plan or checkpoint; a "
                "job of another input; an unfinished --last-job; a job that was moved, removed or "
                "replaced while it was sent; explain of an id that was not found",
                "upstream"},
    ExitMeaning{5, "outage, network, disk full, links still pending: checkpoint saved, run again",
                "scheduler retries"},
    ExitMeaning{6, "stopped by a guard: check first", "data owner"},
    ExitMeaning{7, "stopped by the service: credentials, no such API, an unexpected answer",
                "on call"},
    ExitMeaning{8, "--max-requests or --canary reached", "next run continues"},
    ExitMeaning{10, "--max-duration reached", "next run continues"},
    ExitMeaning{11, "another process works on this job", "next run continues"},
    ExitMeaning{130, "interrupted by SIGINT; checkpoint saved", "next run continues"},
    ExitMeaning{143, "interrupted by SIGTERM; checkpoint saved", "next run continues"},
};

std::string_view meaning(send::RowOutcome outcome) {
  switch (outcome) {
    case send::RowOutcome::delivered:
      return "the service accepted it";
    case send::RowOutcome::duplicate:
      return "adds nothing new";
    case send::RowOutcome::skipped:
      return "nothing to link: a side is blank, or a person decided against it";
    case send::RowOutcome::rejected:
      return "unreadable, or an id that must never be linked";
    case send::RowOutcome::held:
      return "readable, but sending it would be doubtful";
    case send::RowOutcome::refused:
      return "the service declined it";
    case send::RowOutcome::pending:
      return "not settled yet";
    case send::RowOutcome::count:
      break;
  }
  return {};
}

constexpr std::array outcomes_for_a_person{send::RowOutcome::rejected, send::RowOutcome::held,
                                           send::RowOutcome::refused};

/// Summarizes in one sentence how the command ended.
std::string headline(const JobSummary& view, const CommandResult& result) {
  const auto to_send = view.to_send();
  if (!view.run) {
    if (!result.stop.empty()) {
      return fmt::format("Stopped before anything was sent: {} planned", links_text(to_send));
    }
    return to_send == 0 ? "Planned: there is nothing to send"
                        : fmt::format("Planned: {} to send, nothing sent yet", links_text(to_send));
  }
  const auto prefix = [&](std::string_view capital, std::string_view rest) {
    return result.rehearsal ? fmt::format("Rehearsal {}: ", rest) : fmt::format("{}: ", capital);
  };
  if (!view.finished()) {
    return (result.stop.empty() ? prefix("Unfinished", "unfinished")
                                : prefix("Stopped", "stopped")) +
           fmt::format("{} of {} pending", util::count_text(view.pending()), links_text(to_send));
  }
  auto out = prefix("Finished", "finished");
  if (to_send == 0) {
    out += "there was nothing to send";
  } else if (view.delivered() == to_send) {
    out += fmt::format("{} delivered, nothing left to send", links_text(to_send));
  } else {
    out +=
        fmt::format("{} of {} delivered", util::count_text(view.delivered()), links_text(to_send));
  }
  const auto left = outcomes_text(doubtful_of(view), outcomes_for_a_person);
  if (!left.empty()) out += fmt::format("; {}", left);
  return out;
}

class Page {
 public:
  Page(const JobSummary& view, const CommandResult& result, const util::IdMask& mask)
      : view_(view), result_(result), mask_(mask) {}

  std::string write() && {
    const auto sentence = headline(view_, result_);
    html_.markup(head).text(sentence).markup(" · ").text(view_.job).markup(
        "</title>\n</head>\n<body>\n<main>\n");
    how_it_ended(sentence);
    account();
    sending();
    plan_summary();
    clusters();
    inputs();
    files();
    html_.markup("<footer>\n<p>plan <code>").text(view_.plan.id());
    html_.markup("</code>, made ").text(created()).markup("</p>\n<p>idmerge ");
    html_.text(util::version()).markup("</p>\n</footer>\n</main>\n</body>\n</html>\n");
    return std::move(html_).take();
  }

 private:
  std::string created() const {
    const auto time = util::rfc3339(
        std::chrono::system_clock::time_point(std::chrono::seconds(view_.plan.preamble.created_s)));
    return fmt::format("{} {} UTC", time.substr(0, 10), time.substr(11, 5));
  }

  void how_it_ended(std::string_view sentence) {
    html_.markup("<header>\n<p class=\"quiet above\">idmerge · <bdi id=\"job\">").text(view_.job);
    html_.markup("</bdi></p>\n<h1>").text(sentence).markup("</h1>\n<p id=\"ending\">");
    html_.markup("<span id=\"state\">").text(state_of(view_)).markup("</span>, exit ");
    html_.markup("<span id=\"exit-code\">").text(fmt::format("{}", result_.exit_code));
    html_.markup("</span>");
    const auto* const found =
        std::find_if(exit_meanings.begin(), exit_meanings.end(),
                     [&](const auto& known) { return known.code == result_.exit_code; });
    if (found != exit_meanings.end()) {
      html_.markup(": <span id=\"exit-meaning\">").text(found->words).markup("</span>");
      if (!found->who.empty()) {
        html_.markup(" <span class=\"quiet\">(who acts: ").text(found->who).markup(")</span>");
      }
    }
    html_.markup("</p>\n");
    if (result_.rehearsal) {
      html_.markup("<p>A rehearsal: sent to an emulator; the job itself has not changed.</p>\n");
    }
    if (!result_.stop.empty()) {
      html_.markup("<p class=\"why\" id=\"stop\">").text(result_.stop).markup("</p>\n");
    }
    if (!result_.next.empty()) {
      html_.markup("<p class=\"quiet\">To continue:</p>\n");
      command(result_.next, "<pre class=\"command\" id=\"next\"><code>");
    }
    html_.markup("</header>\n");
  }

  void command(std::string_view line, Markup begin = "<pre class=\"command\"><code>") {
    html_.markup(begin).text(line).markup("</code></pre>\n");
  }

  /// Draws a bar without text; the numbers are in the cells beside it.
  void bar(std::uint64_t part, std::uint64_t whole) {
    constexpr double least = 0.6;  // percent; the minimum that is visible
    double width = whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
    if (part > 0) width = std::max(width, least);
    html_
        .markup(
            "<td class=\"bar\"><svg viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" "
            "aria-hidden=\"true\"><rect class=\"all\" width=\"100\" height=\"1\"/>"
            "<rect class=\"part\" width=\"")
        .text(fmt::format("{:.2f}", width))
        .markup("\" height=\"1\"/></svg></td>");
  }

  /// Writes the text below a label: an explanation, or the file that has the rows.
  void beside(const Figure& figure) {
    if (!figure.listed_in.empty()) {
      html_.markup("<small>in <code>").text(figure.listed_in).markup("</code></small>");
    } else if (!figure.words.empty()) {
      html_.markup("<small>").text(figure.words).markup("</small>");
    }
  }

  void account() {
    const auto figures = account_figures(view_);
    const auto read = figures.front().count;
    html_.markup(
        "<section aria-labelledby=\"account\">\n<h2 id=\"account\">Every row and its fate</h2>\n"
        "<table id=\"account-table\" class=\"account\">\n<thead><tr><th scope=\"col\">Fate</th>"
        "<th scope=\"col\" class=\"n\">Rows</th><th scope=\"col\" class=\"n\">Share</th>"
        "<td></td></tr></thead>\n<tbody>\n");
    for (std::size_t i = 1; i < figures.size(); ++i) {
      const auto& figure = figures[i];
      html_.markup("<tr><th scope=\"row\">").text(figure.label);
      html_.markup("<small>")
          .text(meaning(static_cast<send::RowOutcome>(i - 1)))
          .markup("</small>");
      beside(figure);
      html_.markup("</th><td class=\"n\">").count(figure.count);
      html_.markup("</td><td class=\"n\">")
          .text(util::share_text(figure.count, read))
          .markup("</td>");
      bar(figure.count, read);
      html_.markup("</tr>\n");
    }
    html_.markup("</tbody>\n<tfoot><tr><th scope=\"row\">read<small>the sum of all fates</small>");
    html_.markup("</th><td class=\"n\">").count(read);
    html_.markup("</td><td class=\"n\">").text(util::share_text(read, read));
    html_.markup("</td><td></td></tr></tfoot>\n</table>\n</section>\n");
  }

  void sending() {
    html_.markup("<section aria-labelledby=\"send\">\n<h2 id=\"send\">What was sent</h2>\n");
    const auto figures = send_figures(view_);
    if (figures.empty()) {
      html_.markup("<p>Nothing yet. To be sent: ").text(links_text(view_.to_send()));
      html_.markup(".</p>\n");
    } else {
      html_.markup("<p>To <bdi class=\"id\" id=\"target\">").text(target_of(view_));
      html_.markup("</bdi></p>\n<table id=\"send-table\">\n<tbody>\n");
      for (const auto& figure : figures)
        row(figure);
      html_.markup("</tbody>\n</table>\n");
      if (view_.in_doubt.links.size() > 0) {
        html_.markup("<p>At most ").text(links_text(view_.in_doubt.links.size()));
        html_.markup(" may already have been delivered and will be sent again.</p>\n");
      }
      if (view_.delivered() > 0 && !result_.rehearsal) {
        html_.markup("<p class=\"quiet\">").text(accepted_text()).markup("</p>\n");
      }
    }
    html_.markup("</section>\n");
  }

  void row(const Figure& figure) {
    if (figure.depth == 0) {
      html_.markup("<tr><th scope=\"row\">");
    } else if (figure.depth == 1) {
      html_.markup("<tr class=\"sub\"><th scope=\"row\">");
    } else {
      html_.markup("<tr class=\"subsub\"><th scope=\"row\">");
    }
    html_.text(figure.label);
    beside(figure);
    html_.markup("</th><td class=\"n\">").count(figure.count).markup("</td></tr>\n");
  }

  void plan_summary() {
    html_.markup(
        "<section aria-labelledby=\"plan\">\n<h2 id=\"plan\">What the plan contains</h2>\n");
    if (const auto texts = warnings(view_); !texts.empty()) {
      html_.markup("<ul class=\"look\" id=\"warnings\">\n");
      for (const auto& text : texts)
        html_.markup("<li>").text(text).markup("</li>\n");
      html_.markup("</ul>\n");
    }
    figure_table("<h3>Rows</h3>\n<table id=\"rows-table\">\n", row_figures(view_));
    figure_table("<h3>Links</h3>\n<table id=\"links-table\">\n", link_figures(view_));
    sides();
    if (!view_.examples.empty()) {
      html_.markup("<h3>For example</h3>\n<ul id=\"examples\">\n");
      for (const auto& link : view_.examples)
        example(link);
      html_.markup("</ul>\n");
    }
    html_.markup("</section>\n");
  }

  void example(const NamedLink& link) {
    const auto [before, between, behind] = example_words(link.op);
    html_.markup("<li>").text(before).markup("<bdi class=\"id\">").text(mask_(link.anon));
    html_.markup("</bdi>").text(between).markup("<bdi class=\"id\">").text(mask_(link.user));
    html_.markup("</bdi>").text(behind).markup("</li>\n");
  }

  void figure_table(Markup begin, const std::vector<Figure>& figures) {
    html_.markup(begin).markup(
        "<thead><tr><td></td><th scope=\"col\" class=\"n\">Count</th></tr></thead>\n<tbody>\n");
    for (const auto& figure : figures)
      row(figure);
    html_.markup("</tbody>\n</table>\n");
  }

  void sides() {
    const auto& plan_summary = view_.plan_summary;
    figure_table("<h3>Ids</h3>\n<table id=\"ids-table\">\n", id_figures(plan_summary));
    if (plan_summary.anon.distinct + plan_summary.user.distinct > 0) {
      html_.markup(
          "<h3>Ids that are UUIDs</h3>\n<table id=\"sides-table\">\n<thead><tr>"
          "<th scope=\"col\">Side</th><th scope=\"col\" class=\"n\">Ids</th>"
          "<th scope=\"col\" class=\"n\">UUIDs</th><th scope=\"col\" class=\"n\">UUIDv4</th>"
          "</tr></thead>\n<tbody>\n");
      const auto side = [&](std::string_view label, const plan::SideReport& of) {
        html_.markup("<tr><th scope=\"row\">").text(label).markup("</th>");
        for (const auto count : {of.distinct, of.uuids, of.uuid_v4})
          html_.markup("<td class=\"n\">").count(count).markup("</td>");
        html_.markup("</tr>\n");
      };
      side("anonymous", plan_summary.anon);
      side("user", plan_summary.user);
      html_.markup("</tbody>\n</table>\n");
    }
    if (plan_summary.anons_per_user_max > 0) {
      html_.markup("<p id=\"ids-per-user\">Anonymous ids of a user: median ");
      html_.count(plan_summary.anons_per_user_p50).markup(", 99th percentile ");
      html_.count(plan_summary.anons_per_user_p99).markup(", most ");
      html_.count(plan_summary.anons_per_user_max).markup(".</p>\n");
    }
  }

  /// Writes how many entries of a bounded list are left out.
  void more(std::uint64_t of, std::size_t listed, Markup what) {
    if (of <= listed) return;
    html_.markup("<p class=\"quiet\">and ").count(of - listed).markup(" more ").markup(what);
    html_.markup("</p>\n");
  }

  void users(const std::vector<NamedLink>& links) {
    for (const auto& link : links) {
      html_.markup("<tr><th scope=\"row\"><bdi class=\"id\">").text(mask_(link.user));
      html_.markup("</bdi></th><td class=\"n\">").count(link.ids).markup("</td></tr>\n");
    }
    html_.markup("</tbody>\n</table>\n");
  }

  void clusters() {
    const auto& plan_summary = view_.plan_summary;
    html_.markup(
        "<section aria-labelledby=\"clusters\">\n<h2 id=\"clusters\">Largest clusters</h2>\n");
    if (view_.largest.empty()) html_.markup("<p>None: no link is to be sent.</p>\n");
    if (!view_.largest.empty()) {
      html_.markup(
          "<table id=\"clusters-table\">\n<thead><tr><th scope=\"col\">The cluster with</th>"
          "<th scope=\"col\" class=\"n\">Ids</th></tr></thead>\n<tbody>\n");
      users(view_.largest);
      more(plan_summary.clusters, view_.largest.size(), "clusters, none of them larger");
    }
    if (!view_.hubs.empty()) {
      html_.markup(
          "<h3>Users with more than 100 anonymous ids</h3>\n<table id=\"hubs-table\">\n<thead><tr>"
          "<th scope=\"col\">User</th><th scope=\"col\" class=\"n\">Anonymous "
          "ids</th></tr></thead>\n"
          "<tbody>\n");
      users(view_.hubs);
      more(plan_summary.hubs, view_.hubs.size(), "of them");
    }
    if (!view_.doubled.empty()) {
      html_.markup("<h3>Anonymous ids with a doubled prefix</h3>\n<ul id=\"doubled\">\n");
      for (const auto& link : view_.doubled)
        html_.markup("<li><bdi class=\"id\">").text(mask_(link.anon)).markup("</bdi></li>\n");
      html_.markup("</ul>\n");
      more(plan_summary.doubled_device_prefix, view_.doubled.size(), "of them");
    }
    html_.markup("</section>\n");
  }

  void inputs() {
    const auto& inputs = view_.plan.inputs;
    html_.markup(
        "<section aria-labelledby=\"inputs\">\n<h2 id=\"inputs\">Input files</h2>\n"
        "<table id=\"inputs-table\">\n<thead><tr><th scope=\"col\">File</th>"
        "<th scope=\"col\" class=\"n\">Rows</th><th scope=\"col\" class=\"n\">Bytes</th></tr>"
        "</thead>\n<tbody>\n");
    struct Sum {
      std::uint64_t rows = 0, bytes = 0;
    } rest, all;
    const auto figures = [&](std::uint64_t rows, std::uint64_t bytes) {
      html_.markup("</th><td class=\"n\">").count(rows).markup("</td><td class=\"n\">");
      html_.count(bytes).markup("</td></tr>\n");
    };
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto& input = inputs[i];
      all = {all.rows + input.rows, all.bytes + input.size_bytes};
      if (i >= inputs_max) {
        rest = {rest.rows + input.rows, rest.bytes + input.size_bytes};
        continue;
      }
      html_.markup("<tr><th scope=\"row\"><bdi class=\"id\">").text(input.path);
      html_.markup("</bdi><small>").text(input.format).markup("</small>");
      figures(input.rows, input.size_bytes);
    }
    if (inputs.size() > inputs_max) {
      html_.markup("<tr><th scope=\"row\">and ").count(inputs.size() - inputs_max);
      html_.markup(" more files");
      figures(rest.rows, rest.bytes);
    }
    html_.markup("</tbody>\n");
    if (inputs.size() > 1) {
      html_.markup("<tfoot><tr><th scope=\"row\">").count(inputs.size()).markup(" files");
      figures(all.rows, all.bytes);
      html_.markup("</tfoot>\n");
    }
    html_.markup("</table>\n</section>\n");
  }

  void files() {
    const auto tally = tally_of(view_);
    const plan::JobPaths job{view_.job};
    const auto run = job.run(result_.rehearsal ? "rehearsal" : "1-of-1");
    html_.markup(
        "<section aria-labelledby=\"files\">\n<h2 id=\"files\">The files of the job</h2>\n"
        "<p>In <bdi class=\"id\">");
    html_.text(view_.job).markup(
        "</bdi>:</p>\n<table id=\"files-table\">\n<thead><tr><th scope=\"col\">File</th>"
        "<th scope=\"col\">Holds</th></tr></thead>\n<tbody>\n");
    const auto file = [&](std::string_view path, Markup holds) {
      html_.markup("<tr><th scope=\"row\"><code>").text(path.substr(view_.job.size() + 1));
      html_.markup("</code></th><td>").markup(holds).markup("</td></tr>\n");
    };
    file(job.plan(), "every distinct pair and its verdict; what <code>run</code> sends");
    if (tally.rejected > 0) file(job.rejected(), "rows that cannot be used, each with its reason");
    if (tally.held > 0) file(job.held(), "rows withheld for a person to decide");
    if (view_.run) {
      file(run.checkpoint(), "progress of the run");
      if (tally.refused > 0) {
        file(run.refused(), "links the service refused, with its answer; can be used as input");
      }
      if (view_.ambiguous() > 0) {
        file(run.ambiguous(),
             "links that count as delivered because the service called them linked already when "
             "they were sent again, with its answer");
      }
    }
    file(result_.rehearsal ? plan::JobPaths{run.dir}.summary() : job.summary(),
         "the figures of this page, for machines");
    html_.markup("</tbody>\n</table>\n<p class=\"quiet\">To see more:</p>\n");
    const auto see = [&](const std::vector<std::string>& words) { command(command_line(words)); };
    see({"status", "--job", view_.job});
    if (tally.rejected > 0) see({"show", "--job", view_.job, "--rejected"});
    if (tally.held > 0) see({"show", "--job", view_.job, "--held", "--format", "csv"});
    if (tally.refused > 0 && !result_.rehearsal) see({"show", "--job", view_.job, "--refused"});
    if (view_.ambiguous() > 0 && !result_.rehearsal) {
      see({"show", "--job", view_.job, "--in-doubt"});
    }
    html_.markup("</section>\n");
  }

  const JobSummary& view_;
  const CommandResult& result_;
  const util::IdMask& mask_;
  Html html_;
};

}  // namespace

std::string report_page(const JobSummary& view, const CommandResult& result,
                        const util::IdMask& mask) {
  return Page(view, result, mask).write();
}

}  // namespace idmerge::cli
