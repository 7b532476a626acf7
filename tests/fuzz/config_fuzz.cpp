// SPDX-License-Identifier: MIT
//
// Bytes as the file of --config. Accepted: each line that is neither blank nor a comment has become
// one setting, in order, and what was understood, written again, is understood as the same.
// Refused: by a line that exists, everything before which is good, in words fit for a terminal.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/app/config.hpp"
#include "idmerge/base/check.hpp"
#include "idmerge/base/log.hpp"

#include "quoted_for_config.hpp"
#include "refused_line.hpp"

using namespace idmerge;

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

std::string written(const std::vector<ConfigLine>& lines) {
  std::string text;
  for (const auto& line : lines) {
    text += line.key + " = [";
    for (const auto& value : line.values)
      text += quoted_for_config(value) + ",";
    text += "]\n";
  }
  return text;
}

/// The lines that must say something.
std::vector<std::size_t> lines_with_a_setting(std::string_view text) {
  std::vector<std::size_t> numbers;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto at = line.find_first_not_of(" \t");
    if (at == std::string_view::npos || line[at] == '#' || line.substr(at) == "\r") continue;
    numbers.push_back(number);
  }
  return numbers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lines = parse_config(text);
  if (!lines) {
    check_refused_line(text, lines.error(),
                       [](std::string_view before) { return parse_config(before).has_value(); });
    return 0;
  }
  auto body = text;
  if (body.starts_with(byte_order_mark)) body.remove_prefix(byte_order_mark.size());
  const auto numbers = lines_with_a_setting(body);
  IDMERGE_CHECK(numbers.size() == lines->size());
  for (std::size_t i = 0; i < numbers.size(); ++i)
    IDMERGE_CHECK((*lines)[i].line == numbers[i]);

  const auto again = parse_config(written(*lines));
  IDMERGE_CHECK(again.has_value() && again->size() == lines->size());
  for (std::size_t i = 0; i < lines->size(); ++i) {
    IDMERGE_CHECK((*again)[i].key == (*lines)[i].key && (*again)[i].values == (*lines)[i].values);
  }
  return 0;
}
