// SPDX-License-Identifier: MIT
//
// What must hold of the rows of any file: they stand in it where they say, in order, none over
// another, and between them is nothing but line ends; so nothing is swallowed and nothing is both
// accepted and rejected.
#pragma once

#include <algorithm>
#include <string_view>

#include "util/check.hpp"

#include "support/rows.hpp"

namespace idmerge::testing {

inline void check_rows(const ReadFile& file, std::string_view bytes) {
  std::size_t end = 0;  // of the row before
  bool cut = false;     // that one's text is only its beginning
  for (const auto& row : file.rows) {
    IDMERGE_CHECK(row.offset >= end && row.offset <= bytes.size());
    IDMERGE_CHECK(bytes.substr(row.offset, row.text.size()) == row.text);
    const auto gap = bytes.substr(end, row.offset - end);
    IDMERGE_CHECK(cut || gap.find_first_not_of(" \t\r\n") == std::string_view::npos);
    IDMERGE_CHECK(row.line ==
                  1 + static_cast<std::uint64_t>(std::count(
                          bytes.begin(), bytes.begin() + static_cast<long>(row.offset), '\n')));
    IDMERGE_CHECK(row.fault_at <= std::max<std::size_t>(row.text.size(), 1));
    IDMERGE_CHECK(row.anon_at <= row.text.size() && row.user_at <= row.text.size());
    if (row.fault != input::Fault::none) IDMERGE_CHECK(row.anon.empty() && row.user.empty());
    end = row.offset + row.text.size();
    cut = row.fault == input::Fault::row_too_long;
  }
  if (!file.error.empty()) return;
  IDMERGE_CHECK(cut || bytes.substr(end).find_first_not_of(" \t\r\n") == std::string_view::npos);
}

}  // namespace idmerge::testing
