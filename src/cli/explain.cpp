// SPDX-License-Identifier: MIT
#include "cli/explain.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "cli/job_summary.hpp"
#include "plan/explain.hpp"
#include "plan/job_paths.hpp"
#include "plan/row_report.hpp"
#include "plan/verdict.hpp"
#include "send/id_redaction.hpp"
#include "send/ledger.hpp"
#include "send/progress_log.hpp"
#include "send/run_log.hpp"
#include "send/spare_rounds.hpp"
#include "util/json_writer.hpp"
#include "util/log.hpp"
#include "util/units.hpp"

namespace idmerge::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t letters_max = std::size_t{1} << 30U;
constexpr std::size_t progress_log_max = std::size_t{1} << 30U;

/// The answer of the service to a link that it refused, or reported as already linked.
struct Refusal {
  std::uint64_t status = 0;
  std::uint64_t attempts = 0;
  std::string message;
};

/// Keyed by file and line of the link's first row, which are unique.
using Refusals = std::map<std::pair<std::string, std::uint64_t>, Refusal>;

/// The parts of a run that are needed to explain links.
struct Run {
  send::Ledger ledger;
  Refusals refusals;
  Refusals ambiguous;      // still counted as delivered
  send::LinkSet in_doubt;  // pending, but possibly delivered
  std::uint64_t letters_bytes = 0;
  std::uint64_t round = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> rounds;  // round in which each spare was sent
  send::TimeSpan whole;
  std::vector<send::ProgressLogEntry> progress_log;
};

/// The fate of a link and its details.
struct LinkOutcome {
  send::RowOutcome outcome = send::RowOutcome::pending;
  std::string words;  // details for people, printed after the fate
  std::optional<Refusal> refusal = {};
  bool ambiguous = false;  // `refusal` is the answer to a retry
  bool in_doubt = false;
  std::optional<send::TimeSpan> answered;  // when the answer arrived
  std::uint64_t round = 0;                 // in which a spare was sent; 0: none
};

std::string time_of(std::int64_t unix_s) {
  return util::rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(unix_s)));
}

/// Returns both ends of a span as RFC 3339 text.
std::vector<std::string> ends_of(const send::TimeSpan& span) {
  return {time_of(span.from_s), time_of(span.to_s)};
}

Result<Refusals> read_refusals(io::Files& files, const std::string& path, std::uint64_t bytes) {
  Refusals refusals;
  if (bytes == 0) return refusals;
  const auto text = files.read_all(path, letters_max);
  if (!text) return text.error();
  // Dead letters after the counted bytes belong to links that will be sent again.
  std::string_view rest = std::string_view(*text).substr(0, bytes);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    json::error_code failed;
    const auto value = json::parse({rest.data(), end}, failed);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto* const letter = failed ? nullptr : value.if_object();
    const auto* const file = letter != nullptr ? letter->if_contains("file") : nullptr;
    const auto* const line = letter != nullptr ? letter->if_contains("line") : nullptr;
    const auto* const message = letter != nullptr ? letter->if_contains("message") : nullptr;
    if (file == nullptr || !file->is_string() || line == nullptr || !line->is_int64() ||
        message == nullptr || !message->is_string()) {
      return Error{Errc::input, fmt::format("{}: a line is not a dead letter: the file was "
                                            "changed: restore it, or start a new job",
                                            path)};
    }
    Refusal refusal;
    const auto number = [&](const char* key) -> std::uint64_t {
      const auto* const found = letter->if_contains(key);
      return found != nullptr && found->is_int64() ? static_cast<std::uint64_t>(found->get_int64())
                                                   : 0U;
    };
    refusal.status = number("status");
    refusal.attempts = number("attempts");
    refusal.message = message->get_string();
    refusals[{std::string(file->get_string()), static_cast<std::uint64_t>(line->get_int64())}] =
        std::move(refusal);
  }
  return refusals;
}

/// The timeline is optional: unreadable parts are treated as missing.
std::vector<send::ProgressLogEntry> read_progress_log(io::Files& files, const std::string& path,
                                                      const util::Digest& plan) {
  const auto text = files.read_all(path, progress_log_max);
  return text ? send::parse_progress_log(*text, plan) : std::vector<send::ProgressLogEntry>();
}

/// Returns the span from the start of a run to the last write of its files. It includes all
/// recorded times, even if the clock was changed meanwhile.
Result<send::TimeSpan> span_of(io::Files& files, const plan::RunPaths& paths,
                               const send::RunState& state,
                               std::span<const send::ProgressLogEntry> progress_log) {
  send::TimeSpan span{state.checkpoint.pinned_time_s, state.checkpoint.pinned_time_s};
  const auto reach = [&](std::int64_t time_s) {
    span.from_s = std::min(span.from_s, time_s);
    span.to_s = std::max(span.to_s, time_s + 1);
  };
  for (const auto& path : {paths.checkpoint(), paths.journal(state.generation_top)}) {
    const auto there = files.stat(path);
    if (!there) return there.error();
    if (*there) reach((*there)->mtime_ns / 1'000'000'000);
  }
  for (const auto& entry : progress_log)
    reach(entry.time_s);
  return span;
}

Result<std::optional<Run>> read_the_run(io::Files& files, const plan::RunPaths& paths,
                                        const plan::PlanReader& plan) {
  const auto& digest = plan.facts().digest;
  const auto state = send::read_run(files, paths, digest);
  if (!state) return state.error();
  if (!*state) return std::optional<Run>();
  const auto& checkpoint = (*state)->checkpoint;
  auto ledger = send::Ledger::restore(checkpoint.ledger);
  if (!ledger) return ledger.error();
  auto refusals = read_refusals(files, paths.refused(), checkpoint.letters_bytes);
  if (!refusals) return refusals.error();
  auto ambiguous = read_refusals(files, paths.ambiguous(), checkpoint.ambiguous_bytes);
  if (!ambiguous) return ambiguous.error();
  send::InDoubt in_doubt;
  if (!checkpoint.finished) {
    auto found = send::find_in_doubt(files, paths, plan, **state);
    if (!found) return found.error();
    in_doubt = std::move(*found);
  }
  auto progress_log = read_progress_log(files, paths.progress_log(), digest);
  const auto whole = span_of(files, paths, **state, progress_log);
  if (!whole) return whole.error();
  return std::optional(Run{
      .ledger = std::move(*ledger),
      .refusals = std::move(*refusals),
      .ambiguous = std::move(*ambiguous),
      .in_doubt = std::move(in_doubt.links),
      .letters_bytes = checkpoint.letters_bytes,
      .round = checkpoint.round,
      .rounds = {},
      .whole = *whole,
      .progress_log = std::move(progress_log),
  });
}

/// Formats the position of a row for people.
std::string place(const std::vector<plan::PlanInput>& inputs, std::uint32_t file,
                  std::uint64_t line) {
  return fmt::format("{}: line {}", util::printable(inputs[file].path), line);
}

/// Determines the rounds in which the explained spares were sent, because no list of spares is
/// stored.
Result<void> find_rounds(io::Files& files, const plan::RunPaths& paths,
                         const plan::PlanReader& plan, const plan::Explanation& found, Run& run) {
  std::unordered_set<std::uint64_t> spares;
  for (const auto& id : found.ids) {
    for (const auto& link : id.links) {
      if (link.verdict == plan::Verdict::spare) spares.insert(link.ordinal);
    }
  }
  if (spares.empty() || run.round == 0) return {};
  const auto refused = plan::read_refused(files, paths.refused(), run.letters_bytes);
  if (!refused) return refused.error();
  for (std::uint64_t round = 1; round <= run.round; ++round) {
    const auto sent = send::find_spares(plan, *refused, round, [] { return false; });
    if (!sent) return sent.error();
    for (const auto ordinal : *sent) {
      if (spares.contains(ordinal)) run.rounds.emplace(ordinal, round);
    }
  }
  return {};
}

/// Returns when the answer arrived. Requires: the answer of the link is known.
send::TimeSpan answered_within(const plan::KeptLink& link, const Run& run,
                               const LinkOutcome& outcome) {
  return send::settled_within(run.progress_log, outcome.round, link.ordinal, run.whole);
}

/// Returns the answer to a link, if `refusals` has one. Ids in it are masked.
std::optional<Refusal> answer_among(const Refusals& refusals, const plan::KeptLink& link,
                                    const std::vector<plan::PlanInput>& inputs,
                                    const util::IdMask& mask) {
  const auto letter = refusals.find({inputs[link.file].path, link.line});
  if (letter == refusals.end()) return std::nullopt;
  auto refusal = letter->second;
  const input::Link named{.anon = link.anon, .user = link.user};
  refusal.message = send::mask_ids(refusal.message, {&named, 1}, mask);
  return refusal;
}

/// Fills in the answer to a retry that the service reported as already linked.
void report_ambiguous(const plan::KeptLink& link, const Run& run,
                      const std::vector<plan::PlanInput>& inputs, const util::IdMask& mask,
                      LinkOutcome& out) {
  out.refusal = answer_among(run.ambiguous, link, inputs, mask);
  if (!out.refusal) return;
  out.ambiguous = true;
  out.words = fmt::format(
      "ambiguous: an earlier try may have linked it, after {} attempts status "
      "{}: {}",
      out.refusal->attempts, out.refusal->status, util::printable(out.refusal->message));
}

/// Fills in the fate of a link that was or will be sent: in round 0, or as a spare in a later one.
void describe_answer(const plan::KeptLink& link, const Run& run,
                     const std::vector<plan::PlanInput>& inputs, const util::IdMask& mask,
                     LinkOutcome& out) {
  if (run.round > out.round || run.ledger.is_settled(link.ordinal)) {
    out.outcome = send::RowOutcome::delivered;
    out.answered = answered_within(link, run, out);
    return report_ambiguous(link, run, inputs, mask, out);
  }
  if (run.ledger.is_parked(link.ordinal)) {
    out.words = fmt::format("parked after {} attempts without an answer: will be tried again later",
                            run.ledger.parked().at(link.ordinal));
  } else if (run.ledger.is_reopened(link.ordinal)) {
    out.words = "answered, but the answer may belong to another link: will be sent again";
  } else {
    out.words = "not answered yet";
  }
  out.in_doubt = run.in_doubt.contains(link.ordinal);
  if (out.in_doubt) out.words += "; it may be delivered already";
}

LinkOutcome outcome_of(const plan::KeptLink& link, const std::optional<Run>& run,
                       const std::vector<plan::PlanInput>& inputs, const util::IdMask& mask) {
  LinkOutcome out;
  if (run) {
    const auto round = run->rounds.find(link.ordinal);
    if (round != run->rounds.end()) out.round = round->second;
  }
  if (run) {
    if (auto refusal = answer_among(run->refusals, link, inputs, mask)) {
      out.outcome = send::RowOutcome::refused;
      out.refusal = std::move(refusal);
      out.answered = answered_within(link, *run, out);
      out.words = fmt::format("after {} attempts, status {}: {}", out.refusal->attempts,
                              out.refusal->status, util::printable(out.refusal->message));
      return out;
    }
  }
  if (plan::is_held(link.verdict)) {
    out.outcome = send::RowOutcome::held;
    out.words = name(link.verdict);
    return out;
  }
  if (link.verdict == plan::Verdict::spare && out.round == 0) {
    out.outcome = send::RowOutcome::duplicate;
    out.words = "a spare: other links connect its ids";
    return out;
  }
  if (link.verdict == plan::Verdict::spare) {
    describe_answer(link, *run, inputs, mask, out);
    out.words = fmt::format("a spare, sent in round {} because another link was refused{}{}",
                            out.round, out.words.empty() ? "" : ": ", out.words);
    return out;
  }
  if (link.verdict == plan::Verdict::voided) {
    out.outcome = send::RowOutcome::skipped;
    out.words = "void: a person decided against it";
    return out;
  }
  if (!run) {
    out.words = "planned, nothing sent yet";
  } else {
    describe_answer(link, *run, inputs, mask, out);
  }
  return out;
}

std::string_view outcome_word(const plan::KeptRow& row) {
  switch (row.is) {
    case plan::RowIs::first:
      return "first";
    case plan::RowIs::duplicate:
      return "duplicate";
    case plan::RowIs::skipped:
      return "skipped";
    case plan::RowIs::rejected:
      break;
  }
  return input::is_doubtful(row.fault) ? "held" : "rejected";
}

std::string_view why(const plan::KeptRow& row) {
  if (row.is == plan::RowIs::skipped) return "one side is blank";
  if (row.is != plan::RowIs::rejected) return "";
  // The denied id may be the other one of the row.
  if (row.fault == input::Fault::denied) return "denied: --deny-file denies one of its ids";
  return row.fault == input::Fault::none ? "the plan has no such link: see show --rejected"
                                         : sentence(row.fault);
}

std::string pair_text(const plan::KeptLink& link, const util::IdMask& mask) {
  return fmt::format("{} {} {}", mask(link.anon), link.sided ? "->" : "=", mask(link.user));
}

std::string list_text(const std::vector<std::string>& ids, const util::IdMask& mask) {
  std::string text;
  for (const auto& id : ids)
    text += fmt::format("    {}\n", mask(id));
  return text;
}

std::string as_text(const plan::Explained& id, const plan::Explanation& all,
                    const std::optional<Run>& run, const std::vector<plan::PlanInput>& inputs,
                    const util::IdMask& mask) {
  auto out = fmt::format("{}\n", mask(id.id));
  if (id.rows.empty() && id.links.empty()) out += "  not found in this job\n";
  if (!id.rows.empty()) {
    out += fmt::format("  rows that name it: {}\n", util::count_text(id.rows.size()));
    for (const auto& row : id.rows) {
      out += fmt::format("    {}: {}", place(inputs, row.file, row.line), outcome_word(row));
      if (row.link) out += ": " + pair_text(id.links[*row.link], mask);
      if (const auto reason = why(row); !reason.empty()) out += fmt::format(": {}", reason);
      out += '\n';
    }
  }
  for (const auto& unread : all.unread) {
    out += fmt::format("  not read again: {}: {}\n", util::printable(inputs[unread.file].path),
                       util::printable(unread.why));
  }
  if (!id.links.empty()) {
    out += fmt::format("  links that name it: {}\n", util::count_text(id.links.size()));
    for (const auto& link : id.links) {
      const auto outcome = outcome_of(link, run, inputs, mask);
      out += fmt::format("    {} ({}, from {}): {}", pair_text(link, mask), name(link.op),
                         place(inputs, link.file, link.line), name(outcome.outcome));
      if (!outcome.words.empty()) out += ": " + outcome.words;
      if (outcome.answered) {
        out += fmt::format(", between {}", fmt::join(ends_of(*outcome.answered), " and "));
      }
      out += '\n';
    }
  }
  if (!id.clashes.empty()) {
    out += "  conflicting held links\n";
    for (const auto& link : id.clashes) {
      out += fmt::format("    {} (from {}): {}\n", pair_text(link, mask),
                         place(inputs, link.file, link.line), name(link.verdict));
    }
  }
  if (!id.cluster.empty()) {
    out += fmt::format("  its cluster: {} ids\n", util::count_text(id.cluster.size()));
    out += list_text(id.cluster, mask);
  }
  if (!id.too_large.empty()) {
    out += fmt::format("  its cluster would have {} ids, more than --max-cluster\n",
                       util::count_text(id.too_large.size()));
    out += list_text(id.too_large, mask);
  }
  return out;
}

void open_object(std::string& out) {
  if (out.back() == '}') out += ',';
  out += '{';
}

/// The id itself, or masked if the mask does not show ids.
std::string in_json(const std::string& id, const util::IdMask& mask) {
  return mask.shows() ? id : mask(id);
}

std::vector<std::string> in_json(std::vector<std::string> ids, const util::IdMask& mask) {
  for (auto& id : ids)
    id = in_json(id, mask);
  return ids;
}

void append_ids(std::string& out, std::string_view key, const std::vector<std::string>& ids) {
  util::append_json_key(out, key);
  out += '[';
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) out += ',';
    util::append_json_string(out, ids[i]);
  }
  out += ']';
}

void append_link_members(std::string& out, const plan::KeptLink& link,
                         const std::vector<plan::PlanInput>& inputs, const util::IdMask& mask) {
  if (link.sided) {
    util::append_json_member(out, link.op == input::Op::alias ? "alias" : "anonymous_id",
                             in_json(link.anon, mask));
    util::append_json_member(out, link.op == input::Op::alias ? "distinct_id" : "user_id",
                             in_json(link.user, mask));
  } else {
    append_ids(out, "$distinct_ids", in_json({link.anon, link.user}, mask));
  }
  util::append_json_member(out, "op", name(link.op));
  util::append_json_member(out, "file", inputs[link.file].path);
  util::append_json_member(out, "line", link.line);
  util::append_json_member(out, "verdict", name(link.verdict));
}

std::string as_json(const plan::Explained& id, const plan::Explanation& all,
                    const std::optional<Run>& run, const std::vector<plan::PlanInput>& inputs,
                    const util::IdMask& mask) {
  std::string out = "{";
  util::append_json_member(out, "id", in_json(id.id, mask));
  util::append_json_key(out, "rows");
  out += '[';
  for (const auto& row : id.rows) {
    open_object(out);
    util::append_json_member(out, "file", inputs[row.file].path);
    util::append_json_member(out, "line", row.line);
    util::append_json_member(out, "byte_offset", row.offset);
    util::append_json_member(out, "is", outcome_word(row));
    if (row.is == plan::RowIs::rejected && row.fault != input::Fault::none) {
      util::append_json_member(out, "reason", name(row.fault));
    }
    if (row.link) util::append_json_member(out, "link", *row.link);
    out += '}';
  }
  out += ']';
  util::append_json_key(out, "links");
  out += '[';
  for (const auto& link : id.links) {
    const auto outcome = outcome_of(link, run, inputs, mask);
    open_object(out);
    append_link_members(out, link, inputs, mask);
    util::append_json_member(out, "fate", name(outcome.outcome));
    if (outcome.refusal) {
      util::append_json_member(out, "status", outcome.refusal->status);
      util::append_json_member(out, "attempts", outcome.refusal->attempts);
      util::append_json_member(out, "message", outcome.refusal->message);
    }
    if (outcome.ambiguous || outcome.in_doubt) {
      util::append_json_member(out, "doubt", outcome.ambiguous ? "ambiguous" : "open");
    }
    if (outcome.round > 0) util::append_json_member(out, "round", outcome.round);
    if (outcome.answered) append_ids(out, "between", ends_of(*outcome.answered));
    out += '}';
  }
  out += ']';
  append_ids(out, "cluster", in_json(id.cluster, mask));
  append_ids(out, "too_large", in_json(id.too_large, mask));
  util::append_json_key(out, "clashes");
  out += '[';
  for (const auto& link : id.clashes) {
    open_object(out);
    append_link_members(out, link, inputs, mask);
    out += '}';
  }
  out += ']';
  util::append_json_key(out, "unread");
  out += '[';
  for (const auto& unread : all.unread) {
    open_object(out);
    util::append_json_member(out, "file", inputs[unread.file].path);
    util::append_json_member(out, "why", unread.why);
    out += '}';
  }
  return out + "]}\n";
}

}  // namespace

Result<std::vector<std::string>> asked_ids(const std::vector<std::string>& named,
                                           std::string_view input) {
  std::vector<std::string> ids;
  std::unordered_set<std::string> known;
  const auto add = [&](std::string_view id) {
    if (!id.empty() && known.emplace(id).second) ids.emplace_back(id);
  };
  for (const auto& id : named) {
    if (id != "-") {
      add(id);
      continue;
    }
    while (!input.empty()) {
      const auto end = std::min(input.find('\n'), input.size());
      auto line = input.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      add(line);
      input.remove_prefix(std::min(end + 1, input.size()));
    }
  }
  if (ids.empty()) {
    return Error{Errc::usage, "explain: no id was given: name ids, or - for lines of stdin"};
  }
  return ids;
}

Result<void> explain_ids(io::Files& files, const Settings& settings,
                         const std::vector<std::string>& ids, const util::IdMask& mask,
                         const Output& output) {
  const auto paths = plan::open_job(files, settings.job);
  if (!paths) return paths.error();
  const auto plan = plan::PlanReader::open(files, paths->plan());
  if (!plan) return plan.error();
  const auto found = plan::explain(*plan, ids);
  if (!found) return found.error();
  auto run = read_the_run(files, paths->run(), *plan);
  if (!run) return run.error();
  if (!*run) {
    if (auto unsent = check_unsent(files, *paths); !unsent) return unsent;
  } else {
    auto rounds = find_rounds(files, paths->run(), *plan, *found, **run);
    if (!rounds) return rounds;
  }
  for (const auto& id : found->ids) {
    const auto& inputs = plan->facts().inputs;
    const auto more = output(settings.explain_as_json ? as_json(id, *found, *run, inputs, mask)
                                                      : as_text(id, *found, *run, inputs, mask));
    if (!more) return more.error();
    if (!*more) return {};
  }
  const auto unknown = std::count_if(found->ids.begin(), found->ids.end(), [](const auto& id) {
    return id.rows.empty() && id.links.empty();
  });
  if (unknown == 0) return {};
  return Error{Errc::input,
               fmt::format("{}: not found: {} of the {} ids: check their spelling, byte for byte{}",
                           util::printable(settings.job), unknown, found->ids.size(),
                           found->unread.empty() ? "" : "; not all inputs could be read again")};
}

}  // namespace idmerge::cli
