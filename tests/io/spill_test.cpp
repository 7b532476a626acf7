// SPDX-License-Identifier: MIT
#include "io/spill.hpp"

#include <doctest/doctest.h>

#include "support/flaky_files.hpp"
#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::io;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Harm;
using idmerge::testing::Scratch;

TEST_SUITE("io/spill") {
  TEST_CASE("what was written is read back in any stretch, and no name is left") {
    const Scratch scratch;
    RealFiles files;
    scratch.write("spill-000000000000-0", "of somebody else");
    SpillDir dir(files, scratch.path(), "job");
    auto spill = Spill::create(dir, 100);
    REQUIRE_MESSAGE(spill, spill);
    CHECK(files.list(scratch.path())->size() == 1);
    std::uint64_t middle = 0;
    for (std::uint64_t i = 0; i < 1000; ++i) {
      if (i == 500) middle = spill->size_bytes();
      spill->put_varint(i * i * i * i * i * i);
      spill->put(static_cast<std::uint32_t>(i));
      spill->append(std::string(i % 300, 'x'));
    }
    REQUIRE(spill->flush());
    for (const std::uint64_t first : {0U, 500U}) {
      SpillReader in(*spill, first == 0 ? 0 : middle, spill->size_bytes(), 64);
      bool same = true;
      for (auto i = first; i < 1000; ++i) {
        same = same && in.get_varint() == i * i * i * i * i * i && in.get<std::uint32_t>() == i &&
               in.get_text(i % 300) == std::string(i % 300, 'x');
      }
      CHECK(same);
      CHECK(in.at_end());
      CHECK(in.outcome());
    }
    SpillReader cut(*spill, 0, 3, 64);
    CHECK(cut.get_varint() == 0);
    CHECK(cut.get<std::uint32_t>() == 0);
    CHECK_FALSE(cut.outcome());
    SpillReader gone(*spill, 0, spill->size_bytes() + 10, 64);  // the file was cut meanwhile
    while (gone.outcome() && !gone.at_end())
      gone.get<std::uint64_t>();
    REQUIRE_FALSE(gone.outcome());
    CHECK(gone.outcome().error().what.starts_with("a spill file was cut"));
  }

  TEST_CASE("what cannot be read is told, and nothing is read any more") {
    FlakyFiles files;
    SpillDir dir(files, "/w", "job");
    auto spill = Spill::create(dir, 16);
    REQUIRE(spill);
    spill->append(std::string(100, 'x'));
    REQUIRE(spill->flush());
    files.harm(0, Harm::kill);
    CHECK_FALSE(files.replace("/w/other", ""));  // from here on every read fails, too
    SpillReader in(*spill, 0, spill->size_bytes(), 64);
    CHECK(in.get_text(10).empty());
    REQUIRE_FALSE(in.outcome());
    CHECK(in.outcome().error().code == Errc::outage);
    CHECK(in.get_text(10).empty());
  }

  TEST_CASE("a full disk is told at the latest by flush") {
    FlakyFiles files;
    SpillDir dir(files, "/w", "job");
    auto spill = Spill::create(dir, 16);
    REQUIRE(spill);
    files.harm(0, Harm::full, true);
    spill->append(std::string(100, 'x'));
    CHECK_FALSE(spill->healthy());
    const auto flushed = spill->flush();
    REQUIRE_FALSE(flushed);
    CHECK(flushed.error().code == Errc::outage);
  }
}
