// SPDX-License-Identifier: MIT
#include "send/progress_log.hpp"

#include <random>

#include <doctest/doctest.h>

#include "send/ledger.hpp"

#include "support/flaky_files.hpp"
#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::send;
using namespace idmerge::util;
using namespace idmerge::testing;

namespace {

const Digest plan = digest("plan");
constexpr std::int64_t noon = 1'795'456'800;

Checkpoint at(std::uint64_t watermark, std::vector<LinkRange> above = {}, std::uint64_t round = 0) {
  Checkpoint checkpoint;
  checkpoint.plan = plan;
  checkpoint.round = round;
  checkpoint.in_flight_max = 8;
  checkpoint.ledger.links = 1000;
  checkpoint.ledger.watermark = watermark;
  checkpoint.ledger.above = std::move(above);
  return checkpoint;
}

std::vector<ProgressLogEntry> noted(FlakyFiles& files) {
  return parse_progress_log(files.content("/w/timeline"), plan);
}

}  // namespace

TEST_SUITE("send/progress_log") {
  TEST_CASE("a checkpoint says what was settled and what was not") {
    CHECK(progress_log_entry(at(400, {{402, 3}, {410, 3}}), noon) ==
          ProgressLogEntry{noon, 0, 400, 413});
    CHECK(progress_log_entry(at(7, {}, 2), noon) == ProgressLogEntry{noon, 2, 7, 7});
    auto parked = at(400);
    parked.ledger.parked = {{17, 10}, {90, 10}};
    CHECK(progress_log_entry(parked, noon) == ProgressLogEntry{noon, 0, 400, 400, {17, 90}});
    for (std::uint64_t i = 0; i < 15; ++i)
      parked.ledger.parked.push_back({100 + i, 10});
    CHECK(progress_log_entry(parked, noon) == ProgressLogEntry{noon, 0, 17, 400});
  }

  TEST_CASE("a reopened link is pending, however many there are") {
    Checkpoint checkpoint;
    checkpoint.ledger.links = 2'000'000;
    checkpoint.ledger.watermark = 1'900'000;
    checkpoint.ledger.parked = {{7, 1}, {20, 1}};
    checkpoint.ledger.reopened = {{9, 2}};
    auto entry = progress_log_entry(checkpoint, 5);
    CHECK(entry.settled == 1'900'000);
    CHECK(entry.parked == std::vector<std::uint64_t>{7, 9, 10, 20});
    checkpoint.ledger.reopened = {{3, 1'000'000}};
    checkpoint.ledger.parked.clear();
    entry = progress_log_entry(checkpoint, 5);
    CHECK(entry.settled == 3);
    CHECK(entry.parked.empty());
  }

  TEST_CASE("a line is read as it was written, and one that is not says nothing") {
    const ProgressLogEntry entry{noon, 0, 400, 413};
    const auto line = progress_log_line(entry, plan);
    CHECK(line.starts_with("1795456800 0 400 413 - "));
    const ProgressLogEntry parked{noon, 1, 400, 413, {17, 90}};
    CHECK(progress_log_line(parked, plan).starts_with("1795456800 1 400 413 17,90 "));
    CHECK(parse_progress_log(progress_log_line(parked, plan), plan) == std::vector{parked});
    CHECK(parse_progress_log(progress_log_line({noon, 0, 400, 413, {90, 17}}, plan), plan).empty());
    CHECK(parse_progress_log(line, plan) == std::vector{entry});
    CHECK(parse_progress_log(line, digest("another plan")).empty());
    for (const std::int64_t time_s : {std::int64_t{-1}, INT64_MAX})
      CHECK(parse_progress_log(progress_log_line({time_s, 0, 1, 1}, plan), plan).empty());
    CHECK(parse_progress_log("\n" + line + "torn 17\n\n" + line, plan) ==
          std::vector{entry, entry});
    for (std::size_t i = 0; i + 1 < line.size(); ++i) {
      CAPTURE(i);
      CHECK(parse_progress_log(line.substr(0, i), plan).empty());
      auto flipped = line;
      flipped[i] ^= 1;
      CHECK(parse_progress_log(flipped, plan).empty());
    }
  }

  TEST_CASE("one is written when it says something new and the last is ten seconds old") {
    FlakyFiles files;
    ProgressLog progress_log(files, "/w/timeline");
    progress_log.note(at(0), noon);
    progress_log.note(at(10), noon + 9);
    CHECK(noted(files) == std::vector{ProgressLogEntry{noon, 0, 0, 0}});
    progress_log.note(at(20), noon + 10);
    progress_log.note(at(20), noon + 25);
    CHECK(noted(files).back() == ProgressLogEntry{noon + 10, 0, 20, 20});
    progress_log.note(at(20, {{30, 1}}), noon + 30);
    CHECK(noted(files).back() == ProgressLogEntry{noon + 30, 0, 20, 31});
    progress_log.note(at(0, {}, 1), noon + 31);
    auto ended = at(1, {}, 1);
    ended.in_flight_max = 0;
    progress_log.note(ended, noon + 32);
    CHECK(noted(files) == std::vector{ProgressLogEntry{noon, 0, 0, 0},
                                      {noon + 10, 0, 20, 20},
                                      {noon + 30, 0, 20, 31},
                                      {noon + 31, 1, 0, 0},
                                      {noon + 32, 1, 1, 1}});
  }

  TEST_CASE("a clock that was set back is told by the next line") {
    FlakyFiles files;
    ProgressLog progress_log(files, "/w/timeline");
    progress_log.note(at(10), noon);
    progress_log.note(at(20), noon - 3600);
    progress_log.note(at(30), noon - 3595);
    CHECK(noted(files) == std::vector{ProgressLogEntry{noon, 0, 10, 10}, {noon - 3600, 0, 20, 20}});
  }

  TEST_CASE("a line that a process died in does not spoil the next one's") {
    FlakyFiles files;
    files.put("/w/timeline", progress_log_line({noon, 0, 0, 0}, plan) + "17954568");
    ProgressLog progress_log(files, "/w/timeline");
    progress_log.note(at(5), noon + 60);
    CHECK(noted(files) == std::vector{ProgressLogEntry{noon, 0, 0, 0}, {noon + 60, 0, 5, 5}});
    ProgressLog(files, "/w/timeline").note(at(6), noon + 70);
    CHECK(files.content("/w/timeline").find("\n\n") == std::string::npos);
  }

  TEST_CASE("what a disk does not take costs a line, and the next one is whole") {
    FlakyFiles files;
    ProgressLog progress_log(files, "/w/timeline");
    progress_log.note(at(5), noon);
    files.harm(0, Harm::full, true);  // takes all but the line end
    progress_log.note(at(6), noon + 10);
    files.harm(0, Harm::none);
    CHECK(!files.content("/w/timeline").ends_with('\n'));
    progress_log.note(at(7), noon + 11);
    CHECK(noted(files).front() == ProgressLogEntry{noon, 0, 5, 5});
    CHECK(noted(files).back() == ProgressLogEntry{noon + 11, 0, 7, 7});
  }

  TEST_CASE("a link lies between the last line before it and the first behind it") {
    const TimeSpan run{noon, noon + 100};
    const std::vector<ProgressLogEntry> lines{{noon + 1, 0, 0, 0},
                                              {noon + 20, 0, 50, 60},
                                              {noon + 40, 0, 100, 100},
                                              {noon + 60, 1, 0, 0},
                                              {noon + 80, 1, 70, 70}};
    CHECK(settled_within(lines, 0, 0, run) == TimeSpan{noon + 1, noon + 21});
    CHECK(settled_within(lines, 0, 49, run) == TimeSpan{noon + 1, noon + 21});
    CHECK(settled_within(lines, 0, 50, run) == TimeSpan{noon + 1, noon + 41});  // or before 60
    CHECK(settled_within(lines, 0, 60, run) == TimeSpan{noon + 20, noon + 41});
    CHECK(settled_within(lines, 0, 100, run) == TimeSpan{noon + 40, noon + 61});
    CHECK(settled_within(lines, 1, 69, run) == TimeSpan{noon + 60, noon + 81});
    CHECK(settled_within(lines, 1, 70, run) == TimeSpan{noon + 80, noon + 100});
    CHECK(settled_within({}, 0, 7, run) == run);
    const std::vector<ProgressLogEntry> parks{
        {noon + 10, 0, 50, 50, {17}}, {noon + 30, 0, 90, 90, {17}}, {noon + 50, 0, 90, 90}};
    CHECK(settled_within(parks, 0, 17, run) == TimeSpan{noon + 30, noon + 51});
    CHECK(settled_within(parks, 0, 18, run) == TimeSpan{noon, noon + 11});
  }

  TEST_CASE(
      "after a power loss the first line behind a link counts, not one of its sending again") {
    const TimeSpan run{noon, noon + 100};
    const std::vector<ProgressLogEntry> lines{
        {noon, 0, 0, 0}, {noon + 10, 0, 50, 50}, {noon + 20, 0, 10, 10}, {noon + 30, 0, 90, 90}};
    CHECK(settled_within(lines, 0, 40, run) == TimeSpan{noon, noon + 11});
    CHECK(settled_within(lines, 0, 60, run) == TimeSpan{noon + 20, noon + 31});
  }

  TEST_CASE("where the clock was set, only the whole run is known") {
    const TimeSpan run{noon, noon + 100};
    const std::vector<ProgressLogEntry> back{{noon + 50, 0, 10, 10}, {noon + 20, 0, 30, 30}};
    CHECK(settled_within(back, 0, 20, run) == run);
    const std::vector<ProgressLogEntry> early{{noon - 50, 0, 10, 10}, {noon + 20, 0, 30, 30}};
    CHECK(settled_within(early, 0, 20, run) == run);
    const std::vector<ProgressLogEntry> late{{noon + 50, 0, 10, 10}, {noon + 200, 0, 30, 30}};
    CHECK(settled_within(late, 0, 20, run) == run);
  }

  TEST_CASE("every link was settled when the lines say, in any order of answers") {
    std::mt19937_64 random(seed());
    for (int round = 0; round < 200; ++round) {
      const std::uint64_t links = 1 + random() % 60;
      Ledger ledger(links);
      std::vector<std::int64_t> when(links, 0);
      std::vector<ProgressLogEntry> lines;
      std::int64_t now = noon;
      const auto look = [&] {
        auto checkpoint = at(0);
        checkpoint.ledger = ledger.state();
        lines.push_back(progress_log_entry(checkpoint, now));
      };
      look();
      while (!ledger.is_done()) {
        now += static_cast<std::int64_t>(random() % 3);
        const auto deliver = [&](std::uint64_t ordinal) {
          ledger.deliver(ordinal);
          when[ordinal] = now;
        };
        const auto ordinal = std::min(links - 1, ledger.watermark() + random() % 8);
        if (ledger.at_end()) {
          deliver(ledger.parked().begin()->first);  // tried again at the end
        } else if (!ledger.is_settled(ordinal) && !ledger.is_parked(ordinal)) {
          if (random() % 10 == 0) {
            ledger.park(ordinal, 1);
          } else {
            deliver(ordinal);
          }
        }
        if (random() % 3 == 0) look();
      }
      look();
      const TimeSpan run{noon, now + 1};
      for (std::uint64_t ordinal = 0; ordinal < links; ++ordinal) {
        const auto span = settled_within(lines, 0, ordinal, run);
        CHECK(span.from_s <= when[ordinal]);
        CHECK(when[ordinal] <= span.to_s);
      }
    }
  }
}
