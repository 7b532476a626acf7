// SPDX-License-Identifier: MIT
#include "send/plan_cursor.hpp"

#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

#include "support/flaky_files.hpp"
#include "support/plan_maker.hpp"

using namespace idmerge;
using namespace idmerge::plan;
using namespace idmerge::send;
using idmerge::testing::FlakyFiles;
using idmerge::testing::PlanSketch;

namespace {

/// A plan of several small blocks, and the log of its run.
struct World {
  explicit World(std::uint64_t links, std::size_t id_bytes = 2,
                 std::uint64_t ceiling = UINT64_MAX) {
    const PlanSketch sketch{.links = links, .id_bytes = id_bytes};
    const auto facts = idmerge::testing::make_plan(files, "/w/plan", sketch);
    REQUIRE(facts);
    auto opened = PlanReader::open(files, "/w/plan");
    REQUIRE(opened);
    plan.emplace(std::move(*opened));
    Checkpoint first;
    first.plan = facts->digest;
    first.ledger.links = links;
    first.ceiling = std::min(ceiling, links);
    auto begun = RunLog::begin(files, {"/w"}, first);
    REQUIRE(begun);
    log.emplace(std::move(*begun));
  }

  FlakyFiles files;
  std::optional<PlanReader> plan;
  std::optional<RunLog> log;
};

std::vector<std::uint64_t> sendable(std::uint64_t links) {
  std::vector<std::uint64_t> ordinals;
  for (std::uint64_t i = 0; i < links; ++i) {
    if (PlanSketch::verdict(i) == Verdict::send) ordinals.push_back(i);
  }
  return ordinals;
}

}  // namespace

TEST_SUITE("send/plan_cursor") {
  TEST_CASE("no link leaves at the ceiling of the durable checkpoint, all others are passed") {
    World world(20, 2, 3);
    PlanCursor cursor(*world.plan, *world.log);
    Batch batch;
    CHECK(cursor.take(2, batch).value() == Taken::links);
    cursor.release(batch);
    CHECK(cursor.take(2, batch).value() == Taken::links);
    CHECK(batch.ordinals == std::vector<std::uint64_t>{2});
    cursor.release(batch);
    CHECK(cursor.take(2, batch).value() == Taken::window_full);
    CHECK(world.log->ledger().passed() == 1);  // 3 is held
    // What the next checkpoint is to promise counts only once it is durable.
    cursor.set_ahead(2);
    REQUIRE(cursor.foresee());
    CHECK(world.log->facts().ceiling == 6);
    CHECK(cursor.take(2, batch).value() == Taken::window_full);
    world.log->saved(6);
    CHECK(cursor.take(3, batch).value() == Taken::links);
    CHECK(batch.ordinals == std::vector<std::uint64_t>{4, 5});
  }

  TEST_CASE("what is to be sent again comes first, each link once, also for the next run") {
    constexpr std::uint64_t links = 40'000;
    const auto all = sendable(links);
    World world(links, 60);
    REQUIRE(world.plan->blocks() > 2);
    PlanCursor cursor(*world.plan, *world.log);
    Batch batch;
    while (batch.ordinals.empty() || batch.ordinals.back() < links / 2) {
      cursor.release(batch);
      REQUIRE(cursor.take(500, batch).value() == Taken::links);
      for (const auto ordinal : batch.ordinals)
        world.log->deliver(ordinal, 1, 1);
    }
    const auto resumed_at = batch.ordinals.back();
    cursor.release(batch);
    LinkSet again;
    for (const std::size_t at : {3U, 4U, 9'000U})
      again.add(all[at]);
    REQUIRE(world.log->reopen(again));
    std::vector<std::uint64_t> wanted;
    for (const auto& range : again.ranges()) {
      for (std::uint64_t i = 0; i < range.count; ++i)
        wanted.push_back(range.first + i);
    }
    const auto check = [&](PlanCursor& at) {
      std::vector<std::uint64_t> taken;
      while (at.has_again()) {
        REQUIRE(at.take(2, batch).value() == Taken::links);
        PlanBlock block;
        REQUIRE(world.plan->read_block(world.plan->find_block(batch.ordinals[0]), block));
        for (std::size_t i = 0; i < batch.ordinals.size(); ++i) {
          taken.push_back(batch.ordinals[i]);
          CHECK(batch.links[i].anon == block.links[batch.ordinals[i] - block.first].anon);
        }
        at.release(batch);
      }
      CHECK(taken == wanted);
      REQUIRE(at.take(1, batch).value() == Taken::links);
      CHECK(batch.ordinals.front() > resumed_at);
      at.release(batch);
    };
    PlanCursor next_run(*world.plan, *world.log);
    cursor.send_again(again);
    check(cursor);
    check(next_run);
  }

  TEST_CASE("the ceiling is as many links ahead as was set, of those that are to be sent") {
    constexpr std::uint64_t links = 40'000;
    const auto all = sendable(links);
    World world(links, 60, 0);
    REQUIRE(world.plan->blocks() > 2);
    for (const std::size_t settled : {5U, 6U, 40U})
      world.log->deliver(all[settled], 1, 1);
    PlanCursor cursor(*world.plan, *world.log);
    constexpr std::uint64_t ahead = 3'000;
    cursor.set_ahead(ahead);
    REQUIRE(cursor.foresee());
    CHECK(world.log->facts().ceiling > all[ahead - 1]);
    CHECK(world.log->facts().ceiling <= all[ahead]);
    world.log->saved(world.log->facts().ceiling);
    Batch batch;
    std::uint64_t before = 0;
    while (cursor.take(700, batch).value() == Taken::links) {
      REQUIRE(cursor.foresee());
      const auto next = static_cast<std::size_t>(
          std::upper_bound(all.begin(), all.end(), batch.ordinals.back()) - all.begin());
      const auto ceiling = world.log->facts().ceiling;
      if (next + ahead < all.size()) {
        CHECK(ceiling > all[next + ahead - 1]);
        CHECK(ceiling <= all[next + ahead]);
      } else {
        CHECK(ceiling == links);
      }
      CHECK(ceiling >= before);
      before = ceiling;
      world.log->saved(ceiling);
      cursor.release(batch);
    }
    CHECK(before == links);
  }

  TEST_CASE("whichever links are not sent, a ceiling that is reached calls for the next one") {
    const auto go_through = [](World& world, PlanCursor& cursor) {
      Batch batch;
      std::size_t taken = 0;
      while (true) {
        const auto result = cursor.take(3, batch).value();
        if (result == Taken::links) {
          taken += batch.ordinals.size();
          for (const auto ordinal : batch.ordinals)
            world.log->deliver(ordinal, 1, 1);
          cursor.release(batch);
          continue;
        }
        if (result == Taken::end) return taken;
        REQUIRE(cursor.foresee());
        REQUIRE(world.log->needs_ceiling());  // or the run stands still for ever
        world.log->saved(world.log->facts().ceiling);
      }
    };
    for (std::uint64_t links = 1; links < 20; ++links) {
      for (std::uint64_t ceiling = 0; ceiling <= links; ++ceiling) {
        for (const std::uint64_t ahead : {1U, 2U, 4U, 100U}) {
          CAPTURE(links);
          CAPTURE(ceiling);
          CAPTURE(ahead);
          World world(links, 2, ceiling);
          PlanCursor cursor(*world.plan, *world.log);
          cursor.set_ahead(ahead);
          CHECK(go_through(world, cursor) == sendable(links).size());
          const std::vector<std::uint64_t> list{links - 1};
          REQUIRE(world.log->begin_round(1, std::min(ceiling, links - 1)));
          world.log->saved(std::min(ceiling, links - 1));
          cursor.begin_round(list);
          CHECK(go_through(world, cursor) == 1);
        }
      }
    }
  }

  TEST_CASE("in a round the ceiling is as many links of its list ahead") {
    const std::vector<std::uint64_t> list{3, 40, 500, 600};
    CHECK(round_ceiling(list, 0, 1) == 40);
    CHECK(round_ceiling(list, 1, 2) == 600);
    CHECK(round_ceiling(list, 1, 3) == UINT64_MAX);
    CHECK(round_ceiling(list, 4, 0) == UINT64_MAX);
    World world(700);
    for (const auto ordinal : sendable(700))
      world.log->deliver(ordinal, 1, 1);
    world.log->pass(0, 700);
    REQUIRE(world.log->begin_round(list.size(), 40));
    PlanCursor cursor(*world.plan, *world.log);
    cursor.begin_round(list);
    cursor.set_ahead(2);
    Batch batch;
    CHECK(cursor.take(1, batch).value() == Taken::window_full);  // nothing of it is durable yet
    world.log->saved(40);
    REQUIRE(cursor.take(9, batch).value() == Taken::links);
    CHECK(batch.ordinals == std::vector<std::uint64_t>{3});
    cursor.release(batch);
    CHECK(cursor.take(1, batch).value() == Taken::window_full);
    REQUIRE(cursor.foresee());
    CHECK(world.log->facts().ceiling == 600);
  }

  TEST_CASE("it takes every link that is to be sent once, in order, and passes the others") {
    for (const std::size_t links_max : {1U, 3U, 2000U}) {
      World world(40'000, 60);
      REQUIRE(world.plan->blocks() > 2);
      PlanCursor cursor(*world.plan, *world.log);
      std::vector<std::uint64_t> taken;
      const PlanSketch sketch{.id_bytes = 60};
      Batch batch;
      bool right = true;
      while (cursor.take(links_max, batch).value() == Taken::links) {
        CHECK(batch.links.size() <= links_max);
        for (std::size_t i = 0; i < batch.links.size(); ++i) {
          taken.push_back(batch.ordinals[i]);
          right = right && batch.links[i].anon == sketch.anon(batch.ordinals[i]);
          world.log->deliver(batch.ordinals[i], 1, 1);
        }
        cursor.release(batch);
      }
      CHECK(right);
      CHECK(taken == sendable(40'000));
      CHECK(world.log->ledger().at_end());
      CHECK(world.log->ledger().pending() == 0);
    }
  }

  TEST_CASE("links stay readable until their batch is given back, blocks later") {
    World world(40'000, 60);
    PlanCursor cursor(*world.plan, *world.log);
    Batch first, other;
    REQUIRE(cursor.take(1, first).value() == Taken::links);
    while (cursor.take(2000, other).value() == Taken::links)
      cursor.release(other);
    CHECK(first.links[0].anon == PlanSketch{.id_bytes = 60}.anon(0));
  }

  TEST_CASE("what is settled or parked is left out, and parked links come at the end") {
    World world(30);
    world.log->deliver(0, 1, 1);
    world.log->deliver(5, 2, 1);
    world.log->park(8, 10);
    world.log->park(4, 10);
    PlanCursor cursor(*world.plan, *world.log);
    auto expected = sendable(30);
    for (const std::uint64_t gone : {0U, 5U, 6U, 8U, 4U})
      std::erase(expected, gone);
    std::vector<std::uint64_t> taken;
    Batch batch;
    while (cursor.take(1, batch).value() == Taken::links) {
      taken.push_back(batch.ordinals[0]);
      cursor.release(batch);
    }
    CHECK(taken == expected);
    taken.clear();
    while (cursor.take_parked(batch).value() == Taken::links) {
      taken.push_back(batch.ordinals[0]);
      cursor.release(batch);
    }
    CHECK(taken == std::vector<std::uint64_t>{4, 8});
  }

  TEST_CASE("a link too far past one that is not settled waits for it") {
    constexpr auto window = Ledger::window_max;
    World world(window + 10);
    constexpr auto last_admitted = window - 2;  // the one behind it is held
    REQUIRE(PlanSketch::verdict(last_admitted) == Verdict::send);
    world.log->deliver(1, last_admitted - 1, 1);
    for (const bool in_round : {false, true}) {
      CAPTURE(in_round);
      PlanCursor cursor(*world.plan, *world.log);
      if (in_round) cursor.begin_round({0, last_admitted, window + 1});
      Batch first, last, later;
      REQUIRE(cursor.take(1, first).value() == Taken::links);
      CHECK(first.ordinals == std::vector<std::uint64_t>{0});
      REQUIRE(cursor.take(3, last).value() == Taken::links);
      CHECK(last.ordinals == std::vector<std::uint64_t>{last_admitted});
      CHECK(cursor.take(3, later).value() == Taken::window_full);
      CHECK(later.links.empty());
      if (!in_round) continue;
      world.log->deliver(0, 1, 1);
      REQUIRE(cursor.take(3, later).value() == Taken::links);
      CHECK(later.ordinals == std::vector<std::uint64_t>{window + 1});
    }
  }

  TEST_CASE("an empty plan is at its end") {
    World world(0);
    PlanCursor cursor(*world.plan, *world.log);
    Batch batch;
    CHECK(cursor.take(1, batch).value() == Taken::end);
    CHECK(cursor.take_parked(batch).value() == Taken::end);
  }

  TEST_CASE("a round takes the links of its list only, over many blocks, and passes the rest") {
    constexpr std::uint64_t links = 40'000;
    World world(links, 60);
    REQUIRE(world.plan->blocks() > 2);
    // Settle round 0 whole.
    PlanCursor first(*world.plan, *world.log);
    Batch batch;
    while (first.take(2'000, batch).value() == Taken::links) {
      for (const auto ordinal : batch.ordinals)
        world.log->deliver(ordinal, 1, 1);
      first.release(batch);
    }
    const std::vector<std::uint64_t> wanted{3, 4, 5, 20'000, links - 1};
    REQUIRE(world.log->begin_round(wanted.size(), links));
    world.log->saved(links);
    first.begin_round(wanted);
    std::vector<std::uint64_t> taken;
    while (first.take(2, batch).value() == Taken::links) {
      CHECK(batch.links.size() <= 2);
      const PlanSketch sketch{.id_bytes = 60};
      for (std::size_t i = 0; i < batch.links.size(); ++i) {
        CHECK(batch.links[i].anon == sketch.anon(batch.ordinals[i]));
        taken.push_back(batch.ordinals[i]);
        if (batch.ordinals[i] == 4) {
          world.log->park(4, 9);
        } else {
          world.log->deliver(batch.ordinals[i], 1, 1);
        }
      }
      first.release(batch);
    }
    CHECK(taken == wanted);
    CHECK(world.log->ledger().at_end());
    REQUIRE(first.take_parked(batch).value() == Taken::links);
    CHECK(batch.ordinals == std::vector<std::uint64_t>{4});
    world.log->deliver(4, 1, 10);
    first.release(batch);
    CHECK(first.take_parked(batch).value() == Taken::end);
    CHECK(world.log->ledger().is_done());
    CHECK(world.log->ledger().passed() == links - wanted.size());
  }

  TEST_CASE("a round that is resumed leaves out what is settled in it") {
    World world(100);
    for (const auto ordinal : sendable(100))
      world.log->deliver(ordinal, 1, 1);
    world.log->pass(0, 100);
    REQUIRE(world.log->begin_round(3, 100));
    world.log->saved(100);
    world.log->deliver(50, 1, 1);
    PlanCursor cursor(*world.plan, *world.log);
    cursor.begin_round({10, 50, 99});
    Batch batch;
    std::vector<std::uint64_t> taken;
    while (cursor.take(1, batch).value() == Taken::links) {
      taken.push_back(batch.ordinals[0]);
      world.log->deliver(batch.ordinals[0], 1, 1);
      cursor.release(batch);
    }
    CHECK(taken == std::vector<std::uint64_t>{10, 99});
    CHECK(world.log->ledger().is_done());
  }

  TEST_CASE("no more links than asked for are settled, over all runs, those under way counted") {
    World world(100);
    {
      PlanCursor cursor(*world.plan, *world.log);
      cursor.settle_at_most(5);
      Batch one, two, three;
      REQUIRE(cursor.take(3, one).value() == Taken::links);
      REQUIRE(cursor.take(3, two).value() == Taken::links);
      CHECK(one.links.size() == 3);
      CHECK(two.links.size() == 2);
      CHECK(cursor.take(3, three).value() == Taken::window_full);
      // A link that is put aside is not settled: another one takes its place.
      world.log->park(one.ordinals[0], 9);
      REQUIRE(cursor.take(3, three).value() == Taken::links);
      CHECK(three.links.size() == 1);
      for (const auto ordinal :
           {one.ordinals[1], one.ordinals[2], two.ordinals[0], two.ordinals[1]})
        world.log->deliver(ordinal, 1, 1);
      CHECK(cursor.take(3, one = {}).value() == Taken::window_full);
      world.log->refuse(three.ordinals[0], 1, "{}");
      CHECK(cursor.take(3, one).value() == Taken::enough);
    }
    PlanCursor later(*world.plan, *world.log);
    later.settle_at_most(5);
    Batch batch;
    CHECK(later.take(3, batch).value() == Taken::enough);
    later.settle_at_most(6);
    REQUIRE(later.take(3, batch).value() == Taken::links);
    CHECK(batch.links.size() == 1);
  }

  TEST_CASE("a parked link is not tried again beyond what may be settled") {
    World world(10);
    PlanCursor cursor(*world.plan, *world.log);
    Batch batch;
    REQUIRE(cursor.take(100, batch).value() == Taken::links);
    const auto ordinals = batch.ordinals;
    world.log->park(ordinals[0], 9);
    for (std::size_t i = 1; i < ordinals.size(); ++i)
      world.log->deliver(ordinals[i], 1, 1);
    cursor.release(batch);
    REQUIRE(cursor.take(100, batch).value() == Taken::end);
    cursor.settle_at_most(ordinals.size() - 1);
    CHECK(cursor.take_parked(batch).value() == Taken::enough);
    cursor.settle_at_most(ordinals.size());
    REQUIRE(cursor.take_parked(batch).value() == Taken::links);
    CHECK(batch.ordinals == std::vector<std::uint64_t>{ordinals[0]});
  }
}
