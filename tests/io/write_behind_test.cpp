// SPDX-License-Identifier: MIT
#include "io/write_behind.hpp"

#include <new>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "util/exceptions.hpp"

#include "support/flaky_files.hpp"

using namespace idmerge;
using namespace idmerge::io;
using namespace idmerge::util;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Harm;

TEST_SUITE("io/write_behind") {
  TEST_CASE("what is put stands in the file, in order, however it was cut") {
    FlakyFiles files;
    auto part = PartFile::begin(files, "/w/file");
    REQUIRE(part);
    std::string wanted;
    {
      WriteBehind behind(*part);
      CHECK(behind.drain());
      std::vector<char> buffer;
      for (int i = 0; i < 500; ++i) {
        std::string bytes;
        for (int n = i % 7; n >= 0; --n)
          bytes += std::to_string(i * 31 + n) + ",";
        wanted += bytes;
        buffer.assign(bytes.begin(), bytes.end());
        buffer.resize(buffer.size() + 10);
        behind.put(buffer, bytes.size());
        if (i % 100 == 0) {
          CHECK(behind.drain());
          CHECK(files.content("/w/file.part") == wanted);
        }
      }
      // Not drained: what was put is written all the same.
    }
    CHECK(files.content("/w/file.part") == wanted);
  }

  TEST_CASE("after an error nothing is appended any more, and the error stays") {
    FlakyFiles files;
    auto part = PartFile::begin(files, "/w/file");
    REQUIRE(part);
    WriteBehind behind(*part);
    std::vector<char> buffer(6, 'a');
    behind.put(buffer, 6);
    REQUIRE(behind.drain());
    files.harm(0, Harm::fail, true);
    for (int i = 0; i < 5; ++i) {
      buffer.assign(4, 'b');
      behind.put(buffer, 4);
    }
    const auto drained = behind.drain();
    REQUIRE(!drained);
    CHECK(drained.error().code == Errc::outage);
    CHECK(!behind.healthy());
    CHECK(files.steps() == 1);
    files.harm(100, Harm::none);
    buffer.assign(5, 'c');
    behind.put(buffer, 5);
    CHECK(!behind.drain());
    CHECK(files.content("/w/file.part") == "aaaaaa");
  }

  TEST_CASE("what its thread throws is an error of whoever waits") {
    FlakyFiles files;
    auto part = PartFile::begin(files, "/w/file");
    REQUIRE(part);
    WriteBehind behind(*part);
    files.meanwhile = [] { throw std::bad_alloc(); };
    std::vector<char> buffer(6, 'a');
    behind.put(buffer, 6);
    const auto drained = behind.drain();
    REQUIRE(!drained);
    CHECK(drained.error() == thrown(std::bad_alloc()));
    CHECK(!behind.healthy());
    CHECK(files.content("/w/file.part").empty());
  }
}
