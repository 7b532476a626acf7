// SPDX-License-Identifier: MIT
//
// The reports of a job: the plan summary before sending, the account afterwards, and summary.json
// for machines. All three are functions of one JobSummary and are built from the same lists of
// figures as report.html (cli/report_page), so they cannot disagree. Every printed figure is a
// count, not an estimate.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command_result.hpp"
#include "cli/job_summary.hpp"
#include "send/rate_schedule.hpp"
#include "send/tally.hpp"
#include "util/log.hpp"

namespace idmerge::cli {

/// A labelled count for display.
struct Figure {
  std::size_t depth = 0;   // a figure is part of the closest one above it with a smaller depth
  std::string_view label;  // written in this program; static storage
  std::uint64_t count = 0;
  std::string words = {};           // an explanation; may contain untrusted text
  std::string_view listed_in = {};  // the file of the job with these rows, shown in place of words
};

/// The rows read, the links they resulted in, and the ids in these.
std::vector<Figure> row_figures(const JobSummary& view);
std::vector<Figure> link_figures(const JobSummary& view);
std::vector<Figure> id_figures(const plan::PlanSummary& plan_summary);

/// All rows read, followed by each fate. The first figure is the sum of the others.
std::vector<Figure> account_figures(const JobSummary& view);

/// The progress of the run; empty before it has begun. Labels are the keys of "send" in
/// summary.json.
std::vector<Figure> send_figures(const JobSummary& view);

/// Returns the position of the first order value that cannot be read, and the expected format: "in
/// pairs.csv, line 3, column 10: write all as ...". Requires: there is one.
std::string first_unreadable_order(const JobSummary& view);

/// Returns findings that a person should know before agreeing: "2 users have more than ..."
std::vector<std::string> warnings(const JobSummary& view);

/// "planned", "unfinished" or "finished"
std::string_view state_of(const JobSummary& view);

/// The recorded value of --to: "eu". Empty before the run has begun.
std::string_view target_of(const JobSummary& view);

/// Describes what a run would do, for people. `batch`: the value of --batch. Returns: lines, each
/// with its line end.
std::string plan_summary_text(const JobSummary& view, const util::IdMask& mask,
                              const send::RateSchedule& rate,
                              std::optional<std::size_t> batch = {});

/// The same figures as one JSON object; the ids of the largest clusters are masked by `mask`.
std::string plan_summary_json(const JobSummary& view, const util::IdMask& mask);

/// The words of the sentence about a link: before, between and after its two ids.
std::array<std::string_view, 3> example_words(input::Op op);

/// "what ANONYMOUS did will belong to user USER"
std::string example_sentence(const NamedLink& link, const util::IdMask& mask);

/// Lists each fate with its count, so that the sum can be checked. Returns: lines, each with its
/// line end.
std::string account_text(const JobSummary& view);

/// "1 rejected, 2 held": those of `outcomes` with a count above 0.
std::string outcomes_text(const send::Tally& tally, std::span<const send::RowOutcome> outcomes);

/// {"read":12,"delivered":7,...}
std::string account_json(const send::Tally& tally);

/// "accepted is not yet merged: ..."
std::string_view accepted_text();

/// The whole job for machines: one JSON object with a line end.
///
/// Format, version 1: {"format":"idmerge summary","version":1,"program":"0.1.0","job":DIR,
/// "plan":ID,"rehearsal":false,"state":"planned|unfinished|finished","exit_code":N,
/// "stop":null|TEXT,"next":null|COMMAND,"inputs":[{"file","format","rows","bytes"}],
/// "account":{...},"census":{...},"send":null|{"target","links","round","spares","delivered",
/// "ambiguous","refused","parked","pending"}}
std::string summary_json(const JobSummary& view, const CommandResult& result,
                         const util::IdMask& mask);

/// Quotes a word for a shell, if needed.
std::string shell_word(std::string_view word);

/// Placeholder in commands that have no target yet, for a person to choose one. Print it through
/// shell_word(): pasted unquoted, a shell would take the bars for pipes and run the command before
/// them.
inline constexpr std::string_view any_target = "us|eu|in|URL";

/// "idmerge run --job pairs.csv.idmerge"
std::string command_line(const std::vector<std::string>& words);

}  // namespace idmerge::cli
