// SPDX-License-Identifier: MIT
#include "cli/report_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "input/cell.hpp"
#include "input/columns.hpp"
#include "plan/planner.hpp"
#include "plan/verdict.hpp"
#include "send/local_time.hpp"
#include "util/json_writer.hpp"
#include "util/version.hpp"

namespace idmerge::cli {
namespace {

/// A warning is given if the share of UUIDs on the user side exceeds that on the anonymous side by
/// more than this.
constexpr double uuid_lead_to_look_at = 0.25;

constexpr std::size_t label_columns = 30;
constexpr std::size_t count_columns = 16;

/// "  duplicate                          1,000  says nothing new"
std::string line(const Figure& figure, std::string_view job = {}) {
  const auto indent = figure.depth * 2;
  auto out = fmt::format("{:{}}{:<{}}{:>{}}", "", indent, figure.label, label_columns - indent,
                         util::count_text(figure.count), count_columns);
  if (!figure.listed_in.empty()) {
    out += "  " + shell_word(fmt::format("{}/{}", job, figure.listed_in));
  } else if (!figure.words.empty()) {
    out += "  " + figure.words;
  }
  return out + "\n";
}

std::string lines(const std::vector<Figure>& figures, std::string_view job) {
  std::string out;
  for (const auto& figure : figures)
    out += line(figure, job);
  return out;
}

constexpr std::string_view rejected_file = "rejected.ndjson";
constexpr std::string_view held_file = "held.ndjson";

std::uint64_t of(const plan::PlanSummary& plan_summary, plan::Verdict verdict) {
  return plan_summary.verdicts[static_cast<std::size_t>(verdict)];
}

std::string ids_part(const JobSummary& view) {
  const auto& plan_summary = view.plan_summary;
  auto out = lines(id_figures(plan_summary), view.job);
  if (plan_summary.anons_per_user_max > 0) {
    out += fmt::format("{:<{}}p50 {}, p99 {}, max {}\n", "  anonymous ids of a user", label_columns,
                       util::count_text(plan_summary.anons_per_user_p50),
                       util::count_text(plan_summary.anons_per_user_p99),
                       util::count_text(plan_summary.anons_per_user_max));
  }
  return out;
}

std::string names_part(const JobSummary& view, const util::IdMask& mask) {
  std::string out;
  // Every pair forms a cluster of two, so only larger ones are listed.
  const auto large = std::any_of(view.largest.begin(), view.largest.end(),
                                 [](const NamedLink& link) { return link.ids > 2; });
  if (large) {
    out += "largest clusters\n";
    for (const auto& link : view.largest) {
      out += fmt::format("  {} ids with {}\n", util::count_text(link.ids), mask(link.user));
    }
  }
  if (!view.hubs.empty()) {
    out += "users with more than 100 anonymous ids\n";
    for (const auto& link : view.hubs) {
      out +=
          fmt::format("  {} anonymous ids with {}\n", util::count_text(link.ids), mask(link.user));
    }
  }
  if (!view.doubled.empty()) {
    out += "anonymous ids with a doubled prefix\n";
    for (const auto& link : view.doubled)
      out += fmt::format("  {}\n", mask(link.anon));
  }
  if (!view.examples.empty()) {
    out += "for example\n";
    for (const auto& link : view.examples) {
      out += fmt::format("  {}\n", example_sentence(link, mask));
    }
  }
  return out;
}

/// Returns the header of an input, or its first row if it has no header; empty if columns are known
/// by name.
std::string first_row_text(const JobSummary& view, std::size_t input, const util::IdMask& mask) {
  const auto* const row = view.plan.options.find(plan::first_row_key(input));
  if (row == nullptr) return {};
  std::vector<std::string> cells;
  for (std::string_view rest = *row;;) {
    const auto end = std::min(rest.find('\n'), rest.size());
    cells.emplace_back(rest.substr(0, end));
    if (end == rest.size()) break;
    rest.remove_prefix(end + 1);
  }
  if (view.plan.options.get("header") != "no") return ", header: " + input::list_names(cells, mask);
  std::string out = ", no header, first row: ";
  for (const auto& cell : cells)
    out += fmt::format("{}{}", &cell == &cells.front() ? "" : ", ", mask(cell));
  return out;
}

/// Estimates the duration of sending `links` in `requests`.
std::string time_text(std::uint64_t links, std::uint64_t requests,
                      const send::RateSchedule& table) {
  if (table.next_change({}))
    return "by the hours of --rate, " +
           send::local_time_text(std::time(nullptr), send::local_zone());
  if (table.changes()) return "not before the pause of --rate ends";
  const util::Rate rate = table.at({}).rate;
  if (rate.per_s == 0) return "without a rate limit";
  const auto ms = static_cast<double>(rate.requests ? requests : links) / rate.per_s * 1000;
  if (ms > 3e14) return fmt::format("at {}: for ever", util::rate_text(rate));
  return fmt::format(
      "at {}: {}", util::rate_text(rate, true),
      util::rough_duration_text(std::chrono::milliseconds{static_cast<std::int64_t>(ms)}));
}

/// Returns the number of requests: one per link, or one per batch.
std::uint64_t requests_of(const JobSummary& view, std::optional<std::size_t> batch) {
  const auto links = view.plan_summary.sendable();
  const auto most = view.service().request_links_max;
  const auto carried = std::min(batch.value_or(most), most);
  return (links + carried - 1) / carried;
}

std::string sides_json(const plan::SideReport& side) {
  return fmt::format(R"({{"distinct":{},"uuids":{},"uuid_v4":{}}})", side.distinct, side.uuids,
                     side.uuid_v4);
}

std::string quoted(std::string_view text) {
  std::string out;
  util::append_json_string(out, text);
  return out;
}

std::string quoted_or_null(std::string_view text) {
  return text.empty() ? "null" : quoted(text);
}

std::string users_json(const std::vector<NamedLink>& links, std::string_view what,
                       const util::IdMask& mask) {
  std::string out = "[";
  for (const auto& link : links) {
    if (out.size() > 1) out += ',';
    out += fmt::format(R"({{"user":{},"{}":{}}})", quoted(mask(link.user)), what, link.ids);
  }
  return out + "]";
}

std::string inputs_json(const JobSummary& view) {
  std::string out = "[";
  for (const auto& input : view.plan.inputs) {
    if (out.size() > 1) out += ',';
    out += fmt::format(R"({{"file":{},"format":{},"rows":{},"bytes":{}}})", quoted(input.path),
                       quoted(input.format), input.rows, input.size_bytes);
  }
  return out + "]";
}

std::string unreadable_orders_json(const JobSummary& view) {
  const auto& [rows, file, line, column] = view.plan_summary.unreadable_orders;
  if (rows == 0) return R"({"rows":0,"first":null})";
  return fmt::format(R"({{"rows":{},"first":{{"file":{},"line":{},"column":{}}}}})", rows,
                     quoted(view.plan.inputs[file].path), line, column);
}

std::string send_json(const JobSummary& view) {
  if (!view.run) return "null";
  auto out = fmt::format(R"({{"target":{})", quoted(target_of(view)));
  for (const auto& figure : send_figures(view))
    out += fmt::format(",{}:{}", quoted(figure.label), figure.count);
  return out + "}";
}

}  // namespace

std::vector<Figure> row_figures(const JobSummary& view) {
  const auto& plan_summary = view.plan_summary;
  std::vector<Figure> out;
  out.push_back(
      {0, "rows", plan_summary.read,
       plan_summary.blank_lines == 0
           ? ""
           : fmt::format("and {} blank lines", util::count_text(plan_summary.blank_lines))});
  out.push_back({1, "duplicate", plan_summary.duplicates, "repeat a pair"});
  std::string sides;
  if (plan_summary.skipped() > 0) {
    sides = fmt::format("blank: anonymous side {}, user side {}, both {}",
                        util::count_text(plan_summary.skipped_anon),
                        util::count_text(plan_summary.skipped_user),
                        util::count_text(plan_summary.skipped_both));
  }
  out.push_back({1, "skipped", plan_summary.skipped(), std::move(sides)});
  const auto rejected = plan_summary.rejected();
  out.push_back({1, "rejected", rejected, "", rejected == 0 ? "" : rejected_file});
  for (std::size_t i = 0; i < plan_summary.faults.size(); ++i) {
    const auto fault = static_cast<input::Fault>(i);
    if (plan_summary.faults[i] == 0 || input::is_doubtful(fault)) continue;
    out.push_back({2, name(fault), plan_summary.faults[i], std::string(sentence(fault))});
  }
  if (plan_summary.held_rows() > 0) {
    out.push_back({1, "held", plan_summary.held_rows(), "", held_file});
    out.push_back({2, name(input::Fault::partial_row), plan_summary.held_rows(),
                   std::string(sentence(input::Fault::partial_row))});
  }
  return out;
}

std::vector<Figure> link_figures(const JobSummary& view) {
  const auto& plan_summary = view.plan_summary;
  std::vector<Figure> out;
  out.push_back({0, "links", plan_summary.links, "distinct pairs"});
  out.push_back({1, "to send", plan_summary.sendable()});
  if (view.billable_events() > 0) {
    out.push_back({2, "billable events", view.billable_events(),
                   "in a simplified project each link is an event"});
  }
  if (plan_summary.spares() > 0) {
    out.push_back({1, "already connected", plan_summary.spares(), "by the links to send"});
  }
  if (plan_summary.voided() > 0)
    out.push_back({1, "void", plan_summary.voided(), "decided against"});
  out.push_back(
      {1, "held", plan_summary.held_links(), "", plan_summary.held_links() == 0 ? "" : held_file});
  const auto held = [&](plan::Verdict verdict, std::string words) {
    const auto count = of(plan_summary, verdict);
    if (count > 0) out.push_back({2, name(verdict), count, std::move(words)});
  };
  const auto& options = view.plan.options;
  held(plan::Verdict::conflict, "claimed by more than one user");
  held(plan::Verdict::outranked,
       fmt::format("another user's claim is the {} one", options.get("on_conflict")));
  held(plan::Verdict::both_sides, "the anonymous id is a user id elsewhere");
  held(plan::Verdict::oversize,
       fmt::format("clusters of more than {} ids", options.get("max_cluster", "--max-cluster")));
  return out;
}

std::vector<Figure> id_figures(const plan::PlanSummary& plan_summary) {
  std::vector<Figure> out;
  const auto side = [&](std::string_view label, const plan::SideReport& counted) {
    out.push_back(
        {1, label, counted.distinct,
         counted.distinct == 0
             ? ""
             : fmt::format("UUIDs: {}", util::share_text(counted.uuids, counted.distinct))});
  };
  if (plan_summary.unsided == 0 || plan_summary.anon.distinct + plan_summary.user.distinct > 0) {
    out.push_back({0, "ids", plan_summary.anon.distinct + plan_summary.user.distinct,
                   plan_summary.unsided == 0 ? "" : "of pairs with sides"});
    side("anonymous", plan_summary.anon);
    if (plan_summary.conflicted_anons > 0) {
      out.push_back({2, "with more than one user", plan_summary.conflicted_anons});
    }
    side("user", plan_summary.user);
  }
  out.push_back({0, "clusters to be made", plan_summary.clusters});
  return out;
}

std::vector<Figure> account_figures(const JobSummary& view) {
  const auto tally = tally_of(view);
  std::vector<Figure> out{{0, "read", tally.read}};
  for (std::size_t i = 0; i < static_cast<std::size_t>(send::RowOutcome::count); ++i) {
    const auto outcome = static_cast<send::RowOutcome>(i);
    Figure figure{0, name(outcome), tally[outcome]};
    if (outcome == send::RowOutcome::delivered && view.ambiguous() > 0) {
      figure.words = fmt::format(
          "{} of them ambiguous, linked already when sent again: idmerge show --job {} --in-doubt",
          util::count_text(view.ambiguous()), shell_word(view.job));
    } else if (outcome == send::RowOutcome::duplicate &&
               view.plan_summary.spares() > view.spares_sent()) {
      figure.words = fmt::format("{} of them connected already",
                                 util::count_text(view.plan_summary.spares() - view.spares_sent()));
    } else if (outcome == send::RowOutcome::pending && view.parked() > 0) {
      figure.words = fmt::format("{} of them parked", util::count_text(view.parked()));
    } else if (tally[outcome] > 0 && outcome == send::RowOutcome::rejected) {
      figure.listed_in = rejected_file;
    } else if (tally[outcome] > 0 && outcome == send::RowOutcome::held) {
      figure.listed_in = held_file;
    } else if (tally[outcome] > 0 && outcome == send::RowOutcome::refused) {
      figure.words = fmt::format("idmerge show --job {} --refused", shell_word(view.job));
    }
    out.push_back(std::move(figure));
  }
  return out;
}

std::vector<Figure> send_figures(const JobSummary& view) {
  if (!view.run) return {};
  return {{0, "links", view.to_send(), "to be sent in all"},
          {0, "round", view.run->checkpoint.round, "above 0: spares in place of refused links"},
          {0, "spares", view.spares_sent(), "sent in these rounds"},
          {0, "delivered", view.delivered(), "the service accepted them"},
          {0, "ambiguous", view.ambiguous(),
           "of the delivered: already linked when sent again without a known answer"},
          {0, "refused", view.refused(), "the service declined them"},
          {0, "parked", view.parked(), "of the pending: failed while others succeeded"},
          {0, "pending", view.pending(), "not settled yet"}};
}

std::string first_unreadable_order(const JobSummary& view) {
  const auto& first = view.plan_summary.unreadable_orders;
  return fmt::format("in {}, line {}, column {}: {}",
                     util::printable(view.plan.inputs[first.file].path), first.line, first.column,
                     input::order_hint);
}

std::vector<std::string> warnings(const JobSummary& view) {
  const auto& plan_summary = view.plan_summary;
  std::vector<std::string> out;
  const auto warn = [&](std::string text) { out.push_back(std::move(text)); };
  const auto& [create, alias, merge] = plan_summary.to_send;
  if (plan_summary.unreadable_orders.rows > 0) {
    warn(fmt::format(
        "{} rows have an order that cannot be read and are treated as rows without one: the first "
        "{}",
        util::count_text(plan_summary.unreadable_orders.rows), first_unreadable_order(view)));
  }
  if (plan_summary.uuid_lead() > uuid_lead_to_look_at) {
    warn(
        "the user side looks more like anonymous ids than the anonymous side: are the columns "
        "swapped?");
  }
  const auto not_v4 = plan_summary.anon.distinct - plan_summary.anon.uuid_v4;
  const auto mode = view.plan.options.get("project_mode");
  if (create > 0 && not_v4 > 0 && (mode.empty() || mode == "original")) {
    warn(fmt::format("{} anonymous ids are not UUIDv4: a project in mode original may refuse them",
                     util::count_text(not_v4)));
  }
  if (plan_summary.hubs > 0) {
    warn(fmt::format("{} users have more than 100 anonymous ids",
                     util::count_text(plan_summary.hubs)));
  }
  constexpr std::uint64_t hot_shard_events = 200'000;  // source: mixpanel-facts 3.4
  const auto sends_events = view.billable_events() > 0 || view.service().links_are_events;
  if (sends_events && plan_summary.anons_per_user_max > hot_shard_events) {
    warn(fmt::format(
        "a user has {} anonymous ids: the service detaches events beyond 200,000 of one user and "
        "day from the user ($hotshard_events), and all links of a job have the same day",
        util::count_text(plan_summary.anons_per_user_max)));
  }
  if (plan_summary.doubled_device_prefix > 0) {
    warn(fmt::format("{} anonymous ids start with $device:$device:",
                     util::count_text(plan_summary.doubled_device_prefix)));
  }
  if (plan_summary.warnings.padded > 0) {
    warn(
        fmt::format("{} rows have an id that begins or ends with white space: the service keeps "
                    "it, so it is a different id than without",
                    util::count_text(plan_summary.warnings.padded)));
  }
  if (plan_summary.warnings.backslashed > 0) {
    warn(
        fmt::format("{} rows have an id with a backslash: is the table written with escapes, as "
                    "MySQL, Hive and ClickHouse do? they are not decoded, but taken literally",
                    util::count_text(plan_summary.warnings.backslashed)));
  }
  for (const auto& [rows, side] : {std::pair{plan_summary.warnings.anon_decimals, "anonymous"},
                                   std::pair{plan_summary.warnings.user_decimals, "user"}}) {
    if (rows == 0) continue;
    warn(
        fmt::format("{} rows have a number such as 12345.0 as their {} id: was it 12345 before a "
                    "tool read the column as decimals?",
                    util::count_text(rows), side));
  }
  for (const auto& [rows, side] : {std::pair{plan_summary.anon_row_numbers, "anonymous"},
                                   std::pair{plan_summary.user_row_numbers, "user"}}) {
    if (rows == 0) continue;
    warn(fmt::format("the {} ids count the rows one by one: is the column a row number?", side));
  }
  if (plan_summary.warnings.prefixed > 0) {
    warn(fmt::format(
        "{} rows have anonymous ids that start with $device:, others do not: outside of "
        "simplified projects X and $device:X are two ids",
        util::count_text(plan_summary.warnings.prefixed)));
  }
  if (alias > 0 && plan_summary.both_sides_ids > 0) {
    warn(fmt::format("{} ids are on both sides: aliases of aliases",
                     util::count_text(plan_summary.both_sides_ids)));
  }
  if (plan_summary.unsided > 0) {
    warn(fmt::format("{} links have no sides: they are not checked for conflicts",
                     util::count_text(plan_summary.unsided)));
  }
  if (merge > 0) warn("merge can join two known users, and cannot be undone");
  return out;
}

std::string_view state_of(const JobSummary& view) {
  if (!view.run) return "planned";
  return view.finished() ? "finished" : "unfinished";
}

std::string_view target_of(const JobSummary& view) {
  return view.run ? view.run->checkpoint.words.get("to") : std::string_view();
}

std::array<std::string_view, 3> example_words(input::Op op) {
  switch (op) {
    case input::Op::create:
      return {"what ", " did will belong to user ", ""};
    case input::Op::alias:
      return {"", " will be another name of ", ""};
    case input::Op::merge:
      break;
  }
  return {"", " and ", " will be one user"};
}

std::string example_sentence(const NamedLink& link, const util::IdMask& mask) {
  const auto [before, between, behind] = example_words(link.op);
  return fmt::format("{}{}{}{}{}", before, mask(link.anon), between, mask(link.user), behind);
}

std::string plan_summary_text(const JobSummary& view, const util::IdMask& mask,
                              const send::RateSchedule& rate, std::optional<std::size_t> batch) {
  auto out = fmt::format("plan {} in {}\n", view.plan.id(), util::printable(view.job));
  for (const auto& input : view.plan.inputs) {
    out += fmt::format(
        "  {}: {}, {} rows{}\n", util::printable(input.path), util::printable(input.format),
        util::count_text(input.rows),
        first_row_text(view, static_cast<std::size_t>(&input - view.plan.inputs.data()), mask));
    if (view.plan.inputs.size() > 12 && &input == &view.plan.inputs[9]) {
      out += fmt::format("  and {} more files\n", view.plan.inputs.size() - 10);
      break;
    }
  }
  out += "\n" + lines(row_figures(view), view.job) + lines(link_figures(view), view.job) +
         ids_part(view);
  const auto requests = requests_of(view, batch);
  out += line({0, "requests", requests, time_text(view.plan_summary.sendable(), requests, rate)});
  std::string notes;
  for (const auto& warning : warnings(view))
    notes += fmt::format("note: {}\n", warning);
  if (const auto zone = send::local_zone(); rate.next_change({}) && !zone.problem.empty()) {
    notes += fmt::format("note: {}\n", zone.problem);
  }
  for (const auto& part : {notes, names_part(view, mask)}) {
    if (!part.empty()) out += "\n" + part;
  }
  return out;
}

std::string plan_summary_json(const JobSummary& view, const util::IdMask& mask) {
  const auto& plan_summary = view.plan_summary;
  auto out = fmt::format(
      R"({{"rows":{},"blank_lines":{},"duplicates":{},"skipped":{{"anonymous":{},"user":{},"both":{}}},"held_rows":{},"rejected":{{)",
      plan_summary.read, plan_summary.blank_lines, plan_summary.duplicates,
      plan_summary.skipped_anon, plan_summary.skipped_user, plan_summary.skipped_both,
      plan_summary.held_rows());
  bool first = true;
  for (std::size_t i = 0; i < plan_summary.faults.size(); ++i) {
    const auto fault = static_cast<input::Fault>(i);
    if (plan_summary.faults[i] == 0 || input::is_doubtful(fault)) continue;
    out += fmt::format("{}{}:{}", first ? "" : ",", quoted(name(fault)), plan_summary.faults[i]);
    first = false;
  }
  out += fmt::format(R"(}},"unreadable_orders":{},"links":{},"verdicts":{{)",
                     unreadable_orders_json(view), plan_summary.links);
  for (std::size_t i = 0; i < plan_summary.verdicts.size(); ++i) {
    out += fmt::format("{}{}:{}", i == 0 ? "" : ",", quoted(name(static_cast<plan::Verdict>(i))),
                       plan_summary.verdicts[i]);
  }
  out += fmt::format(R"(}},"to_send":{{"create":{},"alias":{},"merge":{}}},"unsided":{},)",
                     plan_summary.to_send[0], plan_summary.to_send[1], plan_summary.to_send[2],
                     plan_summary.unsided);
  out += fmt::format(R"("anonymous_ids":{},"user_ids":{},"conflicted_anonymous_ids":{},)",
                     sides_json(plan_summary.anon), sides_json(plan_summary.user),
                     plan_summary.conflicted_anons);
  out += fmt::format(R"("decisions_unknown":{},"decisions_unclaimed":{},)",
                     plan_summary.decisions_unknown, plan_summary.decisions_unclaimed);
  out += fmt::format(
      R"("both_sides_ids":{},"doubled_device_prefix":{},"prefixed_rows":{},"padded_rows":{},"backslashed_rows":{},"decimal_rows":{{"anonymous":{},"user":{}}},"row_numbers":{{"anonymous":{},"user":{}}},"billable_events":{},"clusters":{},"hubs":{},"anonymous_ids_per_user":{{"p50":{},"p99":{},"max":{}}},)",
      plan_summary.both_sides_ids, plan_summary.doubled_device_prefix,
      plan_summary.warnings.prefixed, plan_summary.warnings.padded,
      plan_summary.warnings.backslashed, plan_summary.warnings.anon_decimals,
      plan_summary.warnings.user_decimals, plan_summary.anon_row_numbers,
      plan_summary.user_row_numbers, view.billable_events(), plan_summary.clusters,
      plan_summary.hubs, plan_summary.anons_per_user_p50, plan_summary.anons_per_user_p99,
      plan_summary.anons_per_user_max);
  out += fmt::format(R"("largest_clusters":{},"hub_users":{}}})",
                     users_json(view.largest, "ids", mask),
                     users_json(view.hubs, "anonymous_ids", mask));
  return out;
}

std::string account_text(const JobSummary& view) {
  const auto figures = account_figures(view);
  std::string out;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    // Aligns the sum with the summands.
    out += i == 0 ? "  " : i == 1 ? "= " : "+ ";
    out += line(figures[i], view.job);
  }
  return out;
}

std::string outcomes_text(const send::Tally& tally, std::span<const send::RowOutcome> outcomes) {
  std::string out;
  for (const auto outcome : outcomes) {
    if (tally[outcome] == 0) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", util::count_text(tally[outcome]),
                       name(outcome));
  }
  return out;
}

std::string account_json(const send::Tally& tally) {
  auto out = fmt::format(R"({{"read":{})", tally.read);
  for (std::size_t i = 0; i < static_cast<std::size_t>(send::RowOutcome::count); ++i) {
    const auto outcome = static_cast<send::RowOutcome>(i);
    out += fmt::format(",{}:{}", quoted(name(outcome)), tally[outcome]);
  }
  return out + "}";
}

std::string_view accepted_text() {
  return "accepted is not yet merged: links show within 24 hours; what the service refuses after "
         "accepting it carries $failure_reason or $identity_failure_reason in a raw export";
}

std::string summary_json(const JobSummary& view, const CommandResult& result,
                         const util::IdMask& mask) {
  return fmt::format(
      R"({{"format":"idmerge summary","version":1,"program":{},"job":{},"plan":{},"rehearsal":{},"state":{},"exit_code":{},"stop":{},"next":{},"inputs":{},"account":{},"census":{},"send":{}}})"
      "\n",
      quoted(util::version()), quoted(view.job), quoted(view.plan.id()), result.rehearsal,
      quoted(state_of(view)), result.exit_code, quoted_or_null(result.stop),
      quoted_or_null(result.next), inputs_json(view), account_json(tally_of(view)),
      plan_summary_json(view, mask), send_json(view));
}

std::string shell_word(std::string_view word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:=,@%+").find(c) != std::string_view::npos;
  });
  if (plain) return std::string(word);
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string command_line(const std::vector<std::string>& words) {
  std::string out = "idmerge";
  for (const auto& word : words)
    out += " " + shell_word(word);
  return out;
}

}  // namespace idmerge::cli
