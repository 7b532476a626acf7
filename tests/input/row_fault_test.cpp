// SPDX-License-Identifier: MIT
#include "input/row_fault.hpp"

#include <set>
#include <string>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::input;

TEST_SUITE("input/row_fault") {
  TEST_CASE("every fault has a name of its own, a sentence and a hint") {
    std::set<std::string> names;
    for (auto i = 1; i < static_cast<int>(Fault::count); ++i) {
      const auto fault = static_cast<Fault>(i);
      CHECK(names.emplace(name(fault)).second);
      CHECK(name(fault).find_first_not_of("abcdefghijklmnopqrstuvwxyz-0123456789") ==
            std::string_view::npos);
      CHECK(!sentence(fault).empty());
      CHECK(!hint(fault).empty());
    }
  }
}
