// SPDX-License-Identifier: MIT
#include "send/spare_rounds.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "plan/planner.hpp"

#include "support/scratch.hpp"
#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::io;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using idmerge::testing::Scratch;

namespace {

bool go_on() {
  return false;
}

/// A plan of merges between ids 0..n-1, unsided.
struct Merges {
  Merges(const std::vector<std::pair<int, int>>& pairs, std::size_t padding = 0) {
    std::string text = "a,b\n";
    for (const auto& [a, b] : pairs)
      text += id(a, padding) + "," + id(b, padding) + "\n";
    PlanOptions options;
    options.row_reader.inputs = {scratch.write("pairs.csv", text)};
    options.row_reader.op = Op::merge;
    options.row_reader.id_fields = "a,b";
    options.resolver.max_cluster = 0;
    const auto made = make_plan(options, scratch.path("job"), files, progress);
    REQUIRE_MESSAGE(made, made);
    auto opened = PlanReader::open(files, scratch.path("job/plan"));
    REQUIRE(opened);
    plan.emplace(std::move(*opened));
    PlanBlock block;
    for (std::size_t i = 0; i < plan->blocks(); ++i) {
      REQUIRE(plan->read_block(i, block));
      for (std::size_t n = 0; n < block.links.size(); ++n) {
        links.emplace_back(std::string(block.links[n].anon), std::string(block.links[n].user));
        verdicts.push_back(block.verdicts[n]);
      }
    }
  }

  static std::string id(int number, std::size_t padding) {
    return "id" + std::to_string(number) + std::string(padding, '-');
  }

  /// How ids are connected by some links: the smallest member of each one's cluster.
  std::map<std::string, std::string> clusters(const std::set<std::uint64_t>& of) const {
    std::map<std::string, std::set<std::string>> neighbours;
    for (std::size_t i = 0; i < links.size(); ++i) {
      neighbours[links[i].first];
      neighbours[links[i].second];
      if (!of.contains(i)) continue;
      neighbours[links[i].first].insert(links[i].second);
      neighbours[links[i].second].insert(links[i].first);
    }
    std::map<std::string, std::string> smallest;
    for (const auto& [start, unused] : neighbours) {
      if (smallest.contains(start)) continue;
      std::vector<std::string> open{start};
      while (!open.empty()) {
        const auto at = open.back();
        open.pop_back();
        if (!smallest.emplace(at, start).second) continue;
        open.insert(open.end(), neighbours[at].begin(), neighbours[at].end());
      }
    }
    return smallest;
  }

  Scratch scratch;
  RealFiles files;
  Progress progress;
  std::optional<PlanReader> plan;
  std::vector<std::pair<std::string, std::string>> links;
  std::vector<Verdict> verdicts;
};

std::vector<std::pair<int, int>> random_pairs(std::mt19937_64& random, int groups, int size,
                                              int count) {
  std::vector<std::pair<int, int>> pairs;
  std::uniform_int_distribution<int> group(0, groups - 1);
  std::uniform_int_distribution<int> member(0, size - 1);
  for (int i = 0; i < count; ++i) {
    const auto base = group(random) * size;
    const auto a = base + member(random);
    const auto b = base + member(random);
    if (a != b) pairs.emplace_back(a, b);
  }
  return pairs;
}

}  // namespace

TEST_SUITE("send/spare_rounds") {
  TEST_CASE("a plan of many clusters is connected as well as the service allows") {
    std::mt19937_64 random(testing::seed());
    for (const std::size_t padding : {0U, 90U}) {  // one block, several
      const Merges merges(random_pairs(random, 800, 8, 16'000), padding);
      CHECK((padding == 0 || merges.plan->blocks() > 1));
      std::bernoulli_distribution lot(0.2);
      std::set<std::uint64_t> acceptable;
      std::set<std::uint64_t> delivered;
      std::vector<std::uint64_t> refused;
      for (std::uint64_t i = 0; i < merges.links.size(); ++i) {
        const bool accepts = !lot(random);
        if (accepts) acceptable.insert(i);
        if (merges.verdicts[i] != Verdict::send) continue;
        if (accepts) {
          delivered.insert(i);
        } else {
          refused.push_back(i);
        }
      }
      std::uint64_t round = 1;
      for (;; ++round) {
        const auto spares = find_spares(*merges.plan, refused, round, go_on);
        REQUIRE_MESSAGE(spares, spares);
        // However little memory there is, the answer is the same.
        CHECK(*find_spares(*merges.plan, refused, round, go_on, 200) == *spares);
        if (spares->empty()) break;
        for (const auto ordinal : *spares) {
          CHECK(merges.verdicts[ordinal] == Verdict::spare);
          CHECK(!delivered.contains(ordinal));
          if (acceptable.contains(ordinal)) {
            delivered.insert(ordinal);
          } else {
            refused.push_back(ordinal);
          }
        }
        std::sort(refused.begin(), refused.end());
        CHECK(*find_spares(*merges.plan, refused, round, go_on) == *spares);
      }
      CHECK(round > 2);
      CHECK(merges.clusters(delivered) == merges.clusters(acceptable));
    }
  }

  TEST_CASE("without a refusal, or without a spare, there is nothing to find") {
    const Merges ring({{0, 1}, {1, 2}, {2, 0}, {5, 6}});
    CHECK(find_spares(*ring.plan, {}, 1, go_on)->empty());
    CHECK(find_spares(*ring.plan, {3}, 1, go_on)->empty());
    CHECK(*find_spares(*ring.plan, {0}, 1, go_on) == std::vector<std::uint64_t>{2});
  }

  TEST_CASE("it ends when asked to, and believes no letter about a link that is not there") {
    const Merges ring({{0, 1}, {1, 2}, {2, 0}});
    const auto stopped = find_spares(*ring.plan, {0}, 1, [] { return true; });
    REQUIRE(!stopped);
    CHECK(stopped.error().code == Errc::interrupted);
    const auto wrong = find_spares(*ring.plan, {3}, 1, go_on);
    REQUIRE(!wrong);
    CHECK(wrong.error().code == Errc::input);
  }
}
