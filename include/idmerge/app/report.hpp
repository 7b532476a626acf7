// SPDX-License-Identifier: MIT
//
// What the program says about a job: the census before anything is sent, the account afterwards,
// and summary.json for machines. All three are functions of one JobView, and their lines are lists
// of figures that report.html shows too (app/report_page), so that none can disagree; every figure
// that is printed is one that was counted.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/app/job_view.hpp"
#include "idmerge/base/log.hpp"
#include "idmerge/core/dialect.hpp"
#include "idmerge/core/tally.hpp"
#include "idmerge/core/timetable.hpp"

namespace idmerge {

/// A count as it is shown to people.
struct Figure {
  std::size_t depth = 0;   // part of the figure above it that has a smaller one
  std::string_view label;  // ours, with static storage
  std::uint64_t count = 0;
  std::string words = {};           // what there is to say of it; may quote what came from outside
  std::string_view listed_in = {};  // the file of the job that names each, in place of words
};

/// What was read, what it came to as links, and the ids in them.
std::vector<Figure> row_figures(const JobView& view);
std::vector<Figure> link_figures(const JobView& view);
std::vector<Figure> id_figures(const CensusReport& census);

/// The rows read, then every fate. Shape: the first is the sum of the others.
std::vector<Figure> account_figures(const JobView& view);

/// How far the run is; none before it has begun. Labels are the keys of "send" in summary.json.
std::vector<Figure> send_figures(const JobView& view);

/// Where the first order that cannot be read stands, and what one must look like. Shape: there is
/// one. "in pairs.csv, line 3, column 10: write all as ..."
std::string first_unreadable_order(const JobView& view);

/// What a careful person would want to know before agreeing. Shape: "2 users have more than ..."
std::vector<std::string> warnings(const JobView& view);

/// "planned", "unfinished" or "finished"
std::string_view state_of(const JobView& view);

/// --to as it was recorded: "eu". Empty before the run has begun.
std::string_view target_of(const JobView& view);

/// What would happen, for people. Shape: lines with a line end.
std::string census_text(const JobView& view, const IdMask& mask, const Timetable& rate,
                        std::size_t batch = DialectOptions{}.batch_links_max);

/// The same figures as one JSON object; ids of the largest clusters as the mask lets them be seen.
std::string census_json(const JobView& view, const IdMask& mask);

/// What is said of a link, around its ids: before the first, between them, behind the second.
std::array<std::string_view, 3> example_words(Op op);

/// "what ANONYMOUS did will belong to user USER"
std::string example_sentence(const NamedLink& link, const IdMask& mask);

/// Every fate and its count, and that they add up. Shape: lines with a line end.
std::string account_text(const JobView& view);

/// "1 rejected, 2 held": those of the fates that any row met.
std::string fates_text(const Tally& tally, std::span<const Fate> fates);

/// {"read":12,"delivered":7,...}
std::string account_json(const Tally& tally);

/// "accepted is not yet merged: ..."
std::string_view accepted_text();

/// How a command on a job ended.
struct Ending {
  int exit_code = 0;
  std::string stop = {};  // why it stopped; empty when it did not
  std::string next = {};  // the command that goes on; empty when there is none
  bool rehearsal = false;
};

/// The machine's view of the whole job: one JSON object with a line end.
///
/// Shape, version 1: {"format":"idmerge summary","version":1,"program":"0.1.0","job":DIR,
/// "plan":ID,"rehearsal":false,"state":"planned|unfinished|finished","exit_code":N,"stop":null|TEXT,
/// "next":null|COMMAND,"inputs":[{"file","format","rows","bytes"}],"account":{...},"census":{...},
/// "send":null|{"target","links","round","spares","delivered","ambiguous","refused","parked","pending"}}
std::string summary_json(const JobView& view, const Ending& ending, const IdMask& mask);

/// How the call ended that wrote this summary, if it had sent anything.
std::optional<Ending> ending_of_sending(std::string_view summary);

/// How the last call ended that sent links, if its summary.json is there.
std::optional<Ending> recorded_ending(Files& files, const std::string& summary);

/// One word as a shell takes it: quoted where needed.
std::string shell_word(std::string_view word);

/// Where a command has no target yet: a person is to choose. As a shell_word(), since a shell that
/// is given it as it stands takes it for pipes and runs what is before them.
inline constexpr std::string_view any_target = "us|eu|in|URL";

/// "idmerge run --job pairs.csv.idmerge"
std::string command_line(const std::vector<std::string>& words);

}  // namespace idmerge
