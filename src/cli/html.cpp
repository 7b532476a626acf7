// SPDX-License-Identifier: MIT
#include "cli/html.hpp"

#include "util/log.hpp"
#include "util/units.hpp"

namespace idmerge::cli {

Html& Html::markup(Markup literal) {
  page_ += literal.view();
  return *this;
}

Html& Html::text(std::string_view outside) {
  for (const char c : util::printable(outside)) {
    switch (c) {
      case '&':
        page_ += "&amp;";
        break;
      case '<':
        page_ += "&lt;";
        break;
      case '>':
        page_ += "&gt;";
        break;
      case '"':
        page_ += "&quot;";
        break;
      case '\'':
        page_ += "&#39;";
        break;
      default:
        page_ += c;
    }
  }
  return *this;
}

Html& Html::count(std::uint64_t count) {
  page_ += util::count_text(count);
  return *this;
}

}  // namespace idmerge::cli
