// SPDX-License-Identifier: MIT
#include "send/journal.hpp"

#include <cstring>
#include <string>

#include <doctest/doctest.h>

#include "support/flaky_files.hpp"

using namespace idmerge;
using namespace idmerge::send;
using namespace idmerge::util;
using idmerge::testing::FlakyFiles;

namespace {

const Digest plan = digest("plan");

std::vector<JournalEntry> entries() {
  return {{.first = 3,
           .count = 2,
           .kind = EntryKind::delivered,
           .ambiguous = true,
           .attempts = 2,
           .watermark = 1,
           .letters_bytes = 0,
           .letters_chain = 0},
          {.first = 1,
           .count = 1,
           .kind = EntryKind::refused,
           .ambiguous = false,
           .attempts = 1,
           .watermark = 1,
           .letters_bytes = 40,
           .letters_chain = 77},
          {.first = 2,
           .count = 1,
           .kind = EntryKind::parked,
           .ambiguous = false,
           .attempts = 10,
           .watermark = 2,
           .letters_bytes = 40,
           .letters_chain = 77},
          {.first = 7,
           .count = 9,
           .kind = EntryKind::attempted,
           .ambiguous = false,
           .attempts = 0,
           .watermark = 2,
           .letters_bytes = 40,
           .letters_chain = 77},
          {.first = 8,
           .count = 2,
           .kind = EntryKind::withdrawn,
           .ambiguous = false,
           .attempts = 0,
           .watermark = 2,
           .letters_bytes = 40,
           .letters_chain = 77}};
}

std::string written(std::uint64_t generation = 5, std::uint64_t chain = 99) {
  FlakyFiles files;
  auto journal = Journal::create(files, "/w/journal.5", plan, generation, chain);
  REQUIRE(journal);
  for (const auto& entry : entries())
    journal->add(entry);
  REQUIRE(journal->flush());
  const auto text = parse_journal(files.content("/w/journal.5"), "journal.5", plan);
  REQUIRE(text);
  CHECK(text->chain == journal->chain());
  return files.content("/w/journal.5");
}

}  // namespace

TEST_SUITE("send/journal") {
  TEST_CASE("entries are read as they were written") {
    const auto bytes = written();
    CHECK(bytes.size() == 64 + 5 * 48);
    const auto text = parse_journal(bytes, "journal.5", plan);
    REQUIRE_MESSAGE(text, text);
    CHECK(text->generation == 5);
    CHECK(text->chain_before == 99);
    CHECK(text->entries == entries());
    CHECK(text->lost_bytes == 0);
  }

  TEST_CASE("a turn of the loop is one write, and an empty one is none") {
    FlakyFiles files;
    auto journal = Journal::create(files, "/w/j", plan, 1, 0);
    REQUIRE(journal);
    files.calls.clear();
    for (const auto& entry : entries())
      journal->add(entry);
    CHECK(journal->flush());
    CHECK(journal->flush());
    CHECK(files.calls == std::vector<std::string>{"write /w/j"});
  }

  TEST_CASE("a journal that was cut anywhere yields the entries before the cut") {
    const auto bytes = written();
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
      const auto text = parse_journal(bytes.substr(0, size), "j", plan);
      REQUIRE(text);
      const auto whole = size < 64 ? 0 : (size - 64) / 48;
      CHECK(text->entries.size() == whole);
      CHECK(text->lost_bytes == (size < 64 ? size : (size - 64) % 48));
    }
  }

  TEST_CASE("a flipped bit ends the journal there") {
    const auto bytes = written();
    const auto all = entries();
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      auto bad = bytes;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      const auto text = parse_journal(bad, "j", plan);
      REQUIRE(text);
      const auto whole = bit / 8 < 64 ? 0 : (bit / 8 - 64) / 48;
      if (text->entries.size() != whole) FAIL("byte ", bit / 8);
      CHECK(std::equal(text->entries.begin(), text->entries.end(), all.begin()));
      CHECK(text->lost_bytes > 0);
    }
  }

  TEST_CASE("entries of another moment do not fit") {
    auto bytes = written();
    const auto other = written(5, 100);
    const auto text = parse_journal(bytes.substr(0, 64) + other.substr(64), "j", plan);
    REQUIRE(text);
    CHECK(text->entries.empty());
    const auto swapped = bytes.substr(0, 64) + bytes.substr(112, 48) + bytes.substr(64, 48);
    CHECK(parse_journal(swapped, "j", plan)->entries.empty());
  }

  TEST_CASE("another version is named, and a flipped bit in the version is not taken for one") {
    auto bytes = written();
    bytes[8] = 3;
    CHECK(parse_journal(bytes, "j", plan)->entries.empty());
    const auto sum = checksum(std::string_view(bytes).substr(0, 56), 0);
    std::memcpy(bytes.data() + 56, &sum, sizeof sum);
    const auto text = parse_journal(bytes, "/w/j", plan);
    REQUIRE_FALSE(text);
    CHECK(text.error().code == Errc::input);
    CHECK(text.error().what ==
          "/w/j: is of version 3, and this idmerge reads versions 1 to 2: finish the job with the "
          "idmerge that wrote it; a new job would send all links again");
  }

  TEST_CASE("of version 1 all is read but what only version 2 has") {
    auto bytes = written();
    bytes[8] = 1;
    const auto sum = checksum(std::string_view(bytes).substr(0, 56), 0);
    std::memcpy(bytes.data() + 56, &sum, sizeof sum);
    const auto text = parse_journal(bytes, "/w/j", plan);
    REQUIRE(text);
    CHECK(text->version == 1);
    const auto all = entries();
    CHECK(text->entries == std::vector<JournalEntry>(all.begin(), all.begin() + 3));
    CHECK(text->lost_bytes == 2 * 48);
  }

  TEST_CASE("another plan's journal is refused") {
    const auto text = parse_journal(written(), "j", digest("another"));
    REQUIRE_FALSE(text);
    CHECK(text.error().code == Errc::input);
  }
}
