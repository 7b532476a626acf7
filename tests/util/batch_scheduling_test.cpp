// SPDX-License-Identifier: MIT
#include "util/batch_scheduling.hpp"

#include <optional>
#include <thread>

#include <doctest/doctest.h>
#include <sched.h>

using namespace idmerge;
using namespace idmerge::util;

namespace {

/// Policies of a thread that asked for `policy`: what it got, within, of a thread started within,
/// and after.
struct Seen {
  int before = -1, within = -1, started = -1, after = -1;
};

Seen see(int policy) {
  Seen seen;
  std::thread([&] {
    const sched_param none{};
    sched_setscheduler(0, policy,
                       &none);  // a container may forbid it: then there is nothing to see
    seen.before = sched_getscheduler(0);
    std::optional<BatchScheduling> batch(std::in_place);
    seen.within = sched_getscheduler(0);
    std::thread([&] { seen.started = sched_getscheduler(0); }).join();
    batch.reset();
    seen.after = sched_getscheduler(0);
  }).join();
  return seen;
}

}  // namespace

TEST_SUITE("util/batch_scheduling") {
  TEST_CASE("a thread and those it starts are a batch while it lasts") {
    const auto seen = see(SCHED_OTHER);
    CHECK(seen.after == seen.before);
    CHECK(seen.started == seen.within);
    if (see(SCHED_BATCH).before == SCHED_BATCH) CHECK(seen.within == SCHED_BATCH);
  }

  TEST_CASE("a policy that somebody chose is kept") {
    const auto seen = see(SCHED_BATCH);
    CHECK(seen.after == seen.before);
  }
}
