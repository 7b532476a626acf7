// SPDX-License-Identifier: MIT
#include "send/run_log.hpp"

#include <atomic>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "support/flaky_files.hpp"
#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::io;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Harm;

namespace {

const Digest plan_id = digest("plan");
const RunPaths paths{"/w"};

Checkpoint first(std::uint64_t links = 100) {
  Checkpoint made;
  made.plan = plan_id;
  made.target = "emulator";
  made.pinned_time_s = 1'795'456'800;
  made.in_flight_max = 8;
  made.ledger.links = links;
  made.words = {{"rate", "500/s"}};
  return made;
}

RunState state_of(FlakyFiles& files) {
  auto state = read_run(files, paths, plan_id);
  REQUIRE_MESSAGE(state, state);
  REQUIRE(*state);
  return std::move(**state);
}

}  // namespace

TEST_SUITE("send/run_log") {
  TEST_CASE("what was flushed is known again after a kill, what was not is sent again") {
    FlakyFiles files;
    CHECK_FALSE(read_run(files, paths, plan_id)->has_value());
    {
      auto log = RunLog::begin(files, paths, first());
      REQUIRE_MESSAGE(log, log);
      log->deliver(1, 3, 1);
      log->pass(0);
      log->refuse(4, 2, R"({"why":"no"})");
      log->park(5, 10);
      REQUIRE(log->flush());
      log->deliver(6, 1, 1);
      log->refuse(7, 1, R"({"lost":true})");
    }
    files.revive();
    auto state = state_of(files);
    CHECK(state.replayed == 3);
    CHECK(state.checkpoint.in_flight_max == 8);
    CHECK(state.notes.empty());
    const auto& ledger = state.checkpoint.ledger;
    CHECK(ledger.watermark == 6);
    CHECK(ledger.passed == 1);
    CHECK(ledger.delivered == 3);
    CHECK(ledger.refused == 1);
    CHECK(ledger.parked == std::vector<ParkedLink>{{5, 10}});
    auto log = RunLog::resume(files, paths, std::move(state));
    REQUIRE_MESSAGE(log, log);
    CHECK(files.content("/w/refused.ndjson") == "{\"why\":\"no\"}\n");
    CHECK_FALSE(files.exists("/w/journal.1"));
    CHECK(files.exists("/w/journal.2"));
    log->deliver(5, 1, 11);
    const auto last = log->last_snapshot(true, 0);
    REQUIRE(last);
    auto saver = RunSaver::open(files, paths);
    REQUIRE(saver);
    REQUIRE(saver->save(*last));
    const auto done = state_of(files);
    CHECK(done.checkpoint.finished);
    CHECK(done.checkpoint.in_flight_max == 0);
    CHECK(done.checkpoint.ledger.delivered == 4);
    CHECK(done.checkpoint.words.get("rate") == "500/s");
  }

  TEST_CASE("what answers in doubt had settled is pending again, and its letters are gone") {
    // Whatever befalls the disk on the way, what is left can be gone on with.
    for (std::uint64_t step = 0;; ++step) {
      CAPTURE(step);
      FlakyFiles files;
      auto log = RunLog::begin(files, paths, first());
      REQUIRE_MESSAGE(log, log);
      auto saver = RunSaver::open(files, paths);
      REQUIRE(saver);
      log->refuse(0, 1, R"({"n":0})");
      const auto before = log->snapshot();
      REQUIRE(before);
      REQUIRE(saver->save(*before));
      log->attempt(1, 9);
      log->refuse(1, 1, R"({"n":1})");
      log->refuse(2, 1, R"({"n":2})");
      log->deliver(3, 3, 1);
      log->deliver_ambiguous(6, 1, R"({"n":6})");
      log->refuse(7, 1, R"({"n":7})");
      log->withdraw(8, 1);  // "too many": nothing was taken, it is said
      REQUIRE(log->flush());
      files.harm(step, Harm::kill);
      const auto back = log->reopen(LinkSet{{2, 1}, {4, 1}, {6, 3}});
      if (back) {
        CHECK(back->links == LinkSet{{2, 1}, {4, 1}, {6, 2}});
        CHECK(back->refused == 2);
      }
      const auto after = back ? log->snapshot() : Result<Snapshot>(back.error());
      const bool saved = after && saver->save(*after);
      const bool was_killed = files.killed();
      files.revive();
      auto state = state_of(files);
      if (saved) {
        CHECK(files.content("/w/refused.ndjson") == "{\"n\":0}\n{\"n\":1}\n");
        CHECK(files.content("/w/ambiguous.ndjson").empty());
        CHECK(state.checkpoint.ledger.reopened == std::vector<LinkRange>{{2, 1}, {4, 1}, {6, 2}});
        CHECK(state.checkpoint.ledger.refused == 2);
        CHECK(state.checkpoint.ledger.delivered == 2);
        CHECK(state.checkpoint.ledger.ambiguous == 0);
        CHECK(state.checkpoint.in_doubt.contains(8));
        CHECK(state.checkpoint.in_doubt.covers(6, 2));
        CHECK_FALSE(state.checkpoint.in_doubt.contains(5));
      }
      auto again = RunLog::resume(files, paths, std::move(state));
      REQUIRE_MESSAGE(again, again);
      const bool is_open = !again->ledger().is_settled(4);
      if (is_open) again->deliver(4, 1, 2);
      if (!again->ledger().is_settled(2)) again->refuse(2, 2, R"({"again":2})");
      REQUIRE(again->flush());
      CHECK(state_of(files).checkpoint.ledger.refused == again->ledger().refused());
      if (!was_killed) break;
    }
  }

  TEST_CASE("dead letters are synced before the checkpoint that counts them") {
    FlakyFiles files;
    auto log = RunLog::begin(files, paths, first());
    auto saver = RunSaver::open(files, paths);
    REQUIRE(log);
    REQUIRE(saver);
    log->refuse(0, 1, "{}");
    const auto snapshot = log->snapshot();
    REQUIRE(snapshot);
    files.calls.clear();
    REQUIRE(saver->save(*snapshot));
    CHECK(files.calls ==
          std::vector<std::string>{"sync /w/refused.ndjson", "create /w/checkpoint.part",
                                   "write /w/checkpoint.part", "sync /w/checkpoint.part",
                                   "rename /w/checkpoint.part /w/checkpoint", "sync /w",
                                   "remove /w/journal.1", "write /w/timeline"});
  }

  TEST_CASE("a timeline that cannot be written stops nothing") {
    FlakyFiles files;
    auto log = RunLog::begin(files, paths, first());
    auto saver = RunSaver::open(files, paths);
    REQUIRE(log);
    REQUIRE(saver);
    log->deliver(0, 1, 1);
    const auto snapshot = log->snapshot();
    REQUIRE(snapshot);
    files.harm(7, Harm::fail);  // the step behind the checkpoint and the journal
    CHECK(saver->save(*snapshot));
    CHECK(files.steps() == 8);
    CHECK(state_of(files).checkpoint.ledger.delivered == 1);
  }

  TEST_CASE("the io thread never syncs while it settles") {
    FlakyFiles files;
    auto log = RunLog::begin(files, paths, first());
    REQUIRE(log);
    files.calls.clear();
    log->deliver(0, 1, 1);
    log->refuse(1, 1, "{}");
    REQUIRE(log->flush());
    REQUIRE(log->snapshot());
    CHECK(files.calls == std::vector<std::string>{"write /w/refused.ndjson", "write /w/journal.1",
                                                  "create /w/journal.2", "write /w/journal.2"});
  }

  TEST_CASE("a snapshot takes along what was not flushed") {
    FlakyFiles files;
    auto log = RunLog::begin(files, paths, first());
    REQUIRE(log);
    log->refuse(0, 1, "{}");
    REQUIRE(log->snapshot());  // and the program dies before it is saved
    files.revive();
    const auto state = state_of(files);
    CHECK(state.checkpoint.ledger.refused == 1);
    CHECK(state.notes.empty());
  }

  TEST_CASE("without its checkpoint a run that has sent something is not begun again") {
    FlakyFiles files;
    {
      auto log = RunLog::begin(files, paths, first());
      REQUIRE(log);
      log->deliver(0, 1, 1);
      REQUIRE(log->flush());
    }
    REQUIRE(files.remove("/w/checkpoint"));
    const auto state = read_run(files, paths, plan_id);
    REQUIRE_FALSE(state);
    CHECK(state.error().code == Errc::input);
    CHECK(state.error().what.find("/w/journal.1 shows that links were sent") != std::string::npos);
    CHECK_FALSE(RunLog::begin(files, paths, first()));
    REQUIRE(files.rename("/w/journal.1", "/w/journal.2"));  // only a checkpoint begins another
    const auto second = read_run(files, paths, plan_id);
    REQUIRE_FALSE(second);
    CHECK(second.error().what.find("/w/journal.2 shows that links were sent") != std::string::npos);
    REQUIRE(files.remove("/w/journal.2"));
    CHECK_FALSE(*read_run(files, paths, plan_id));
    files.put("/w/refused.ndjson", "{}\n");
    CHECK_FALSE(read_run(files, paths, plan_id));
  }

  TEST_CASE("a run that has begun is resumed, not begun") {
    FlakyFiles files;
    REQUIRE(RunLog::begin(files, paths, first()));
    const auto again = RunLog::begin(files, paths, first());
    REQUIRE_FALSE(again);
    CHECK(again.error().code == Errc::usage);
  }

  TEST_CASE("what belongs to another plan or was changed is refused with its name") {
    FlakyFiles files;
    {
      auto log = RunLog::begin(files, paths, first());
      REQUIRE(log);
      log->refuse(0, 1, R"({"id":"a"})");
      const auto snapshot = log->snapshot();
      REQUIRE(snapshot);
      REQUIRE(RunSaver::open(files, paths)->save(*snapshot));
    }
    const auto other = read_run(files, paths, digest("another"));
    REQUIRE_FALSE(other);
    CHECK(other.error().code == Errc::input);
    CHECK(other.error().what.find("/w/checkpoint: belongs to plan ") == 0);
    for (const auto* letters : {"", "{\"id\":\"b\"}\n", "{\"id\":\"a\"}", "\n"}) {
      files.put("/w/refused.ndjson", letters);
      const auto state = read_run(files, paths, plan_id);
      REQUIRE_FALSE(state);
      CHECK(state.error().code == Errc::input);
      CHECK(state.error().what.find("/w/refused.ndjson: ") == 0);
    }
    files.put("/w/refused.ndjson", "{\"id\":\"a\"}\nthe rest of a letter that no entry counts");
    CHECK(state_of(files).checkpoint.ledger.refused == 1);
    files.put("/w/checkpoint", "");
    CHECK_FALSE(read_run(files, paths, plan_id));
  }

  TEST_CASE("a journal of another time is not believed") {
    FlakyFiles files;
    {
      auto log = RunLog::begin(files, paths, first());
      REQUIRE(log);
      log->deliver(3, 1, 1);
      REQUIRE(log->flush());
    }
    const auto old = files.content("/w/journal.1");
    REQUIRE(RunLog::resume(files, paths, state_of(files)));
    files.put("/w/journal.2", old);  // restored from a backup, say
    const auto state = state_of(files);
    CHECK(state.replayed == 0);
    CHECK(state.checkpoint.ledger.delivered == 1);
    REQUIRE(state.notes.size() == 1);
    CHECK(state.notes[0].find("/w/journal.2: does not follow") == 0);
  }

  TEST_CASE("an entry that breaks the rules of the ledger is refused, though its checksum fits") {
    const JournalEntry good{.first = 3, .watermark = 1};
    for (int i = 0; i < 7; ++i) {
      auto bad = good;
      if (i == 1) bad.first = 100;
      if (i == 2) bad.count = 98;
      if (i == 3) bad.count = 0;
      if (i == 4) bad.watermark = 101;
      if (i == 5) bad.watermark = 4;
      if (i == 6) bad.first = 0;  // below the watermark, so settled
      FlakyFiles files;
      REQUIRE(RunLog::begin(files, paths, first()));
      const auto checkpoint = load_checkpoint(files, "/w/checkpoint");
      auto journal =
          Journal::create(files, "/w/journal.1", plan_id, 1, (*checkpoint)->journal_chain);
      REQUIRE(journal);
      journal->add(bad);
      REQUIRE(journal->flush());
      const auto state = read_run(files, paths, plan_id);
      CHECK(state.has_value() == (i == 0));
      if (!state) CHECK(state.error().what.find("/w/journal.1: contradicts") == 0);
    }
  }

  TEST_CASE("an entry that parks one link too many is refused, though its checksum fits") {
    for (const std::size_t parked : {Ledger::parked_max - 1, Ledger::parked_max}) {
      FlakyFiles files;
      auto full = first(20'000);
      full.ledger.watermark = parked;
      for (std::uint64_t i = 0; i < parked; ++i)
        full.ledger.parked.push_back({i, 3});
      REQUIRE(RunLog::begin(files, paths, full));
      const auto checkpoint = load_checkpoint(files, "/w/checkpoint");
      REQUIRE(checkpoint);
      auto journal =
          Journal::create(files, "/w/journal.1", plan_id, 1, (*checkpoint)->journal_chain);
      REQUIRE(journal);
      journal->add({.first = parked + 5, .kind = EntryKind::parked, .watermark = parked});
      REQUIRE(journal->flush());
      CHECK(read_run(files, paths, plan_id).has_value() == (parked < Ledger::parked_max));
    }
  }

  TEST_CASE("a long stretch of links that are not sent needs no entry") {
    constexpr std::uint64_t many = 5 * Ledger::window_max;
    FlakyFiles files;
    {
      auto log = RunLog::begin(files, paths, first(many));
      REQUIRE(log);
      log->pass(0, many - 10);
      log->deliver(many - 5, 2, 1);
      REQUIRE(log->flush());
    }
    const auto ledger = state_of(files).checkpoint.ledger;
    CHECK(ledger.watermark == many - 10);
    CHECK(ledger.passed == many - 10);
    CHECK(ledger.above == std::vector<LinkRange>{{many - 5, 2}});
  }

  TEST_CASE("io thread and sync thread work at once, and a reader beside them sees no nonsense") {
    const idmerge::testing::Scratch scratch;
    RealFiles files;
    const RunPaths there{scratch.path()};
    constexpr std::uint64_t many = 20'000;
    auto log = RunLog::begin(files, there, first(many));
    auto saver = RunSaver::open(files, there);
    REQUIRE(log);
    REQUIRE(saver);
    std::atomic<bool> is_over = false;
    std::string reader_trouble;
    std::thread reader([&] {
      std::uint64_t before = 0;
      while (!is_over && reader_trouble.empty()) {
        const auto state = read_run(files, there, plan_id);
        if (!state || !*state) {
          reader_trouble = state ? "no run" : state.error().what;
        } else if ((*state)->checkpoint.ledger.watermark < before) {
          reader_trouble = "the watermark went back";
        } else {
          before = (*state)->checkpoint.ledger.watermark;
        }
      }
    });
    std::string save_trouble;
    std::thread disk;
    std::atomic<bool> is_saving = false;
    for (std::uint64_t i = 0; i < many; i += 2) {
      log->deliver(i, 1, 1);
      log->refuse(i + 1, 1, R"({"o":1})");
      if (!log->flush()) FAIL("flush");
      if (is_saving) continue;
      if (disk.joinable()) disk.join();
      auto snapshot = log->snapshot();
      REQUIRE(snapshot);
      is_saving = true;
      disk = std::thread([&, taken = std::move(*snapshot)] {
        if (auto done = saver->save(taken); !done) save_trouble = done.error().what;
        is_saving = false;
      });
    }
    disk.join();
    is_over = true;
    reader.join();
    CHECK(save_trouble.empty());
    CHECK(reader_trouble.empty());
    const auto state = read_run(files, there, plan_id);
    REQUIRE(state);
    CHECK((*state)->checkpoint.ledger.delivered == many / 2);
    CHECK((*state)->checkpoint.ledger.refused == many / 2);
  }

  TEST_CASE("a round begins whole or not at all, wherever the program dies") {
    constexpr std::uint64_t steps_max = 40;
    bool died_before = false;
    bool died_after = false;
    for (const bool power : {false, true}) {
      for (std::uint64_t step = 0; step < steps_max; ++step) {
        FlakyFiles files;
        bool begun = false;
        {
          auto log = RunLog::begin(files, paths, first(5));
          auto saver = RunSaver::open(files, paths);
          REQUIRE(log);
          REQUIRE(saver);
          log->deliver(0, 2, 1);
          log->deliver_ambiguous(2, 2, R"({"link":2})");
          log->refuse(3, 1, R"({"why":"no"})");
          log->pass(4);
          files.harm(step, idmerge::testing::Harm::kill);
          if (const auto snapshot = log->begin_round(1, 5); snapshot) {
            CHECK(log->ledger().watermark() == 0);
            if (saver->save(*snapshot)) {
              begun = true;
              log->pass(0, 4);
              log->deliver(4, 1, 1);
              CHECK((log->flush() || files.killed()));
            }
          }
        }
        if (power) {
          files.lose_power(FlakyFiles::Keep::synced);
        } else {
          files.revive();
        }
        const auto checkpoint = state_of(files).checkpoint;
        CHECK(checkpoint.round <= 1);
        if (begun) CHECK(checkpoint.round == 1);
        if (checkpoint.round == 1) {
          died_after = died_after || checkpoint.ledger.delivered == 0;
          CHECK(checkpoint.delivered_before == 3);
          CHECK(checkpoint.refused_before == 1);
          CHECK(checkpoint.ambiguous_before == 1);
          CHECK(checkpoint.round_links == 1);
          CHECK(checkpoint.spares_sent(4) == 1);
          CHECK(checkpoint.delivered() == 3 + checkpoint.ledger.delivered);
        } else {
          died_before = true;
          CHECK(checkpoint.delivered_before == 0);
          CHECK(checkpoint.spares_sent(4) == 0);
        }
        // Whatever was left, the run can go on from it.
        auto resumed = RunLog::resume(files, paths, state_of(files));
        REQUIRE_MESSAGE(resumed, resumed);
      }
    }
    CHECK(died_before);
    CHECK(died_after);
  }
}
