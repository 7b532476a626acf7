// SPDX-License-Identifier: MIT
#include "cli/show.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "cli/job_summary.hpp"
#include "cli/report_text.hpp"
#include "plan/job_paths.hpp"
#include "plan/plan_summary.hpp"
#include "plan/row_report.hpp"
#include "plan/sheet_cell.hpp"
#include "plan/verdict.hpp"
#include "util/json_writer.hpp"

namespace idmerge::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t piece_bytes = 256 * 1024;
constexpr std::size_t line_bytes_max = 64 * 1024 * 1024;

/// A column of a list in CSV, and the keys under which a line may contain its value. A key that
/// ends in [0] or [1] denotes an element of $distinct_ids.
struct Column {
  std::string_view name;
  std::array<std::string_view, 2> keys;
};

constexpr std::array rejected_columns{
    Column{"file", {}},   Column{"line", {}},    Column{"column", {}}, Column{"byte_offset", {}},
    Column{"reason", {}}, Column{"message", {}}, Column{"hint", {}},   Column{"row", {}},
};
// Decisions apply only to pairs with distinct sides. For other links the id columns are empty, as
// for a row that may be truncated, and a decision in such a line is an error.
constexpr std::array held_columns{
    Column{"anonymous_id", {"alias"}},
    Column{"user_id", {"distinct_id"}},
    Column{"decision", {}},  // to be filled in by a person: a user, never or later
    Column{"reason", {}},
    Column{"op", {}},
    Column{"file", {}},
    Column{"line", {}},
    Column{"byte_offset", {}},
    Column{"message", {}},
    Column{"hint", {}},
    Column{"won_by", {}},
    Column{"clashes_with", {}},
    Column{"$distinct_ids", {}},
    Column{"row", {}},  // of a row that may be truncated
};
constexpr std::array refused_columns{
    Column{"anonymous_id", {"alias", "[0]"}},
    Column{"user_id", {"distinct_id", "[1]"}},
    Column{"op", {}},
    Column{"file", {}},
    Column{"line", {}},
    Column{"byte_offset", {}},
    Column{"status", {}},
    Column{"message", {}},
    Column{"attempts", {}},
};

struct List {
  std::string path;
  std::uint64_t bytes = UINT64_MAX;  // the valid length; anything after it is not settled
  std::span<const Column> columns;
};

std::string header_of(std::span<const Column> columns) {
  std::string out;
  for (const auto& column : columns) {
    if (!out.empty()) out += ',';
    out += column.name;
  }
  return out + "\n";
}

const json::value* find(const json::object& line, std::string_view key) {
  if (key.empty()) return nullptr;
  if (!key.starts_with('[')) return line.if_contains({key.data(), key.size()});
  const auto* ids = line.if_contains("$distinct_ids");
  if (ids == nullptr || !ids->is_array()) return nullptr;
  return ids->get_array().if_contains(static_cast<std::size_t>(key[1] - '0'));
}

void append_value(std::string& out, const json::value& value) {
  if (const auto* text = value.if_string()) {
    plan::append_sheet_cell(out, {text->data(), text->size()});
  } else {
    plan::append_sheet_cell(out, json::serialize(value));
  }
}

Result<std::string> csv_row(std::string_view line, const List& list) {
  json::error_code failed;
  const auto value = json::parse({line.data(), line.size()}, failed);
  if (failed || !value.is_object()) {
    return Error{Errc::input, fmt::format("{}: a line is not a JSON object: the file was changed; "
                                          "--format ndjson shows it as it is",
                                          list.path)};
  }
  const auto& object = value.get_object();
  std::string out;
  for (std::size_t i = 0; i < list.columns.size(); ++i) {
    const auto& column = list.columns[i];
    if (i > 0) out += ',';
    const json::value* found = nullptr;
    for (const auto key : {column.name, column.keys[0], column.keys[1]}) {
      if (found == nullptr) found = find(object, key);
    }
    if (found != nullptr) append_value(out, *found);
  }
  return out + "\n";
}

/// Calls `visit` with each line of the list until it returns false.
template <class Visit>
Result<void> each_line(io::Files& files, const List& list, Visit visit) {
  const auto there = files.stat(list.path);
  if (!there) return there.error();
  if (!*there) return {};
  const auto file = files.open(list.path);
  if (!file) return file.error();
  std::string held;
  std::vector<char> piece(piece_bytes);
  for (std::uint64_t at = 0; at < list.bytes;) {
    const auto want =
        static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), list.bytes - at));
    const auto got = file->read_at(at, {piece.data(), want});
    if (!got) return got.error();
    if (*got == 0) break;
    at += *got;
    held.append(piece.data(), *got);
    std::size_t start = 0;
    for (auto end = held.find('\n'); end != std::string::npos; end = held.find('\n', start)) {
      const auto more = visit(std::string_view(held).substr(start, end - start));
      if (!more) return more.error();
      if (!*more) return {};
      start = end + 1;
    }
    held.erase(0, start);
    if (held.size() > line_bytes_max) {
      return Error{Errc::input, fmt::format("{}: a line is longer than {}: the file was changed",
                                            list.path, util::size_text(line_bytes_max))};
    }
  }
  return {};  // a last line without a line end was still being written
}

/// The number of lines per reason.
using Reasons = std::map<std::string, std::uint64_t, std::less<>>;

/// Counts the lines of a list by reason. Lines without a reason count under the empty one.
Result<Reasons> reasons_in(io::Files& files, const List& list) {
  constexpr std::string_view key = ",\"reason\":\"";  // quotes in a string are escaped
  Reasons reasons;
  auto counted = each_line(files, list, [&](std::string_view line) -> Result<bool> {
    const auto at = line.find(key);
    if (at == std::string_view::npos) {
      ++reasons[""];
      return true;
    }
    line.remove_prefix(at + key.size());
    ++reasons[std::string(line.substr(0, line.find('"')))];
    return true;
  });
  if (!counted) return counted.error();
  return reasons;
}

Reasons rejected_reasons(const plan::PlanSummary& plan_summary) {
  Reasons reasons;
  for (std::size_t i = 0; i < plan_summary.faults.size(); ++i) {
    const auto fault = static_cast<input::Fault>(i);
    if (plan_summary.faults[i] > 0 && !input::is_doubtful(fault)) {
      reasons[std::string(name(fault))] = plan_summary.faults[i];
    }
  }
  return reasons;
}

Reasons held_reasons(const plan::PlanSummary& plan_summary) {
  Reasons reasons;
  for (std::size_t i = 0; i < plan_summary.verdicts.size(); ++i) {
    const auto verdict = static_cast<plan::Verdict>(i);
    if (plan_summary.verdicts[i] > 0 && plan::is_held(verdict)) {
      reasons[std::string(name(verdict))] = plan_summary.verdicts[i];
    }
  }
  for (std::size_t i = 0; i < plan_summary.faults.size(); ++i) {
    const auto fault = static_cast<input::Fault>(i);
    if (plan_summary.faults[i] > 0 && input::is_doubtful(fault)) {
      reasons[std::string(name(fault))] = plan_summary.faults[i];
    }
  }
  return reasons;
}

std::uint64_t total(const Reasons& reasons) {
  std::uint64_t lines = 0;
  for (const auto& [reason, count] : reasons)
    lines += count;
  return lines;
}

/// Returns whether `listed` can be a sample of `counted` as written with --reject-samples. The
/// number of samples per reason is not recorded, so it is only checked to be the same for all
/// truncated reasons.
bool are_samples(const Reasons& listed, const Reasons& counted) {
  std::optional<std::uint64_t> samples;
  for (const auto& [reason, count] : counted) {
    const auto found = listed.find(reason);
    const auto lines = found == listed.end() ? 0 : found->second;
    if (lines == count) continue;
    if (lines > count || (samples && *samples != lines)) return false;
    samples = lines;
  }
  return std::all_of(listed.begin(), listed.end(), [&](const auto& line) {
    const auto found = counted.find(line.first);
    return found != counted.end() && line.second <= found->second &&
           (!samples || line.second <= *samples);
  });
}

/// Checks the list against the counts of the plan. Returns: a note for the user, or an empty text.
/// Errors: input if they differ.
Result<std::string> check_list(io::Files& files, const List& list, const Reasons& counted,
                               bool may_be_samples) {
  const auto wrong = [&](std::string_view how) {
    return Error{Errc::input,
                 fmt::format("{}: {} the plan counts {} rows in it: restore it, or plan the inputs "
                             "again with another --job",
                             util::printable(list.path), how, util::count_text(total(counted)))};
  };
  const auto there = files.stat(list.path);
  if (!there) return there.error();
  if (!*there && !counted.empty()) return wrong("is missing, and");
  const auto listed = reasons_in(files, list);
  if (!listed) return listed.error();
  if (*listed == counted) return std::string();
  if (!may_be_samples || !are_samples(*listed, counted)) return wrong("was changed:");
  return fmt::format("{} of {} rejected rows are listed, as with --reject-samples",
                     util::count_text(total(*listed)), util::count_text(total(counted)));
}

Result<plan::PlanSummary> summary_of(io::Files& files, const std::string& path) {
  const auto plan = plan::PlanReader::open(files, path);
  if (!plan) return plan.error();
  auto plan_summary = plan::parse_plan_summary(plan->facts().plan_summary);
  if (!plan_summary)
    return Error{plan_summary.error().code, fmt::format("{}: {}", path, plan_summary.error().what)};
  return plan_summary;
}

Result<void> show_list(io::Files& files, const List& list, ShowFormat format,
                       const Output& output) {
  std::string out = format == ShowFormat::csv ? header_of(list.columns) : std::string();
  auto shown = each_line(files, list, [&](std::string_view line) -> Result<bool> {
    if (format == ShowFormat::ndjson) {
      out.append(line).append("\n");
    } else {
      auto row = csv_row(line, list);
      if (!row) return row.error();
      out += *row;
    }
    if (out.size() < piece_bytes) return true;
    auto more = output(out);
    out.clear();
    return more;
  });
  if (!shown) return shown;
  if (const auto more = output(out); !more) return more.error();
  return {};
}

/// Links whose delivery is or was in doubt.
struct Doubtful {
  send::LinkSet open;       // possibly delivered, will be sent again
  send::LinkSet ambiguous;  // sent again and reported as already linked

  bool overlaps(std::uint64_t first, std::uint64_t count) const {
    return open.overlaps(first, count) || ambiguous.overlaps(first, count);
  }
  bool contains(std::uint64_t ordinal) const { return overlaps(ordinal, 1); }
  std::string_view state_of(std::uint64_t ordinal) const {
    return ambiguous.contains(ordinal) ? "ambiguous" : "open";
  }
};

/// An empty `in_doubt` omits that column.
void append_link(std::string& out, const input::Link& link, plan::Verdict verdict,
                 std::string_view file, ShowFormat format, std::string_view in_doubt) {
  if (format == ShowFormat::csv) {
    plan::append_sheet_cell(out, link.anon);
    out += ',';
    plan::append_sheet_cell(out, link.user);
    out += fmt::format(",{},{},", name(link.op), name(verdict));
    plan::append_sheet_cell(out, file);
    out += fmt::format(",{}{}{}\n", link.line, in_doubt.empty() ? "" : ",", in_doubt);
    return;
  }
  out += '{';
  if (link.sided) {
    util::append_json_member(out, link.op == input::Op::alias ? "alias" : "anonymous_id",
                             link.anon);
    util::append_json_member(out, link.op == input::Op::alias ? "distinct_id" : "user_id",
                             link.user);
  } else {
    util::append_json_key(out, "$distinct_ids");
    out += '[';
    util::append_json_string(out, link.anon);
    out += ',';
    util::append_json_string(out, link.user);
    out += ']';
  }
  util::append_json_member(out, "op", name(link.op));
  util::append_json_member(out, "verdict", name(verdict));
  util::append_json_member(out, "file", file);
  util::append_json_member(out, "line", link.line);
  if (!in_doubt.empty()) util::append_json_member(out, "doubt", in_doubt);
  out += "}\n";
}

/// Prints the links of a plan, or only those that are or were in doubt.
Result<void> show_links(io::Files& files, const std::string& path, const Doubtful* doubtful,
                        ShowFormat format, const Output& output) {
  const auto plan = plan::PlanReader::open(files, path);
  if (!plan) return plan.error();
  std::string out;
  if (format == ShowFormat::csv) {
    out = fmt::format("anonymous_id,user_id,op,verdict,file,line{}\n",
                      doubtful != nullptr ? ",doubt" : "");
  }
  plan::PlanBlock block;
  for (std::size_t i = 0; i < plan->blocks(); ++i) {
    const auto& entry = plan->entry(i);
    if (doubtful != nullptr && !doubtful->overlaps(entry.first, entry.links_count)) continue;
    if (auto read = plan->read_block(i, block); !read) return read.error();
    for (std::size_t n = 0; n < block.links.size(); ++n) {
      const auto ordinal = block.first + n;
      if (doubtful != nullptr && !doubtful->contains(ordinal)) continue;
      const auto& link = block.links[n];
      const auto& inputs = plan->facts().inputs;
      const std::string_view file =
          link.file < inputs.size() ? std::string_view(inputs[link.file].path) : "";
      append_link(out, link, block.verdicts[n], file, format,
                  doubtful != nullptr ? doubtful->state_of(ordinal) : "");
      if (out.size() < piece_bytes) continue;
      const auto more = output(out);
      if (!more) return more.error();
      if (!*more) return {};
      out.clear();
    }
  }
  if (const auto more = output(out); !more) return more.error();
  return {};
}

/// Prints the links in doubt, and those that were in doubt and count as delivered. Returns: a note
/// for the user, or an empty text.
Result<std::string> show_in_doubt(io::Files& files, const plan::JobPaths& paths,
                                  const JobSummary& view, ShowFormat format, const Output& output) {
  Doubtful doubtful{view.in_doubt.links, {}};
  const auto bytes = view.run ? view.run->checkpoint.ambiguous_bytes : 0;
  const auto listed = plan::read_refused(files, paths.run().ambiguous(), bytes);
  if (!listed) return listed.error();
  for (const auto ordinal : *listed)
    doubtful.ambiguous.add(ordinal);
  if (const auto shown = show_links(files, paths.plan(), &doubtful, format, output); !shown) {
    return shown.error();
  }
  if (view.ambiguous() <= listed->size()) return std::string();
  return fmt::format("{} more links are ambiguous but not listed: an older idmerge sent them",
                     util::count_text(view.ambiguous() - listed->size()));
}

}  // namespace

Output to_stdout() {
  return [](std::string_view text) -> Result<bool> {
    while (!text.empty()) {
      const auto n = ::write(STDOUT_FILENO, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EPIPE) return false;
      if (n <= 0) return util::system_error("stdout", errno);
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  };
}

Output for_terminal(Output output) {
  return [output = std::move(output)](std::string_view text) -> Result<bool> {
    std::string shown;
    while (!text.empty()) {
      const auto end = text.find('\n');
      shown += util::printable(text.substr(0, end));
      if (end == std::string_view::npos) break;
      shown += '\n';
      text.remove_prefix(end + 1);
    }
    return output(shown);
  };
}

Output to_reader() {
  return ::isatty(STDOUT_FILENO) == 1 ? for_terminal(to_stdout()) : to_stdout();
}

Result<std::string> show(io::Files& files, const Settings& settings, const util::IdMask& mask,
                         const Output& output) {
  const auto paths = plan::open_job(files, settings.job);
  if (!paths) return paths.error();
  const auto format = settings.show_format;
  const auto done = [](const Result<void>& shown, std::string besides = {}) -> Result<std::string> {
    if (!shown) return shown.error();
    return besides;
  };
  if (settings.show == ShowWhat::links) {
    return done(show_links(files, paths->plan(), nullptr, format, output));
  }
  if (settings.show == ShowWhat::held || settings.show == ShowWhat::rejected) {
    const bool held = settings.show == ShowWhat::held;
    const auto plan_summary = summary_of(files, paths->plan());
    if (!plan_summary) return plan_summary.error();
    const List list = held ? List{paths->held(), UINT64_MAX, held_columns}
                           : List{paths->rejected(), UINT64_MAX, rejected_columns};
    auto besides = check_list(
        files, list, held ? held_reasons(*plan_summary) : rejected_reasons(*plan_summary), !held);
    if (!besides) return besides;
    return done(show_list(files, list, format, output), std::move(*besides));
  }
  const auto view = view_job(files, settings.job);
  if (!view) return view.error();
  if (settings.show == ShowWhat::refused) {
    // Dead letters after the counted bytes belong to links that will be sent again.
    const auto bytes = view->run ? view->run->checkpoint.letters_bytes : 0;
    return done(show_list(files, {paths->run().refused(), bytes, refused_columns}, format, output));
  }
  if (settings.show == ShowWhat::in_doubt) {
    return show_in_doubt(files, *paths, *view, format, output);
  }
  // The expected duration depends on the pace that the job has or will have.
  auto sending = settings;
  if (view->run) {
    if (auto recalled = recall(sending, view->run->checkpoint.words); !recalled) {
      return recalled.error();
    }
  }
  if (auto adopted = adopt_plan(sending, view->plan.options); !adopted) return adopted.error();
  const auto shown = output(
      plan_summary_text(*view, mask, sending.send.rate, sending.send.service_api.batch_links_max));
  if (!shown) return shown.error();
  return std::string();
}

}  // namespace idmerge::cli
