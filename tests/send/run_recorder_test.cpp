// SPDX-License-Identifier: MIT
#include "send/run_recorder.hpp"

#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <new>
#include <thread>

#include <doctest/doctest.h>

#include "send/sync_thread.hpp"

#include "support/flaky_files.hpp"

using namespace idmerge;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using namespace std::chrono_literals;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Harm;

namespace {

const RunPaths paths{"/w"};

/// A run of ten links on a disk that can break, with an event loop that the test turns itself.
struct World {
  World() {
    Checkpoint first;
    first.ledger.links = 10;
    first.in_flight_max = 4;
    auto begun = RunLog::begin(files, paths, first);
    REQUIRE(begun);
    log.emplace(std::move(*begun));
    auto saver = RunSaver::open(files, paths);
    REQUIRE(saver);
    recorder.emplace(
        *log, std::make_unique<SyncThread>(std::move(*saver)),
        [this](std::function<void()> work) {
          if (std::this_thread::get_id() != loop) {
            is_called_back = true;
            if (is_deaf) throw std::bad_alloc();
          }
          const std::lock_guard lock(mutex);
          posted.push_back(std::move(work));
        },
        [this](const Error& error) { errors.push_back(error); });
  }

  /// Run what was posted; the number of pieces.
  std::size_t turn() {
    std::deque<std::function<void()>> now;
    {
      const std::lock_guard lock(mutex);
      now.swap(posted);
    }
    for (auto& work : now)
      work();
    return now.size();
  }

  std::uint64_t delivered_on_disk() {
    const auto state = read_run(files, paths, Digest{});
    REQUIRE(state);
    return (*state)->checkpoint.ledger.delivered;
  }

  FlakyFiles files;
  const std::thread::id loop = std::this_thread::get_id();
  std::atomic<bool> is_deaf = false;  // to the sync thread
  std::atomic<bool> is_called_back = false;
  std::mutex mutex;
  std::deque<std::function<void()>> posted;
  std::vector<Error> errors;
  std::optional<RunLog> log;
  std::optional<RunRecorder> recorder;
};

}  // namespace

TEST_SUITE("send/run_recorder") {
  TEST_CASE("what is settled in one turn is written at its end, at once") {
    World world;
    world.recorder->deliver(0, 1, 1);
    world.recorder->deliver(2, 1, 1);
    world.recorder->refuse(1, 1, "{\"why\":\"no\"}");
    CHECK(world.delivered_on_disk() == 0);
    CHECK(world.turn() == 1);
    CHECK(world.delivered_on_disk() == 2);
    CHECK(world.recorder->settled() == 3);
    CHECK(world.recorder->refused() == 1);
    CHECK(world.files.content("/w/refused.ndjson") == "{\"why\":\"no\"}\n");
  }

  TEST_CASE("a snapshot is saved when it is due and something was settled") {
    World world;
    const Instant start = Instant{} + 1h;
    world.recorder->save_when_due(start, 1s);
    CHECK(world.turn() == 0);
    world.recorder->deliver(0, 1, 1);
    CHECK(world.turn() == 1);
    world.recorder->save_when_due(start, 1s);
    while (world.turn() < 1)
      std::this_thread::yield();
    world.files.lose_power(FlakyFiles::Keep::synced);
    CHECK(world.delivered_on_disk() == 1);
  }

  TEST_CASE("what the service says about its limit is saved without waiting, once") {
    World world;
    const Instant start = Instant{} + 1h;
    const auto saved = [&] {
      while (world.turn() < 1)
        std::this_thread::yield();
    };
    world.recorder->deliver(0, 1, 1);
    CHECK(world.turn() == 1);
    world.recorder->save_when_due(start, 1s);
    saved();
    const auto before = world.log->facts().generation;
    world.recorder->set_limit({480, 1'795'456'860});
    world.recorder->save_when_due(start, 1s);
    REQUIRE(world.log->facts().generation == before + 1);
    saved();
    world.recorder->set_limit({480, 1'795'456'860});
    world.recorder->save_when_due(start + 1h, 1s);
    CHECK(world.turn() == 0);
    world.files.lose_power(FlakyFiles::Keep::synced);
    const auto state = read_run(world.files, paths, Digest{});
    REQUIRE(state);
    CHECK((*state)->checkpoint.limit == KnownLimit{480, 1'795'456'860});
  }

  TEST_CASE("a sync thread without the memory to say that it is done does not hold up the run") {
    World world;
    world.is_deaf = true;
    world.recorder->deliver(0, 1, 1);
    world.recorder->save_when_due(Instant{} + 1h, 1s);
    while (!world.is_called_back)
      std::this_thread::yield();
    CHECK(world.turn() == 1);  // the flush
    world.recorder->deliver(1, 1, 1);
    CHECK(!world.files.exists("/w/journal.3"));
    world.recorder->save_when_due(Instant{} + 2h, 1s);
    CHECK(world.files.exists("/w/journal.3"));  // that of the next snapshot
    CHECK(world.errors.empty());
  }

  TEST_CASE("the end of a run is durable and says whether all is done") {
    World world;
    world.recorder->deliver(0, 10, 1);
    REQUIRE(world.recorder->finish(0));
    world.files.lose_power(FlakyFiles::Keep::synced);
    const auto state = read_run(world.files, paths, Digest{});
    REQUIRE(state);
    CHECK((*state)->checkpoint.finished);
    CHECK((*state)->checkpoint.ledger.delivered == 10);
    CHECK((*state)->checkpoint.in_flight_max == 0);
    CHECK((*state)->checkpoint.in_doubt.empty());
  }

  TEST_CASE("a line in doubt loses what it settled since the last snapshot, durably") {
    World world;
    RunRecorder& recorder = *world.recorder;
    const auto settle = [&](std::uint64_t line, std::uint64_t ordinal) {
      recorder.note_answer(line, std::array{ordinal});
      recorder.deliver(ordinal, 1, 1);
    };
    settle(1, 0);
    recorder.save_when_due(Instant{} + 1h, 1s);
    settle(1, 1);
    settle(2, 2);
    recorder.note_answer(1, std::array{std::uint64_t{3}});
    recorder.refuse(3, 1, "{\"why\":\"no\"}");
    recorder.note_answer(1, std::array{std::uint64_t{4}});  // and it was not settled by that
    CHECK(recorder.in_doubt(std::array{std::uint64_t{9}}).again.empty());
    const Doubted doubted = recorder.in_doubt(std::array{std::uint64_t{1}, std::uint64_t{7}});
    CHECK(doubted.again == LinkSet{{1, 1}, {3, 1}});
    CHECK(doubted.answered == 3);
    CHECK(recorder.settled() == 2);
    CHECK(recorder.refused() == 0);
    CHECK(recorder.log().was_in_doubt(4));
    // The one before is durable now, and so is the doubt.
    CHECK(recorder.in_doubt(std::array{std::uint64_t{2}}).again.empty());
    world.files.lose_power(FlakyFiles::Keep::synced);
    const auto state = read_run(world.files, paths, Digest{});
    REQUIRE(state);
    CHECK((*state)->checkpoint.ledger.delivered == 2);
    CHECK((*state)->checkpoint.ledger.refused == 0);
    CHECK((*state)->checkpoint.ledger.reopened == std::vector<LinkRange>{{1, 1}, {3, 1}});
    CHECK((*state)->checkpoint.in_doubt == LinkSet{{1, 1}, {3, 2}});
    CHECK(world.files.content("/w/refused.ndjson").empty());
  }

  TEST_CASE("a parked link keeps a run from being finished") {
    World world;
    world.recorder->deliver(0, 8, 1);
    world.recorder->attempt(std::array{std::uint64_t{8}, std::uint64_t{9}});
    world.recorder->withdraw(std::array{std::uint64_t{8}});
    world.recorder->park(8, 10);
    world.recorder->park(9, 10);
    REQUIRE(world.recorder->finish(5));
    const auto state = read_run(world.files, paths, Digest{});
    REQUIRE(state);
    CHECK(!(*state)->checkpoint.finished);
    CHECK((*state)->checkpoint.exit_code == 5);
    CHECK((*state)->checkpoint.in_doubt == LinkSet{{9, 1}});
  }

  TEST_CASE("when the disk is full the run hears it once, and settles nothing more") {
    World world;
    world.recorder->deliver(0, 1, 1);
    world.turn();
    world.files.harm(0, Harm::full, true);
    world.recorder->deliver(1, 1, 1);
    world.turn();
    REQUIRE(world.errors.size() == 1);
    CHECK(world.errors[0].code == Errc::outage);
    world.recorder->deliver(2, 1, 1);
    world.recorder->refuse(3, 1, "{}");
    world.turn();
    CHECK(world.errors.size() == 1);
    CHECK(world.recorder->settled() == 2);
    CHECK(!world.recorder->finish(0));
    world.files.revive();
    CHECK(world.delivered_on_disk() == 1);
  }

  TEST_CASE("the next round begins durably, also behind a save that is under way") {
    World world;
    world.recorder->deliver(0, 6, 1);
    world.recorder->refuse(6, 1, "{}");
    world.log->pass(7, 3);
    world.recorder->save_when_due(Instant{} + 1h, 1s);
    REQUIRE(world.recorder->begin_round(2, 10));
    world.files.lose_power(FlakyFiles::Keep::synced);
    const auto state = read_run(world.files, paths, Digest{});
    REQUIRE(state);
    CHECK((*state)->checkpoint.round == 1);
    CHECK((*state)->checkpoint.delivered() == 6);
    CHECK((*state)->checkpoint.refused() == 1);
    CHECK((*state)->checkpoint.ledger.delivered == 0);
    CHECK(!(*state)->checkpoint.finished);
  }

  TEST_CASE("a round that cannot begin ends the run, at whatever step the disk fails") {
    for (std::uint64_t step = 0;; ++step) {
      World world;
      world.recorder->deliver(0, 6, 1);
      world.recorder->refuse(6, 1, "{}");
      world.log->pass(7, 3);
      REQUIRE(world.recorder->write_letters());
      world.files.harm(step, Harm::fail, true);
      const auto begun = world.recorder->begin_round(2, 10);
      if (begun) {
        CHECK(step > 4);
        break;
      }
      CHECK(world.errors.size() == 1);
      world.recorder->deliver(0, 1, 1);
      const auto finished = world.recorder->finish(0);
      REQUIRE(!finished);
      CHECK(finished.error().code == Errc::outage);
      world.files.revive();
      CHECK(read_run(world.files, paths, Digest{}).value()->checkpoint.delivered() == 6);
    }
  }

  TEST_CASE("a run is not finished while another round may follow") {
    World world;
    world.recorder->deliver(0, 10, 1);
    REQUIRE(world.recorder->finish(8, false));
    CHECK(!read_run(world.files, paths, Digest{}).value()->checkpoint.finished);
  }
}
