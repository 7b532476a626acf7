// SPDX-License-Identifier: MIT
#include "plan/decisions.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "plan/row_validator.hpp"
#include "plan/sheet_cell.hpp"

namespace idmerge::plan {
namespace {

constexpr auto npos = std::string_view::npos;

Error wrong(std::uint64_t line, std::string_view what) {
  return {Errc::usage, fmt::format("line {}: {}", line, what)};
}

/// Consumes the records of a CSV one by one.
class Records {
 public:
  explicit Records(std::string_view text) : rest_(text) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (rest_.starts_with(byte_order_mark)) rest_.remove_prefix(byte_order_mark.size());
  }

  /// Replaces `fields` by those of the next record. Returns: false after the last one.
  Result<bool> next(std::vector<std::string>& fields) {
    line_ = next_line_;
    fields.clear();
    if (rest_.empty()) return false;
    while (true) {
      auto& field = fields.emplace_back();
      if (auto taken = take_field(field); !taken) return taken.error();
      if (rest_.starts_with(',')) {
        rest_.remove_prefix(1);
        continue;
      }
      if (rest_.starts_with('\r')) rest_.remove_prefix(1);
      if (rest_.empty()) return true;
      if (rest_.front() != '\n') return wrong(line_, "text follows a closing quote: double it");
      rest_.remove_prefix(1);
      ++next_line_;
      return true;
    }
  }

  /// The line on which the record starts.
  std::uint64_t line() const { return line_; }

 private:
  Result<void> take_field(std::string& field) {
    if (!rest_.starts_with('"')) {
      auto end = std::min(rest_.find_first_of(",\n"), rest_.size());
      if (end > 0 && rest_[end - 1] == '\r' && !rest_.substr(end).starts_with(',')) --end;
      field = rest_.substr(0, end);
      rest_.remove_prefix(end);
      return {};
    }
    rest_.remove_prefix(1);
    while (true) {
      const auto quote = rest_.find('"');
      if (quote == npos) return wrong(line_, "a quote is opened and never closed: close it");
      const auto part = rest_.substr(0, quote);
      field += part;
      next_line_ += static_cast<std::uint64_t>(std::count(part.begin(), part.end(), '\n'));
      rest_.remove_prefix(quote + 1);
      if (!rest_.starts_with('"')) return {};
      field += '"';
      rest_.remove_prefix(1);
    }
  }

  std::string_view rest_;
  std::uint64_t line_ = 1;
  std::uint64_t next_line_ = 1;
};

struct Places {
  std::size_t anon = 0;
  std::size_t decision = 0;
};

Result<Places> find_places(const std::vector<std::string>& header) {
  const auto find = [&](std::string_view name) -> std::optional<std::size_t> {
    const auto at = std::find(header.begin(), header.end(), name);
    if (at == header.end()) return {};
    return static_cast<std::size_t>(at - header.begin());
  };
  const auto anon = find("anonymous_id");
  auto decision = find("decision");
  if (!decision) decision = find("user_id");
  if (!anon || !decision) {
    return wrong(1,
                 "the header lacks anonymous_id, or both decision and user_id: begin with the line "
                 "anonymous_id,decision");
  }
  for (const auto at : {*anon, *decision}) {
    if (std::count(header.begin(), header.end(), header[at]) > 1) {
      return wrong(1, fmt::format("the header has {} twice: keep one of the columns", header[at]));
    }
  }
  return Places{*anon, *decision};
}

Decision read_decision(std::string anon, std::string text, std::uint64_t line) {
  if (text == "never") return {std::move(anon), Decision::Kind::never, {}, line};
  if (text == "later") return {std::move(anon), Decision::Kind::later, {}, line};
  return {std::move(anon), Decision::Kind::user, std::move(text), line};
}

}  // namespace

Result<std::vector<Decision>> parse_decisions(std::string_view text) {
  std::vector<Decision> decisions;
  Records records(text);
  std::vector<std::string> fields;
  auto more = records.next(fields);
  if (!more) return more.error();
  const auto places = find_places(fields);
  if (!places) return places.error();
  const auto columns = fields.size();
  std::unordered_map<std::string, std::size_t> known;
  while (true) {
    more = records.next(fields);
    if (!more) return more.error();
    if (!*more) return decisions;
    if (fields.size() == 1 && fields[0].empty()) continue;  // a blank line
    if (fields.size() != columns) {
      return wrong(records.line(), fmt::format("has {} fields, the header {}: quote ids that have "
                                               "commas",
                                               fields.size(), columns));
    }
    for (const auto at : {places->anon, places->decision})
      fields[at].erase(0, fields[at].size() - read_sheet_cell(fields[at]).size());
    auto& decision = fields[places->decision];
    if (input::is_blank(decision)) continue;
    auto& anon = fields[places->anon];
    if (input::is_blank(anon)) {
      return wrong(records.line(),
                   "has a decision but no anonymous id: fill it in, or leave the decision empty: "
                   "pairs without sides cannot be decided");
    }
    auto read = read_decision(std::move(anon), std::move(decision), records.line());
    const auto [at, is_new] = known.try_emplace(read.anon, decisions.size());
    if (is_new) {
      decisions.push_back(std::move(read));
      continue;
    }
    const auto& before = decisions[at->second];
    if (before.kind != read.kind || before.user != read.user) {
      return wrong(
          read.line,
          fmt::format("contradicts line {} about the same anonymous id: keep one of the two",
                      before.line));
    }
  }
}

}  // namespace idmerge::plan
