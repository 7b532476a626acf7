// SPDX-License-Identifier: MIT
#include "util/version.hpp"

#include <fstream>
#include <sstream>
#include <string>

#include <doctest/doctest.h>

namespace idmerge::testing {

using namespace util;

TEST_SUITE("util/version") {
  TEST_CASE("the version is the one that CMakeLists.txt gives the project") {
    std::ifstream file(IDMERGE_TEST_DATA "/../CMakeLists.txt");
    std::ostringstream text;
    text << file.rdbuf();
    const auto line = "project(idmerge VERSION " + std::string(version()) + " ";
    CHECK(text.str().find(line) != std::string::npos);
  }
}

}  // namespace idmerge::testing
