// SPDX-License-Identifier: MIT
#include "send/dead_letters.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/flaky_files.hpp"

using namespace idmerge;
using namespace idmerge::send;
using idmerge::testing::FlakyFiles;

TEST_SUITE("send/dead_letters") {
  TEST_CASE("letters are lines, written together, and a resumed file is cut to those that count") {
    FlakyFiles files;
    std::vector<LettersEnd> ends{{}};
    {
      auto letters = DeadLetters::open(files, "/w/refused", {});
      REQUIRE(letters);
      for (const auto* line : {"{\"a\":1}", "{}", "{\"b\":2}"})
        ends.push_back(letters->add(line));
      files.calls.clear();
      CHECK(letters->flush());
      CHECK(letters->flush());
      CHECK(files.calls.size() == 1);
    }
    CHECK(files.content("/w/refused") == "{\"a\":1}\n{}\n{\"b\":2}\n");
    CHECK(ends.back().bytes == files.content("/w/refused").size());
    auto letters = DeadLetters::open(files, "/w/refused", ends[2]);
    REQUIRE(letters);
    CHECK(files.content("/w/refused") == "{\"a\":1}\n{}\n");
    CHECK(letters->add("{\"b\":2}") == ends[3]);
    CHECK(letters->flush());
    CHECK(files.content("/w/refused") == "{\"a\":1}\n{}\n{\"b\":2}\n");
    const auto beyond = DeadLetters::open(files, "/w/refused", {1000, 0});
    REQUIRE_FALSE(beyond);
    CHECK(beyond.error().code == Errc::input);
  }

  TEST_CASE("letters that are taken back are gone, and those that stay are in order") {
    FlakyFiles files;
    auto letters = DeadLetters::open(files, "/w/refused", {});
    REQUIRE(letters);
    std::vector<LettersEnd> begins;
    for (const auto* line : {"a", "bb", "c", "dddd", "e"}) {
      begins.push_back(letters->end());
      letters->add(line);
    }
    CHECK(letters->take_back({}));
    CHECK(letters->take_back({begins[1], begins[3]}));  // also what was not written yet
    CHECK(files.content("/w/refused") == "a\nc\ne\n");
    letters->add("f");
    REQUIRE(letters->flush());
    auto check = LettersCheck::open(files, "/w/refused");
    REQUIRE(check);
    CHECK(*check->reaches(letters->end()));
    CHECK(letters->end().bytes == 8);
  }

  TEST_CASE("a check finds each end that was told, and no other") {
    FlakyFiles files;
    auto letters = DeadLetters::open(files, "/w/refused", {});
    REQUIRE(letters);
    std::vector<LettersEnd> ends;
    for (int i = 0; i < 40; ++i) {
      ends.push_back(letters->add(std::string(static_cast<std::size_t>(i) * 997, 'x')));
    }
    REQUIRE(letters->flush());
    auto check = LettersCheck::open(files, "/w/refused");
    REQUIRE(check);
    CHECK(*check->reaches({}));
    CHECK_FALSE(*check->reaches({ends[3].bytes, ends[2].chain}));
    CHECK_FALSE(*check->reaches({ends[3].bytes - 1, ends[3].chain}));
    CHECK(*check->reaches(ends[3]));
    CHECK(*check->reaches(ends[3]));
    CHECK_FALSE(*check->reaches(ends[2]));  // only forwards
    CHECK(*check->reaches(ends.back()));
    CHECK(check->at() == ends.back());
    CHECK_FALSE(*check->reaches({ends.back().bytes + 1, ends.back().chain}));

    auto bytes = files.content("/w/refused");
    bytes[ends[20].bytes + 5] = 'y';
    files.put("/w/changed", bytes);
    auto changed = LettersCheck::open(files, "/w/changed");
    REQUIRE(changed);
    CHECK(*changed->reaches(ends[20]));
    CHECK_FALSE(*changed->reaches(ends[21]));
    CHECK_FALSE(*changed->reaches(ends.back()));

    auto none = LettersCheck::open(files, "/w/none");
    REQUIRE(none);
    CHECK(*none->reaches({}));
    CHECK_FALSE(*none->reaches(ends[0]));
  }
}
