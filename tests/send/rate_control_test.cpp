// SPDX-License-Identifier: MIT
#include "send/rate_control.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/flaky_files.hpp"

using namespace idmerge;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;
using namespace std::chrono_literals;
using idmerge::testing::FlakyFiles;

namespace {

const RunPaths paths{"/w"};

struct Heard : Progress {
  void note(Weight, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

struct World {
  World() {
    options.rate = Rate{500, false};
    options.burst = 50;
  }
  RateControl rate_control(std::size_t links_max = 1) {
    return {options, links_max, files, paths, heard};
  }

  SendOptions options;
  FlakyFiles files;
  Heard heard;
};

}  // namespace

TEST_SUITE("send/rate_control") {
  TEST_CASE("as typed, while nobody says anything else") {
    World world;
    auto rate_control = world.rate_control();
    for (int i = 0; i < 3; ++i)
      CHECK(rate_control.look() == Allowance{.links_per_s = 500, .burst = 50});
    CHECK(world.heard.lines.empty());
    CHECK(world.files.steps() == 0);
  }

  TEST_CASE("what is said while it runs holds from the next look on, until something else is") {
    World world;
    auto rate_control = world.rate_control();
    rate_control.look();
    REQUIRE(request_rate(world.files, paths, "20/s"));
    CHECK(rate_control.look() == Allowance{.links_per_s = 20, .burst = 50});
    REQUIRE(request_rate(world.files, paths, "30req/s"));
    CHECK(rate_control.look() == Allowance{.requests_per_s = 30, .burst = 50});
    REQUIRE(request_rate(world.files, paths, "pause"));
    CHECK(rate_control.look().paused);
    REQUIRE(request_rate(world.files, paths, "0"));
    CHECK(rate_control.look() == Allowance{.burst = 50});
    REQUIRE(world.files.remove(paths.rate()));
    CHECK(rate_control.look() == Allowance{.links_per_s = 500, .burst = 50});
    CHECK(world.heard.lines ==
          std::vector<std::string>{"rate: 20/s from now on", "rate: 30req/s from now on",
                                   "rate: nothing is sent from now on",
                                   "rate: no limit from now on", "rate: 500/s from now on"});
  }

  TEST_CASE("it outlives the process, unless the next one is given a rate of its own") {
    World world;
    REQUIRE(request_rate(world.files, paths, "20/s"));
    CHECK(world.rate_control().look().links_per_s == 20);
    CHECK(world.heard.lines.empty());  // it was so from the start
    world.options.rate_is_given = true;
    CHECK(world.rate_control().look().links_per_s == 500);
    CHECK(!world.files.exists(paths.rate()));
    world.options.rate_is_given = false;
    CHECK(world.rate_control().look().links_per_s == 500);
  }

  TEST_CASE("a word that cannot be taken away does not hold either") {
    World world;
    REQUIRE(request_rate(world.files, paths, "20/s"));
    world.options.rate_is_given = true;
    world.files.harm(0, testing::Harm::fail);
    auto rate_control = world.rate_control();
    CHECK(world.heard.lines.size() == 1);
    CHECK(rate_control.look().links_per_s == 500);
    REQUIRE(request_rate(world.files, paths, "40/s"));
    CHECK(rate_control.look().links_per_s == 40);
  }

  TEST_CASE("what is no rate is not written, and found written it changes nothing") {
    World world;
    const auto wrong = request_rate(world.files, paths, "fast");
    REQUIRE(!wrong);
    CHECK(wrong.error().code == Errc::usage);
    const auto too_long = request_rate(world.files, paths, "08:00,30/s" + std::string(16'374, ' '));
    REQUIRE(!too_long);  // it would not be read
    CHECK(too_long.error().what == "is longer than 16384 bytes: shorten it");
    CHECK(!world.files.exists(paths.rate()));
    auto rate_control = world.rate_control();
    REQUIRE(request_rate(world.files, paths, "08:00,30/s" + std::string(16'373, ' ')));
    CHECK(rate_control.look().links_per_s == 30);
    REQUIRE(request_rate(world.files, paths, "20/s"));
    CHECK(rate_control.look().links_per_s == 20);
    world.heard.lines.clear();
    for (const std::string& text :
         {std::string("fast\n"), std::string(), std::string(20'000, '1')}) {
      REQUIRE(world.files.replace(paths.rate(), text));
      CHECK(rate_control.look().links_per_s == 20);
      rate_control.look();
    }
    REQUIRE(world.heard.lines.size() == 3);  // once for each
    CHECK(world.heard.lines[0].find("the rate stays as it is") != std::string::npos);
  }

  TEST_CASE("what was said last can be read beside a run, its words and its table") {
    World world;
    const auto none = requested_rate(world.files, paths);
    REQUIRE(none);
    CHECK(!none->has_value());
    REQUIRE(request_rate(world.files, paths, "08:00,20/s 19:00,pause"));
    const auto requested = requested_rate(world.files, paths);
    REQUIRE(requested);
    REQUIRE(requested->has_value());
    CHECK((*requested)->words == "08:00,20/s 19:00,pause");
    CHECK((*requested)->table.at(9h).rate == Rate{20, false});
    CHECK((*requested)->table.at(20h).paused);
    REQUIRE(world.files.replace(paths.rate(), "fast\n"));
    const auto broken = requested_rate(world.files, paths);
    REQUIRE(!broken);
    CHECK(broken.error().what.starts_with(paths.rate() + ": "));
    REQUIRE(world.files.remove(paths.rate()));
    REQUIRE(world.files.make_dir(paths.rate()));
    CHECK(!requested_rate(world.files, paths));
  }

  TEST_CASE("a timetable is asked at every look, and the burst follows the rate if it may") {
    World world;
    WeekTime now = 7h;
    world.options.week_clock = [&] { return now; };
    world.options.rate = RateSchedule::parse("08:00,20/s 19:00,2000/s").value();
    world.options.burst.reset();
    auto rate_control = world.rate_control(5);
    CHECK(rate_control.look() == Allowance{.links_per_s = 2'000, .burst = 200});
    now = 8h - 1s;
    CHECK(rate_control.look().links_per_s == 2'000);
    CHECK(world.heard.lines.empty());
    now = 8h;
    CHECK(rate_control.look() == Allowance{.links_per_s = 20, .burst = 5});  // at least a request
    world.options.rate = Rate{30, true};
    CHECK(rate_control.look() == Allowance{.requests_per_s = 30, .burst = 5});
    world.options.rate = RateSchedule::parse("08:00,20/s 19:00,2000/s").value();
    rate_control.look();
    world.heard.lines.erase(world.heard.lines.begin() + 1, world.heard.lines.end());
    CHECK(world.heard.lines == std::vector<std::string>{"rate: 20/s from now on"});
    REQUIRE(request_rate(world.files, paths, "08:00,pause 09:00,7/s"));
    CHECK(rate_control.look().paused);
    now = 9h;
    CHECK(rate_control.look().links_per_s == 7);
  }

  TEST_CASE("a limit of bytes holds at every hour, whatever somebody says of the rate") {
    World world;
    world.options.rate_bytes = 2e6;
    auto rate_control = world.rate_control();
    CHECK(rate_control.look() == Allowance{.links_per_s = 500, .bytes_per_s = 2e6, .burst = 50});
    REQUIRE(request_rate(world.files, paths, "30req/s"));
    CHECK(rate_control.look() == Allowance{.requests_per_s = 30, .bytes_per_s = 2e6, .burst = 50});
  }

  TEST_CASE("by which local time a timetable is read is said once, and only of a timetable") {
    World world;
    auto rate_control = world.rate_control();
    rate_control.look();
    CHECK(world.heard.lines.empty());
    for (const auto* always : {"pause", "20/s", "08:00,20/s 19:00,20/s"}) {
      REQUIRE(request_rate(world.files, paths, always));
      rate_control.look();
    }
    for (const auto& line : world.heard.lines)
      CHECK_FALSE(line.starts_with("rate: by local time "));
    REQUIRE(request_rate(world.files, paths, "08:00,20/s 19:00,30/s"));
    rate_control.look();
    rate_control.look();
    std::size_t requested = 0;
    for (const auto& line : world.heard.lines)
      requested += line.starts_with("rate: by local time ") ? 1 : 0;
    CHECK(requested == 1);
  }
}
