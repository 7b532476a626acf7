// SPDX-License-Identifier: MIT
#include "send/spares.hpp"

#include <algorithm>
#include <functional>
#include <random>
#include <set>
#include <vector>

#include <doctest/doctest.h>

#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::plan;
using namespace idmerge::send;

namespace {

/// What the service will say of a link.
struct Trial {
  SpareLink link;
  bool would_be_refused = false;
};

/// The connected pairs of ids, by closure over a matrix: nothing of union-find in it.
class Reach {
 public:
  explicit Reach(std::size_t ids) : ids_(ids), cells_(ids * ids) {
    for (std::size_t i = 0; i < ids; ++i)
      cells_[i * ids + i] = true;
  }
  bool has(std::size_t a, std::size_t b) const { return cells_[a * ids_ + b]; }
  void add(std::size_t a, std::size_t b) {
    const auto before = cells_;
    for (std::size_t x = 0; x < ids_; ++x) {
      for (std::size_t y = 0; y < ids_; ++y) {
        if ((before[x * ids_ + a] && before[b * ids_ + y]) ||
            (before[x * ids_ + b] && before[a * ids_ + y])) {
          cells_[x * ids_ + y] = true;
        }
      }
    }
  }
  bool operator==(const Reach&) const = default;

 private:
  std::size_t ids_;
  std::vector<bool> cells_;
};

/// Links in an order, judged as the census does: the first to connect is sent, others are spares.
std::vector<Trial> judged(std::size_t ids, const std::vector<std::pair<IdNumber, IdNumber>>& pairs,
                          const std::function<bool()>& is_refused) {
  std::vector<Trial> trials;
  Reach reach(ids);
  std::uint64_t ordinal = 5;
  for (const auto& [a, b] : pairs) {
    trials.push_back({{ordinal, a, b, reach.has(a, b), false}, is_refused()});
    reach.add(a, b);
    ordinal += 3;
  }
  return trials;
}

std::vector<SpareLink> links_of(const std::vector<Trial>& trials) {
  std::vector<SpareLink> links;
  for (const auto& trial : trials)
    links.push_back(trial.link);
  return links;
}

Trial& find(std::vector<Trial>& trials, std::uint64_t ordinal) {
  const auto found = std::find_if(trials.begin(), trials.end(),
                                  [&](const Trial& t) { return t.link.ordinal == ordinal; });
  REQUIRE(found != trials.end());
  return *found;
}

/// Play all rounds against the service and compare with the best that was possible.
void play(std::size_t ids, std::vector<Trial> trials, std::mt19937_64& random) {
  Reach best(ids);
  Reach delivered(ids);
  bool any_refused = false;
  for (auto& trial : trials) {
    if (!trial.would_be_refused) best.add(trial.link.a, trial.link.b);
    if (trial.link.is_spare) continue;
    trial.link.refused = trial.would_be_refused;
    any_refused = any_refused || trial.link.refused;
    if (!trial.link.refused) delivered.add(trial.link.a, trial.link.b);
  }
  std::set<std::uint64_t> sent;
  for (std::uint64_t round = 1;; ++round) {
    const auto chosen = spares_of_round(links_of(trials), ids, round);
    CHECK(std::is_sorted(chosen.begin(), chosen.end()));
    if (!any_refused) CHECK(chosen.empty());
    if (chosen.empty()) break;
    auto hoped = delivered;
    for (const auto ordinal : chosen) {
      auto& trial = find(trials, ordinal);
      CHECK(trial.link.is_spare);
      CHECK(sent.insert(ordinal).second);
      CHECK_FALSE(hoped.has(trial.link.a, trial.link.b));
      hoped.add(trial.link.a, trial.link.b);
    }
    // The answers come in any order, and a kill between any two of them must not change the list.
    auto answers = chosen;
    std::shuffle(answers.begin(), answers.end(), random);
    for (const auto ordinal : answers) {
      auto& trial = find(trials, ordinal);
      trial.link.refused = trial.would_be_refused;
      if (!trial.link.refused) delivered.add(trial.link.a, trial.link.b);
      CHECK(spares_of_round(links_of(trials), ids, round) == chosen);
    }
  }
  CHECK(delivered == best);
}

}  // namespace

TEST_SUITE("send/spares") {
  TEST_CASE("a ring whose link was refused is closed from the other side") {
    std::vector<SpareLink> ring{{0, 0, 1, false, false},
                                {1, 1, 2, false, true},
                                {2, 2, 3, false, false},
                                {3, 3, 0, true, false}};
    CHECK(spares_of_round(ring, 4, 1) == std::vector<std::uint64_t>{3});
    CHECK(spares_of_round(ring, 4, 2).empty());
    ring[3].refused = true;
    CHECK(spares_of_round(ring, 4, 1) == std::vector<std::uint64_t>{3});
    CHECK(spares_of_round(ring, 4, 2).empty());
  }

  TEST_CASE("nothing is sent without a refusal, or without a spare") {
    const std::vector<SpareLink> fine{{0, 0, 1, false, false}, {1, 1, 0, true, false}};
    CHECK(spares_of_round(fine, 2, 1).empty());
    const std::vector<SpareLink> bare{{0, 0, 1, false, true}};
    CHECK(spares_of_round(bare, 2, 1).empty());
    CHECK(spares_of_round({}, 0, 1).empty());
  }

  TEST_CASE("a refused spare is replaced by the next, round by round") {
    std::vector<SpareLink> links{{0, 0, 1, false, true},
                                 {1, 0, 1, true, true},
                                 {2, 0, 1, true, true},
                                 {3, 0, 1, true, false},
                                 {4, 0, 1, true, false}};
    CHECK(spares_of_round(links, 2, 1) == std::vector<std::uint64_t>{1});
    CHECK(spares_of_round(links, 2, 2) == std::vector<std::uint64_t>{2});
    CHECK(spares_of_round(links, 2, 3) == std::vector<std::uint64_t>{3});
    CHECK(spares_of_round(links, 2, 4).empty());
  }

  TEST_CASE("of any graph, as much is connected as the service allows") {
    std::mt19937_64 random(testing::seed());
    for (int i = 0; i < 400; ++i) {
      const auto ids = std::uniform_int_distribution<std::size_t>(1, 12)(random);
      const auto count = std::uniform_int_distribution<std::size_t>(0, 40)(random);
      std::uniform_int_distribution<IdNumber> id(0, static_cast<IdNumber>(ids - 1));
      std::vector<std::pair<IdNumber, IdNumber>> pairs;
      for (std::size_t n = 0; n < count; ++n)
        pairs.emplace_back(id(random), id(random));
      std::bernoulli_distribution refused(std::uniform_real_distribution<>(0, 1)(random));
      play(ids, judged(ids, pairs, [&] { return refused(random); }), random);
    }
  }

  TEST_CASE("a clique survives as long as one path does") {
    std::mt19937_64 random(testing::seed());
    constexpr IdNumber ids = 10;
    std::vector<std::pair<IdNumber, IdNumber>> pairs;
    for (IdNumber a = 0; a < ids; ++a) {
      for (IdNumber b = a + 1; b < ids; ++b)
        pairs.emplace_back(a, b);
    }
    for (int i = 0; i < 40; ++i) {
      std::shuffle(pairs.begin(), pairs.end(), random);
      std::bernoulli_distribution refused(i / 40.0);
      play(ids, judged(ids, pairs, [&] { return refused(random); }), random);
    }
    play(ids, judged(ids, pairs, [] { return true; }), random);
  }
}
