// SPDX-License-Identifier: MIT
#include "send/ledger.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include <doctest/doctest.h>

#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::send;

namespace {

/// A ledger as a child would write it.
struct Model {
  std::uint64_t links = 0;
  std::map<std::uint64_t, char> outcomes;  // d, r, p(assed), k (parked), o (reopened)
  std::uint64_t watermark() const {
    std::uint64_t at = 0;
    while (outcomes.contains(at))
      ++at;
    return at;
  }
};

void check_same(const Ledger& ledger, const Model& model) {
  const auto count = [&](char outcome) {
    return static_cast<std::uint64_t>(
        std::count_if(model.outcomes.begin(), model.outcomes.end(),
                      [&](const auto& entry) { return entry.second == outcome; }));
  };
  REQUIRE(ledger.watermark() == model.watermark());
  CHECK(ledger.delivered() == count('d'));
  CHECK(ledger.refused() == count('r'));
  CHECK(ledger.passed() == count('p'));
  CHECK(ledger.parked().size() == count('k'));
  CHECK(ledger.reopened().size() == count('o'));
  CHECK(ledger.pending() == model.links - count('d') - count('r') - count('p'));
  std::set<std::uint64_t> above;
  std::uint64_t last_end = 0;
  for (const auto& range : ledger.ranges_above()) {
    CHECK(range.first > std::max(ledger.watermark(), last_end));
    CHECK(range.count > 0);
    for (std::uint64_t i = 0; i < range.count; ++i)
      above.insert(range.first + i);
    last_end = range.first + range.count;
  }
  for (std::uint64_t i = 0; i < model.links; ++i) {
    const auto found = model.outcomes.find(i);
    const bool is_known = found != model.outcomes.end();
    const bool waits = is_known && (found->second == 'k' || found->second == 'o');
    if (ledger.is_settled(i) != (is_known && !waits)) FAIL("settled: link ", i);
    if (ledger.is_parked(i) != (is_known && found->second == 'k')) FAIL("parked: link ", i);
    if (above.contains(i) != (is_known && i > model.watermark())) FAIL("above: link ", i);
  }
}

/// Do something at random that is allowed, near the watermark.
void act(Ledger& ledger, Model& model, std::mt19937_64& random, std::uint64_t spread) {
  const auto ordinal =
      random() % 4 == 0
          ? random() % (ledger.watermark() + 1)
          : std::min(model.links - 1, ledger.watermark() + random() % spread * (random() % 3));
  const auto found = model.outcomes.find(ordinal);
  if (found != model.outcomes.end() && found->second != 'k' && found->second != 'o') {
    if (found->second == 'p' || random() % 2 == 0) {
      ledger.pass(ordinal);  // changes nothing
    } else {
      ledger.reopen(ordinal, found->second == 'r' ? Settled::refused : Settled::delivered);
      found->second = 'o';
    }
    return;
  }
  switch (random() % 5) {
    case 0:
      ledger.refuse(ordinal);
      model.outcomes[ordinal] = 'r';
      return;
    case 1:
      if (found != model.outcomes.end()) return;
      ledger.pass(ordinal);
      model.outcomes[ordinal] = 'p';
      return;
    case 2:
      ledger.park(ordinal, 10);
      model.outcomes[ordinal] = 'k';
      return;
    default:
      ledger.deliver(ordinal);
      model.outcomes[ordinal] = 'd';
  }
}

Ledger with(std::uint64_t links, std::initializer_list<std::uint64_t> delivered) {
  Ledger ledger(links);
  for (const auto ordinal : delivered)
    ledger.deliver(ordinal);
  return ledger;
}

}  // namespace

TEST_SUITE("send/ledger") {
  TEST_CASE("the watermark waits for the link that is missing") {
    auto ledger = with(10, {0, 1, 3, 4, 7});
    CHECK(ledger.watermark() == 2);
    CHECK(ledger.ranges_above() == std::vector<LinkRange>{{3, 2}, {7, 1}});
    CHECK(ledger.pending() == 5);
    ledger.refuse(2);
    CHECK(ledger.watermark() == 5);
    ledger.deliver(5, 2, true);
    CHECK(ledger.watermark() == 8);
    CHECK(ledger.ambiguous() == 2);
    ledger.pass(0, 10);
    CHECK(ledger.at_end());
    CHECK(ledger.passed() == 2);
    CHECK(ledger.delivered() == 7);
    CHECK(ledger.refused() == 1);
    CHECK(ledger.pending() == 0);
  }

  TEST_CASE("a parked link is pending, and holds nothing up") {
    auto ledger = with(3, {1});
    ledger.park(0, 10);
    CHECK(ledger.watermark() == 2);
    CHECK(ledger.pending() == 2);
    CHECK_FALSE(ledger.is_settled(0));
    ledger.park(0, 20);
    CHECK(ledger.parked().at(0) == 20);
    ledger.deliver(0);
    CHECK(ledger.is_settled(0));
    CHECK(ledger.parked().empty());
    CHECK(ledger.pending() == 1);
    ledger.pass(2);
    CHECK(ledger.at_end());
  }

  TEST_CASE("a reopened link is pending, holds nothing up, and gets another fate") {
    auto ledger = with(6, {0, 1, 3});
    ledger.refuse(2);
    ledger.deliver(4, 1, true);
    ledger.reopen(0, Settled::delivered);
    ledger.reopen(2, Settled::refused);
    ledger.reopen(4, Settled::ambiguous);
    CHECK(ledger.watermark() == 5);
    CHECK(ledger.pending() == 4);
    CHECK(ledger.delivered() == 2);
    CHECK(ledger.refused() == 0);
    CHECK(ledger.ambiguous() == 0);
    CHECK_FALSE(ledger.is_settled(2));
    CHECK(ledger.state().reopened == std::vector<LinkRange>{{0, 1}, {2, 1}, {4, 1}});
    ledger.deliver(5);
    CHECK(ledger.at_end());
    CHECK_FALSE(ledger.is_done());
    ledger.deliver(2);
    ledger.refuse(0);
    CHECK(ledger.is_settled(2));
    ledger.park(4, 3);
    CHECK(ledger.reopened().empty());
    CHECK(ledger.is_parked(4));
    ledger.deliver(4);
    CHECK(ledger.is_done());
    CHECK(ledger.delivered() == 5);
    CHECK(ledger.refused() == 1);
  }

  TEST_CASE("the window moves with the watermark, over its own end and far beyond") {
    const auto window = Ledger::window_max;
    Ledger ledger(10 * window);
    CHECK(ledger.admits(window - 1));
    CHECK_FALSE(ledger.admits(window));
    ledger.deliver(1, window - 1);
    CHECK(ledger.watermark() == 0);
    CHECK(ledger.ranges_above() == std::vector<LinkRange>{{1, window - 1}});
    ledger.deliver(0);
    CHECK(ledger.watermark() == window);
    ledger.pass(window, 5 * window + 7);
    CHECK(ledger.watermark() == 6 * window + 7);
    CHECK(ledger.passed() == 5 * window + 7);
    ledger.deliver(6 * window + 9);
    CHECK(ledger.ranges_above() == std::vector<LinkRange>{{6 * window + 9, 1}});
    CHECK(ledger.admits(7 * window + 6));
    CHECK_FALSE(ledger.admits(7 * window + 7));
  }

  TEST_CASE("random answers: as a plain map of fates says, also after a restart at any moment") {
    std::mt19937_64 random(testing::seed());
    for (int round = 0; round < 60; ++round) {
      const std::uint64_t links = 1 + random() % 400;
      Model model{links, {}};
      Ledger ledger(links);
      const auto spread = 1 + random() % 90;
      for (int i = 0; i < 300; ++i) {
        if (!ledger.at_end()) act(ledger, model, random, spread);
        if (random() % 40 != 0) continue;
        check_same(ledger, model);
        auto again = Ledger::restore(ledger.state());
        REQUIRE_MESSAGE(again, again);
        CHECK(again->state() == ledger.state());
        ledger = std::move(*again);
        check_same(ledger, model);
      }
    }
  }

  TEST_CASE("a state that contradicts itself is refused") {
    auto ledger = with(100, {0, 1, 5, 6, 9});
    ledger.refuse(20);
    ledger.park(2, 3);
    ledger.pass(30);
    const auto good = ledger.state();
    REQUIRE(Ledger::restore(good));
    std::vector<LedgerState> bad(17, good);
    bad[0].watermark = 101;
    bad[1].above[0] = {3, 1};          // at the watermark: it would have moved
    bad[2].above[1] = {7, 1};          // adjacent: it would be one range
    bad[3].above.push_back({100, 1});  // past the end
    bad[4].above.push_back({99, 2});
    bad[5].above[0].count = 0;
    ++bad[6].delivered;
    --bad[7].passed;
    bad[8].ambiguous = 100;
    bad[9].parked = {{4, 1}};  // neither below the watermark nor in a range
    bad[10].parked = {{2, 3}, {2, 3}};
    bad[11].above[2].first = ~std::uint64_t{0};
    bad[12].links = ~std::uint64_t{0};
    bad[13].reopened = {{0, 1}};  // and yet all of them are counted
    bad[14].reopened = {{4, 1}};  // it was never settled
    bad[14].delivered -= 1;
    bad[15].reopened = {{2, 1}};  // parked
    bad[15].delivered -= 1;
    bad[16].reopened = {{99, 2}};
    bad[16].delivered -= 2;
    for (std::size_t i = 0; i < bad.size(); ++i) {
      CAPTURE(i);
      const auto restored = Ledger::restore(bad[i]);
      REQUIRE_FALSE(restored);
      CHECK(restored.error().code == Errc::input);
    }
    LedgerState far{.links = Ledger::links_max,
                    .watermark = 5,
                    .above = {},
                    .parked = {},
                    .delivered = 6,
                    .refused = 0,
                    .ambiguous = 0,
                    .passed = 0};
    far.above = {{5 + Ledger::window_max - 1, 1}};
    CHECK(Ledger::restore(far));
    far.above = {{5 + Ledger::window_max, 1}};
    CHECK_FALSE(Ledger::restore(far));
  }
}
