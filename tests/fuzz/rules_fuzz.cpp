// SPDX-License-Identifier: MIT
//
// The two files in which a person rules about ids; the first byte says which. Decisions: what was
// understood, written again, is understood as the same, and every line it names exists. A deny
// list: it denies an id exactly if one of its lines alone does, whatever stands around it, and no
// id that is written in it escapes. Refused: by a line that exists, with good ones before it.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plan/decisions.hpp"
#include "plan/deny_list.hpp"
#include "plan/row_validator.hpp"
#include "util/check.hpp"

#include "refused_line.hpp"

using namespace idmerge;
using namespace idmerge::testing;
using namespace idmerge::input;
using namespace idmerge::plan;

namespace {

std::string quoted(std::string_view field) {
  std::string text = "\"";
  for (const char c : field) {
    if (c == '"') text += c;
    text += c;
  }
  return text + '"';
}

std::string written(const std::vector<Decision>& decisions) {
  std::string text = "decision,anonymous_id\r\n";
  for (const auto& decision : decisions) {
    const auto says = decision.kind == Decision::Kind::never   ? "never"
                      : decision.kind == Decision::Kind::later ? "later"
                                                               : quoted(decision.user);
    text += says + "," + quoted(decision.anon) + "\r\n";
  }
  return text;
}

void check_decisions(std::string_view text) {
  const auto accepts = [](std::string_view before) { return parse_decisions(before).has_value(); };
  const auto decisions = parse_decisions(text);
  if (!decisions) {
    check_refused_line(text, decisions.error(), accepts);
    return;
  }
  std::set<std::string_view> ids;
  std::uint64_t line = 1;  // the header's
  for (const auto& decision : *decisions) {
    IDMERGE_CHECK(!is_blank(decision.anon) && ids.insert(decision.anon).second);
    IDMERGE_CHECK(is_blank(decision.user) == (decision.kind != Decision::Kind::user));
    IDMERGE_CHECK(decision.user != "never" && decision.user != "later");
    IDMERGE_CHECK(decision.line > line);
    line = decision.line;
  }
  IDMERGE_CHECK(line <= 1 + static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')));

  const auto again = parse_decisions(written(*decisions));
  IDMERGE_CHECK(again.has_value() && again->size() == decisions->size());
  for (std::size_t i = 0; i < decisions->size(); ++i) {
    const auto& was = (*decisions)[i];
    const auto& is = (*again)[i];
    IDMERGE_CHECK(is.anon == was.anon && is.kind == was.kind && is.user == was.user);
  }
}

std::vector<std::string_view> lines_of(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

/// Ids that are close to what a list says.
std::vector<std::string> ids_around(const std::vector<std::string_view>& lines) {
  std::vector<std::string> ids{"", "a", "0", "x@example.com"};
  for (const auto line : lines) {
    const auto inner = line.starts_with('/') ? line.substr(1, line.size() - 2) : line;
    ids.emplace_back(line);
    ids.emplace_back(inner);
    ids.push_back("x" + std::string(inner));
    ids.push_back(std::string(inner) + "x");
    ids.emplace_back(inner.substr(0, inner.size() / 2));
  }
  std::erase_if(ids, [](const auto& id) { return find_bad_utf8(id) != std::string::npos; });
  return ids;
}

void check_deny_list(std::string_view text) {
  constexpr std::size_t lines_max = 40;  // each id is asked of each line
  const auto list = DenyList::parse(text);
  if (!list) {
    if (list.error().what.starts_with("the expressions together are too large")) return;
    check_refused_line(text, list.error(),
                       [](std::string_view before) { return DenyList::parse(before).has_value(); });
    return;
  }
  const auto lines = lines_of(text);
  std::set<std::string_view> ids_in_it;
  std::size_t expressions = 0;
  std::vector<DenyList> alone;
  for (const auto line : lines) {
    if (line.starts_with('/')) {
      ++expressions;
    } else {
      ids_in_it.insert(line);
      IDMERGE_CHECK(list->denies(line));
    }
    if (lines.size() > lines_max) continue;
    auto one = DenyList::parse("\n" + std::string(line));  // a mark here is not the file's
    IDMERGE_CHECK(one.has_value() && one->size() == 1);
    alone.push_back(std::move(*one));
  }
  IDMERGE_CHECK(list->size() == ids_in_it.size() + expressions);
  IDMERGE_CHECK(!list->denies(""));
  if (lines.size() > lines_max) return;
  for (const auto& id : ids_around(lines)) {
    const bool any = std::any_of(alone.begin(), alone.end(),
                                 [&](const DenyList& one) { return one.denies(id); });
    IDMERGE_CHECK(list->denies(id) == any);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 1) {
    check_decisions(text);
  } else {
    check_deny_list(text);
  }
  return 0;
}
