// SPDX-License-Identifier: MIT
#include "send/sync_thread.hpp"

#include <atomic>
#include <new>
#include <thread>

#include <doctest/doctest.h>

#include "util/exceptions.hpp"

#include "support/flaky_files.hpp"

using namespace idmerge;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using idmerge::testing::FlakyFiles;
using idmerge::testing::Harm;

namespace {

const RunPaths paths{"/w"};

RunLog begin(FlakyFiles& files) {
  Checkpoint first;
  first.ledger.links = 10;
  auto log = RunLog::begin(files, paths, first);
  REQUIRE(log);
  return std::move(*log);
}

}  // namespace

TEST_SUITE("send/sync_thread") {
  TEST_CASE("it saves on a thread of its own and says when it is done") {
    FlakyFiles files;
    RunLog log = begin(files);
    std::atomic<int> done = 0;
    std::thread::id where;
    SyncThread disk(RunSaver::open(files, paths).value());
    disk.notify([&] {
      where = std::this_thread::get_id();
      ++done;
    });
    log.deliver(0, 3, 1);
    disk.save(log.snapshot().value());
    CHECK(disk.busy());
    while (done == 0)
      std::this_thread::yield();
    CHECK(where != std::this_thread::get_id());
    const auto saved = disk.collect();
    REQUIRE(saved);
    CHECK(*saved);
    CHECK(!disk.busy());
    files.lose_power(FlakyFiles::Keep::synced);
    CHECK((*read_run(files, paths, Digest{}).value()).checkpoint.ledger.delivered == 3);
  }

  TEST_CASE("a save that failed fails the end of the run too") {
    FlakyFiles files;
    RunLog log = begin(files);
    SyncThread disk(RunSaver::open(files, paths).value());
    log.deliver(0, 3, 1);
    auto snapshot = log.snapshot().value();
    const auto last = log.last_snapshot(false, 0).value();
    files.harm(0, Harm::fail, true);
    disk.save(std::move(snapshot));
    const auto finished = disk.finish(last);
    REQUIRE(!finished);
    CHECK(finished.error().code == Errc::outage);
  }

  TEST_CASE("what its thread throws is an error of whoever waits") {
    FlakyFiles files;
    RunLog log = begin(files);
    SyncThread disk(RunSaver::open(files, paths).value());
    log.deliver(0, 3, 1);
    auto snapshot = log.snapshot().value();
    const auto last = log.last_snapshot(false, 0).value();
    files.meanwhile = [] { throw std::bad_alloc(); };
    disk.save(std::move(snapshot));
    const auto finished = disk.finish(last);
    REQUIRE(!finished);
    CHECK(finished.error() == thrown(std::bad_alloc()));
  }

  TEST_CASE("it ends without having been used") {
    FlakyFiles files;
    const RunLog log = begin(files);
    const SyncThread disk(RunSaver::open(files, paths).value());
    CHECK(!disk.busy());
  }

  TEST_CASE("a save at once waits for the one under way, and hears of its failure") {
    FlakyFiles files;
    RunLog log = begin(files);
    SyncThread disk(RunSaver::open(files, paths).value());
    log.deliver(0, 3, 1);
    disk.save(log.snapshot().value());
    log.deliver(3, 1, 1);
    REQUIRE(disk.save_now(log.snapshot().value()));
    CHECK(!disk.busy());
    auto snapshot = log.snapshot().value();
    const auto later = log.snapshot().value();
    files.harm(0, Harm::fail, true);
    disk.save(std::move(snapshot));
    CHECK(!disk.save_now(later));
    files.lose_power(FlakyFiles::Keep::synced);
    CHECK((*read_run(files, paths, Digest{}).value()).checkpoint.ledger.delivered == 4);
  }
}
