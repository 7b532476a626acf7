// SPDX-License-Identifier: MIT
#include "plan/plan_summary.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <numeric>
#include <utility>

#include <fmt/format.h>

namespace idmerge::plan {
namespace {

/// Calls `field(key, number)` for every number of the report, in the order of the text, and `late`
/// for those that plans of version 2 may lack. Writing and reading share this list, so they cannot
/// diverge.
template <class Report, class Field, class Late>
void each_number(Report& report, Field field, Late late) {
  field("read", report.read);
  field("blank_lines", report.blank_lines);
  field("duplicates", report.duplicates);
  field("skipped_anon", report.skipped_anon);
  field("skipped_user", report.skipped_user);
  field("skipped_both", report.skipped_both);
  for (std::size_t i = 1; i < report.faults.size(); ++i) {
    const auto fault = static_cast<input::Fault>(i);
    const auto key =
        fmt::format("{}.{}", input::is_doubtful(fault) ? "held" : "rejected", name(fault));
    input::is_late(fault) ? late(key, report.faults[i]) : field(key, report.faults[i]);
  }
  field("unreadable_orders", report.unreadable_orders.rows);
  field("unreadable_orders.file", report.unreadable_orders.file);
  field("unreadable_orders.line", report.unreadable_orders.line);
  field("unreadable_orders.column", report.unreadable_orders.column);
  field("links", report.links);
  for (std::size_t i = 0; i < report.verdicts.size(); ++i) {
    field(fmt::format("verdict.{}", name(static_cast<Verdict>(i))), report.verdicts[i]);
  }
  for (std::size_t i = 0; i < report.to_send.size(); ++i) {
    field(fmt::format("to_send.{}", name(static_cast<input::Op>(i))), report.to_send[i]);
  }
  field("unsided", report.unsided);
  field("anon.distinct", report.anon.distinct);
  field("anon.uuids", report.anon.uuids);
  field("anon.uuid_v4", report.anon.uuid_v4);
  field("user.distinct", report.user.distinct);
  field("user.uuids", report.user.uuids);
  field("user.uuid_v4", report.user.uuid_v4);
  field("conflicted_anons", report.conflicted_anons);
  field("both_sides_ids", report.both_sides_ids);
  field("decisions_unknown", report.decisions_unknown);
  field("decisions_unclaimed", report.decisions_unclaimed);
  field("doubled_device_prefix", report.doubled_device_prefix);
  late("prefixed_rows", report.warnings.prefixed);
  late("padded_rows", report.warnings.padded);
  late("backslashed_rows", report.warnings.backslashed);
  late("anon.decimal_rows", report.warnings.anon_decimals);
  late("user.decimal_rows", report.warnings.user_decimals);
  late("anon.row_numbers", report.anon_row_numbers);
  late("user.row_numbers", report.user_row_numbers);
  field("clusters", report.clusters);
  field("anons_per_user_p50", report.anons_per_user_p50);
  field("anons_per_user_p99", report.anons_per_user_p99);
  field("anons_per_user_max", report.anons_per_user_max);
  field("hubs", report.hubs);
}

bool skip(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

/// Consumes the lines of a report.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  /// Consumes the next line if its key is `key`.
  bool value(std::string_view key, std::string_view& value) {
    const auto end = rest_.find('\n');
    if (end == std::string_view::npos) return false;
    auto line = rest_.substr(0, end);
    if (!line.starts_with(key)) return false;
    line.remove_prefix(key.size());
    if (!line.starts_with(" = ")) return false;
    value = line.substr(3);
    rest_.remove_prefix(end + 1);
    return true;
  }

  bool begins_with(std::string_view key) const {
    return rest_.starts_with(key) && rest_.substr(key.size()).starts_with(" = ");
  }

  bool number(std::string_view key, std::uint64_t& number) {
    std::string_view text;
    return value(key, text) && parse(text, number) && text.empty();
  }

  /// Consumes a number from the front of `text`.
  static bool parse(std::string_view& text, std::uint64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
  }

  /// "5@0 2@17 "
  bool clusters(std::string_view key, std::vector<ClusterSize>& list) {
    std::string_view text;
    if (!value(key, text)) return false;
    while (!text.empty()) {
      auto& cluster = list.emplace_back();
      if (!parse(text, cluster.ids) || !skip(text, '@') || !parse(text, cluster.link) ||
          !skip(text, ' ')) {
        return false;
      }
    }
    return true;
  }

  /// "0 17 "
  bool links(std::string_view key, std::vector<std::uint64_t>& list) {
    std::string_view text;
    if (!value(key, text)) return false;
    while (!text.empty()) {
      if (!parse(text, list.emplace_back()) || !skip(text, ' ')) return false;
    }
    return true;
  }

  bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace

std::uint64_t PlanSummary::rejected() const {
  return std::accumulate(faults.begin(), faults.end(), std::uint64_t{0}) - held_rows();
}

std::uint64_t PlanSummary::held_rows() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < faults.size(); ++i) {
    if (input::is_doubtful(static_cast<input::Fault>(i))) sum += faults[i];
  }
  return sum;
}

std::uint64_t PlanSummary::held_links() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (is_held(static_cast<Verdict>(i))) sum += verdicts[i];
  }
  return sum;
}

double PlanSummary::decimal_share() const {
  const auto rows = links + duplicates;
  if (rows == 0) return 0;
  return static_cast<double>(std::max(warnings.anon_decimals, warnings.user_decimals)) /
         static_cast<double>(rows);
}

double PlanSummary::user_share() const {
  if (hub_users.empty() || anon.distinct == 0) return 0;
  return static_cast<double>(hub_users.front().ids) / static_cast<double>(anon.distinct);
}

double PlanSummary::uuid_lead() const {
  if (unsided > 0 || to_send[static_cast<std::size_t>(input::Op::alias)] > 0) return 0;
  if (anon.distinct == 0 || user.distinct == 0) return 0;
  const auto share = [](const SideReport& side) {
    return static_cast<double>(side.uuids) / static_cast<double>(side.distinct);
  };
  return share(user) - share(anon);
}

bool PlanSummary::adds_up() const {
  return read == links + duplicates + skipped() + rejected() + held_rows() &&
         unreadable_orders.rows <= links + duplicates &&
         links == std::accumulate(verdicts.begin(), verdicts.end(), std::uint64_t{0}) &&
         sendable() == std::accumulate(to_send.begin(), to_send.end(), std::uint64_t{0});
}

std::string to_text(const PlanSummary& report) {
  std::string text;
  const auto out = std::back_inserter(text);
  const auto line = [&](std::string_view key, std::uint64_t number) {
    fmt::format_to(out, "{} = {}\n", key, number);
  };
  each_number(report, line, [&](std::string_view key, std::uint64_t number) {
    if (number > 0) line(key, number);
  });
  const auto clusters = [&](std::string_view key, const std::vector<ClusterSize>& list) {
    fmt::format_to(out, "{} = ", key);
    for (const auto& cluster : list)
      fmt::format_to(out, "{}@{} ", cluster.ids, cluster.link);
    text += '\n';
  };
  const auto links = [&](std::string_view key, const std::vector<std::uint64_t>& list) {
    fmt::format_to(out, "{} = ", key);
    for (const auto link : list)
      fmt::format_to(out, "{} ", link);
    text += '\n';
  };
  clusters("hub_users", report.hub_users);
  clusters("largest", report.largest);
  links("examples", report.examples);
  links("doubled", report.doubled);
  return text;
}

Result<PlanSummary> parse_plan_summary(std::string_view text) {
  PlanSummary report;
  Lines lines(text);
  std::string wrong_key;
  const auto take = [&](std::string_view key, std::uint64_t& number) {
    if (wrong_key.empty() && !lines.number(key, number)) wrong_key = key;
  };
  each_number(report, take, [&](std::string_view key, std::uint64_t& number) {
    if (lines.begins_with(key)) take(key, number);
  });
  const auto bad = [](std::string_view key) {
    return Error{
        Errc::input,
        fmt::format("the summary of the plan: no usable line for {}: plan again with this version",
                    key)};
  };
  if (!wrong_key.empty()) return bad(wrong_key);

  for (const auto& [key, list] :
       {std::pair{"hub_users", &report.hub_users}, std::pair{"largest", &report.largest}}) {
    if (!lines.clusters(key, *list)) return bad(key);
  }
  for (const auto& [key, list] :
       {std::pair{"examples", &report.examples}, std::pair{"doubled", &report.doubled}}) {
    if (!lines.links(key, *list)) return bad(key);
  }
  if (!lines.done() || !report.adds_up()) return bad("the total");
  return report;
}

}  // namespace idmerge::plan
