// SPDX-License-Identifier: MIT
#include "emulator/request_stats.hpp"

#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

#include "support/seed.hpp"

using namespace idmerge;
using namespace idmerge::emulator;
using namespace idmerge::input;
using std::chrono::milliseconds;

TEST_SUITE("emulator/request_stats") {
  TEST_CASE("the busiest second is the fullest window, wherever it begins") {
    std::mt19937_64 random{idmerge::testing::seed()};
    for (int round = 0; round < 50; ++round) {
      BusiestSecond busiest;
      std::vector<std::int64_t> at_ms;
      std::int64_t now_ms = 0;
      for (int i = 0; i < 200; ++i) {
        now_ms += static_cast<std::int64_t>(random() % 40);
        if (random() % 20 == 0) now_ms += 700;
        at_ms.push_back(now_ms);
        busiest.add(3, BusiestSecond::Instant{milliseconds{now_ms}});
      }
      std::uint64_t most = 0;
      for (const auto first : at_ms) {
        const auto within = std::count_if(at_ms.begin(), at_ms.end(), [&](std::int64_t at) {
          return at >= first && at < first + 1000;
        });
        most = std::max(most, static_cast<std::uint64_t>(within) * 3);
      }
      CHECK(busiest.most() == most);
    }
  }

  TEST_CASE("what a full second apart is not within one") {
    BusiestSecond busiest;
    busiest.add(1, BusiestSecond::Instant{milliseconds{0}});
    busiest.add(1, BusiestSecond::Instant{milliseconds{1000}});
    CHECK(busiest.most() == 1);
    busiest.add(1, BusiestSecond::Instant{milliseconds{1999}});
    CHECK(busiest.most() == 2);
  }

  TEST_CASE("the counts are printed under the names that the header promises") {
    RequestStats request_stats{1};
    IdentityGraph graph;
    request_stats.count_arrival(1, RequestStats::Instant{milliseconds{100}});
    request_stats.count_arrival(1, RequestStats::Instant{milliseconds{600}});
    request_stats.count_ruling(Op::alias, graph.link(Op::alias, "a", "b"));
    request_stats.count_ruling(Op::create, graph.link(Op::create, "a", "a"));
    request_stats.count_status(200);
    request_stats.count_mishap(0, true);
    request_stats.count_unanswered();
    CHECK(
        request_stats.json(graph, parse_risks("reset:0.5").value(), 2.5) ==
        R"({"requests":2,"offered_links":2,"accepted_links":1,"distinct_links":1,)"
        R"("repeated_links":0,"imported_events":0,"distinct_events":0,"by_operation":{"create":0,"alias":1,"merge":0},)"
        R"("by_status":{"200":1},"unanswered":1,"malformed":0,"refused":{"errSameIDs":1},)"
        R"("injected":{"reset":{"before":0,"after":1}},"busiest_second_links":2,)"
        R"("busiest_second_requests":2,"ids":2,"clusters":1,"largest_cluster":2,)"
        R"("links_per_s":2.0,"seconds":0.500000,"uptime_s":2.500000})");
  }
}
