// SPDX-License-Identifier: MIT
#include "emulator/identity_graph.hpp"

#include <map>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::emulator;
using namespace idmerge::input;

namespace {

using Names = std::vector<std::string_view>;
constexpr std::string_view uuid = "0b6f1d9c-7c1e-4b52-9d53-0f2f7c1d8a11";

IdentityGraph any_size(IdentityMode mode = IdentityMode::original) {
  return IdentityGraph{{.mode = mode, .uuid_only = false, .cluster_max = std::nullopt}};
}

/// What a reader would write without thinking of speed: relabel until everything is said.
class Naive {
 public:
  void link(const std::string& a, const std::string& b) {
    const int keep = label_.try_emplace(a, next_++).first->second;
    const int drop = label_.try_emplace(b, next_++).first->second;
    for (auto& [id, label] : label_) {
      if (label == drop) label = keep;
    }
  }
  std::set<std::set<std::string>> clusters() const {
    std::map<int, std::set<std::string>> by_label;
    for (const auto& [id, label] : label_)
      by_label[label].insert(id);
    std::set<std::set<std::string>> found;
    for (const auto& [label, ids] : by_label) {
      if (ids.size() > 1) found.insert(ids);
    }
    return found;
  }

 private:
  std::map<std::string, int> label_;
  int next_ = 0;
};

}  // namespace

TEST_SUITE("emulator/identity_graph") {
  TEST_CASE("a create links two ids, and a chain of links is one cluster") {
    IdentityGraph graph;
    CHECK(graph.cluster("a").empty());
    CHECK(graph.link(Op::create, "a", "u") == Ruling::linked);
    CHECK(graph.link(Op::merge, "u", "v") == Ruling::linked);
    CHECK(graph.link(Op::alias, "w", "v") == Ruling::linked);
    CHECK(graph.cluster("w") == Names{"a", "u", "v", "w"});
    CHECK(graph.clusters() == 1);
    CHECK(graph.ids() == 4);
    CHECK(graph.largest_cluster() == 4);
    CHECK(graph.distinct_links() == 3);
  }

  TEST_CASE("the same link again is a success that changes nothing") {
    IdentityGraph graph;
    for (const Op op : {Op::create, Op::alias, Op::merge}) {
      CHECK(graph.link(op, "a", "u") == Ruling::linked);
      CHECK(graph.link(op, "a", "u") == Ruling::repeated);
    }
    CHECK(graph.link(Op::merge, "u", "a") == Ruling::repeated);
    CHECK(graph.distinct_links() == 3);
  }

  TEST_CASE("the first user keeps the anonymous id") {
    IdentityGraph graph;
    CHECK(graph.link(Op::create, "a", "u") == Ruling::linked);
    CHECK(graph.link(Op::create, "a", "v") == Ruling::assigned_already);
    CHECK(graph.cluster("a") == Names{"a", "u"});
    CHECK(graph.cluster("v").empty());
    CHECK(graph.link(Op::create, "b", "u") == Ruling::linked);
    CHECK(graph.link(Op::merge, "a", "v") == Ruling::linked);
  }

  TEST_CASE("an alias stands for one id, while chains and fan-in are allowed") {
    IdentityGraph graph;
    CHECK(graph.link(Op::alias, "x", "a") == Ruling::linked);
    CHECK(graph.link(Op::alias, "x", "b") == Ruling::alias_exists);
    CHECK(graph.link(Op::alias, "y", "a") == Ruling::linked);
    CHECK(graph.link(Op::alias, "z", "x") == Ruling::linked);
    CHECK(graph.cluster("z") == Names{"a", "x", "y", "z"});
  }

  TEST_CASE("equal ids cannot be created, while merging them is a success without effect") {
    IdentityGraph graph;
    CHECK(graph.link(Op::create, "a", "a") == Ruling::same_ids);
    CHECK(graph.link(Op::merge, "a", "a") == Ruling::linked);
    CHECK(graph.clusters() == 0);
  }

  TEST_CASE("a cluster grows to the cap and no further, and what is refused leaves no trace") {
    IdentityGraph graph;
    for (int i = 0; i < 498; ++i)
      REQUIRE(graph.link(Op::create, "a" + std::to_string(i), "u") == Ruling::linked);
    CHECK(graph.largest_cluster() == 499);
    const std::size_t ids = graph.ids();
    CHECK(graph.link(Op::create, "late", "u") == Ruling::too_many_ids);
    CHECK(graph.cluster("late").empty());
    CHECK(graph.ids() == ids);
    CHECK(graph.link(Op::merge, "a1", "a2") == Ruling::linked);  // they are in it already
    CHECK(graph.link(Op::create, "late", "v") == Ruling::linked);
    CHECK(graph.link(Op::merge, "late", "u") == Ruling::too_many_ids);
  }

  TEST_CASE("where UUIDs are asked for, create wants five groups of hex digits") {
    IdentityGraph graph{{.mode = IdentityMode::original, .uuid_only = true, .cluster_max = 499}};
    CHECK(graph.link(Op::create, uuid, "u") == Ruling::linked);
    CHECK(graph.link(Op::create, "17d-20-C0-1f4-2a", "u") == Ruling::linked);
    for (const std::string_view id : {"anon-1", "", "a-b-c-d", "a-b-c-d-", "a-b--d-e",
                                      "a-b-c-d-e-f", "g-b-c-d-e", " a-b-c-d-e"}) {
      CAPTURE(id);
      CHECK(graph.link(Op::create, id, "u") == Ruling::not_a_guid);
    }
    CHECK(graph.link(Op::merge, "anon-1", "u") == Ruling::linked);
  }

  TEST_CASE("ids are bytes: case, spaces and look-alikes are different ids") {
    IdentityGraph graph;
    graph.link(Op::create, "a", "u");
    for (const std::string_view id : {"A", " a", "a ", "\xc3\xa1"})
      CHECK(graph.cluster(id).empty());
  }

  TEST_CASE("a legacy project knows aliases only") {
    IdentityGraphOptions options;
    options.mode = IdentityMode::legacy;
    IdentityGraph graph{options};
    for (int i = 0; i < 600; ++i)
      REQUIRE(graph.link(Op::alias, "x" + std::to_string(i), "d") == Ruling::linked);  // no cap
    CHECK(graph.link(Op::create, "a", "u") == Ruling::not_applicable);
    CHECK(graph.link(Op::merge, "a", "u") == Ruling::not_applicable);
    CHECK(graph.link(Op::alias, "a", "u") == Ruling::linked);
  }

  TEST_CASE("a simplified project gives a device to its first user and never fuses users") {
    IdentityGraph graph = any_size(IdentityMode::simplified);
    CHECK(graph.link(Op::merge, "u", "v") == Ruling::not_applicable);
    CHECK(graph.link_device("d", "u") == Ruling::linked);
    CHECK(graph.link_device("d", "u") == Ruling::repeated);
    CHECK(graph.link_device("d", "v") == Ruling::assigned_already);
    CHECK(graph.link_device("e", "u") == Ruling::linked);
    CHECK(graph.cluster("u") == Names{"$device:d", "$device:e", "u"});
    CHECK(graph.cluster("v").empty());
  }

  TEST_CASE("clusters of random links are those of a naive partition") {
    std::mt19937_64 random{idmerge::testing::seed()};
    for (int round = 0; round < 20; ++round) {
      IdentityGraph graph = any_size();
      Naive naive;
      const auto ids = 2 + random() % 400;
      const auto links = random() % 400;
      for (std::uint64_t i = 0; i < links; ++i) {
        const std::string a = "id-" + std::to_string(random() % ids);
        const std::string b = "id-" + std::to_string(random() % ids);
        REQUIRE(is_accepted(graph.link(Op::merge, a, b)));
        naive.link(a, b);
      }
      std::set<std::set<std::string>> clusters;
      std::size_t largest = 0;
      graph.for_each_cluster([&](const Names& members) {
        CHECK(std::is_sorted(members.begin(), members.end()));
        CHECK(graph.cluster(members[members.size() / 2]) == members);
        largest = std::max(largest, members.size());
        clusters.insert({members.begin(), members.end()});
      });
      CHECK(clusters == naive.clusters());
      CHECK(graph.clusters() == clusters.size());
      CHECK(graph.largest_cluster() == largest);
    }
  }

  TEST_CASE("links are listed in the order in which they were made") {
    IdentityGraph graph;
    graph.link(Op::create, "a", "u");
    graph.link(Op::create, "a", "v");
    graph.link(Op::alias, "x", "u");
    graph.link(Op::create, "a", "u");
    std::string listed;
    graph.for_each_link([&](Op op, std::string_view first, std::string_view second) {
      ((((listed += name(op)) += ' ') += first) += ' ') += second;
      listed += '\n';
    });
    CHECK(listed == "create a u\nalias x u\n");
  }

  TEST_CASE("every ruling has a name") {
    for (int i = 0; i < static_cast<int>(Ruling::count); ++i)
      CHECK(!name(static_cast<Ruling>(i)).empty());
  }
}
