// SPDX-License-Identifier: MIT
//
// Bytes as the file of --config. Accepted: its settings stand on lines of their own, in order, and
// what was understood, written again, is understood as the same. Refused: at a line that exists, in
// words fit for a terminal.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/config.hpp"
#include "util/check.hpp"
#include "util/log.hpp"

#include "quoted_for_config.hpp"
#include "refused_line.hpp"

using namespace idmerge;
using namespace idmerge::testing;
using namespace idmerge::cli;
using namespace idmerge::util;

namespace {

std::string written(const std::vector<ConfigLine>& lines) {
  std::string text;
  for (const auto& line : lines) {
    text += quoted_for_config(line.key) + " = [";
    for (const auto& value : line.values)
      text += quoted_for_config(value) + ",";
    text += "]\n";
  }
  return text;
}

/// "3:8: what"
void check_refused(std::string_view text, const Error& error) {
  IDMERGE_CHECK(error.code == Errc::usage);
  check_words(error);
  const std::string_view what = error.what;
  const auto first = what.find(':');
  const auto second = what.find(": ", first + 1);
  std::uint64_t line = 0;
  std::uint64_t column = 0;
  IDMERGE_CHECK(second != std::string_view::npos && parse_number(what.substr(0, first), line) &&
                parse_number(what.substr(first + 1, second - first - 1), column));
  const auto line_ends = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  IDMERGE_CHECK(line >= 1 && line <= line_ends + 1 && column >= 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lines = parse_config(text);
  if (!lines) {
    check_refused(text, lines.error());
    return 0;
  }
  std::size_t line_before = 0;
  for (const auto& line : *lines) {
    IDMERGE_CHECK(line.line > line_before);
    line_before = line.line;
  }

  const auto again = parse_config(written(*lines));
  IDMERGE_CHECK(again.has_value() && again->size() == lines->size());
  for (std::size_t i = 0; i < lines->size(); ++i) {
    IDMERGE_CHECK((*again)[i].key == (*lines)[i].key && (*again)[i].values == (*lines)[i].values);
  }
  return 0;
}
