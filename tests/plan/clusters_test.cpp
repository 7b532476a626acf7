// SPDX-License-Identifier: MIT
#include "plan/clusters.hpp"

#include <vector>

#include <doctest/doctest.h>

using namespace idmerge;
using namespace idmerge::input;
using namespace idmerge::plan;

namespace {

std::vector<Clusters::Place> place_all(Clusters& clusters, const std::vector<ClaimedLink>& links) {
  for (const auto& link : links)
    clusters.connect(link);
  std::vector<Clusters::Place> places;
  for (const auto& link : links)
    places.push_back(clusters.place(link));
  return places;
}

}  // namespace

TEST_SUITE("plan/clusters") {
  TEST_CASE("stars are counted without looking at anonymous ids") {
    const std::vector<ClaimedLink> links{
        {.user = 1}, {.user = 0}, {.user = 1, .verdict = Verdict::conflict}, {.user = 1}};
    Clusters clusters({}, {.ids = 2, .links = 4, .only_stars = true});
    const auto places = place_all(clusters, links);
    CHECK(places[0].component == 0);
    CHECK(places[1].component == 1);
    CHECK(places[2].component == no_component);
    CHECK(places[3].component == 0);
    PlanSummary report;
    clusters.report(report);
    CHECK(report.clusters == 2);
    CHECK(report.sendable() == 3);
    REQUIRE(report.largest.size() == 2);
    CHECK(report.largest[0].ids == 3);
    CHECK(report.examples == std::vector<std::uint64_t>{0, 1, 3});
    CHECK(report.anons_per_user_max == 2);
  }

  TEST_CASE("a cluster of exactly the cap goes, one id more is held whole") {
    for (const bool only_stars : {true, false}) {
      for (const IdNumber anons : {3U, 4U}) {
        CAPTURE(only_stars);
        CAPTURE(anons);
        std::vector<ClaimedLink> links;
        for (IdNumber anon = 1; anon <= anons; ++anon)
          links.push_back({.anon = anon, .user = 0});
        Clusters clusters({.max_cluster = 4},
                          {.ids = 5, .links = links.size(), .only_stars = only_stars});
        for (const auto& place : place_all(clusters, links))
          CHECK(place.verdict == (anons == 3 ? Verdict::send : Verdict::oversize));
      }
    }
  }

  TEST_CASE("a user is a hub from the hundred and first anonymous id on") {
    for (const IdNumber anons : {100U, 101U}) {
      std::vector<ClaimedLink> links;
      for (IdNumber anon = 1; anon <= anons; ++anon)
        links.push_back({.anon = anon, .user = 0});
      Clusters clusters({}, {.ids = 102, .links = links.size(), .only_stars = true});
      place_all(clusters, links);
      PlanSummary report;
      clusters.report(report);
      CHECK(report.hubs == anons - 100);
    }
  }

  TEST_CASE("a merge is redundant only by merges, when there are other operations") {
    std::vector<ClaimedLink> links{
        {0, 1, Op::create}, {1, 2, Op::merge}, {0, 2, Op::merge}, {1, 0, Op::merge}};
    Clusters clusters({}, {.ids = 3, .links = 4, .several_ops = true});
    auto places = place_all(clusters, links);
    CHECK(places[2].verdict == Verdict::send);
    CHECK(places[3].verdict == Verdict::spare);
    CHECK(places[3].component == 0);
    Clusters capped({.max_cluster = 2}, {.ids = 3, .links = 4, .several_ops = true});
    places = place_all(capped, links);
    CHECK(places[3].verdict == Verdict::oversize);
    CHECK(places[3].component == no_component);
  }
}
