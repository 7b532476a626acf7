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
  Rates rates(std::size_t links_max = 1) { return {options, links_max, files, paths, heard}; }

  SendOptions options;
  FlakyFiles files;
  Heard heard;
};

}  // namespace

TEST_SUITE("send/rate_control") {
  TEST_CASE("as typed, while nobody says anything else") {
    World world;
    auto rates = world.rates();
    for (int i = 0; i < 3; ++i)
      CHECK(rates.look() == Allowance{.links_per_s = 500, .burst = 50});
    CHECK(world.heard.lines.empty());
    CHECK(world.files.steps() == 0);
  }

  TEST_CASE("what is said while it runs holds from the next look on, until something else is") {
    World world;
    auto rates = world.rates();
    rates.look();
    REQUIRE(say_rate(world.files, paths, "20/s"));
    CHECK(rates.look() == Allowance{.links_per_s = 20, .burst = 50});
    REQUIRE(say_rate(world.files, paths, "30req/s"));
    CHECK(rates.look() == Allowance{.requests_per_s = 30, .burst = 50});
    REQUIRE(say_rate(world.files, paths, "pause"));
    CHECK(rates.look().paused);
    REQUIRE(say_rate(world.files, paths, "0"));
    CHECK(rates.look() == Allowance{.burst = 50});
    REQUIRE(world.files.remove(paths.rate()));
    CHECK(rates.look() == Allowance{.links_per_s = 500, .burst = 50});
    CHECK(world.heard.lines ==
          std::vector<std::string>{"rate: 20/s from now on", "rate: 30req/s from now on",
                                   "rate: nothing is sent from now on",
                                   "rate: no limit from now on", "rate: 500/s from now on"});
  }

  TEST_CASE("it outlives the process, unless the next one is given a rate of its own") {
    World world;
    REQUIRE(say_rate(world.files, paths, "20/s"));
    CHECK(world.rates().look().links_per_s == 20);
    CHECK(world.heard.lines.empty());  // it was so from the start
    world.options.rate_is_given = true;
    CHECK(world.rates().look().links_per_s == 500);
    CHECK(!world.files.exists(paths.rate()));
    world.options.rate_is_given = false;
    CHECK(world.rates().look().links_per_s == 500);
  }

  TEST_CASE("a word that cannot be taken away does not hold either") {
    World world;
    REQUIRE(say_rate(world.files, paths, "20/s"));
    world.options.rate_is_given = true;
    world.files.harm(0, testing::Harm::fail);
    auto rates = world.rates();
    CHECK(world.heard.lines.size() == 1);
    CHECK(rates.look().links_per_s == 500);
    REQUIRE(say_rate(world.files, paths, "40/s"));
    CHECK(rates.look().links_per_s == 40);
  }

  TEST_CASE("what is no rate is not written, and found written it changes nothing") {
    World world;
    const auto wrong = say_rate(world.files, paths, "fast");
    REQUIRE(!wrong);
    CHECK(wrong.error().code == Errc::usage);
    const auto too_long = say_rate(world.files, paths, "08:00,30/s" + std::string(16'374, ' '));
    REQUIRE(!too_long);  // it would not be read
    CHECK(too_long.error().what == "is longer than 16384 bytes: shorten it");
    CHECK(!world.files.exists(paths.rate()));
    auto rates = world.rates();
    REQUIRE(say_rate(world.files, paths, "08:00,30/s" + std::string(16'373, ' ')));
    CHECK(rates.look().links_per_s == 30);
    REQUIRE(say_rate(world.files, paths, "20/s"));
    CHECK(rates.look().links_per_s == 20);
    world.heard.lines.clear();
    for (const std::string& text :
         {std::string("fast\n"), std::string(), std::string(20'000, '1')}) {
      REQUIRE(world.files.replace(paths.rate(), text));
      CHECK(rates.look().links_per_s == 20);
      rates.look();
    }
    REQUIRE(world.heard.lines.size() == 3);  // once for each
    CHECK(world.heard.lines[0].find("the rate stays as it is") != std::string::npos);
  }

  TEST_CASE("what was said last can be read beside a run, its words and its table") {
    World world;
    const auto none = said_rate(world.files, paths);
    REQUIRE(none);
    CHECK(!none->has_value());
    REQUIRE(say_rate(world.files, paths, "08:00,20/s 19:00,pause"));
    const auto said = said_rate(world.files, paths);
    REQUIRE(said);
    REQUIRE(said->has_value());
    CHECK((*said)->words == "08:00,20/s 19:00,pause");
    CHECK((*said)->table.at(9h).rate == Rate{20, false});
    CHECK((*said)->table.at(20h).paused);
    REQUIRE(world.files.replace(paths.rate(), "fast\n"));
    const auto broken = said_rate(world.files, paths);
    REQUIRE(!broken);
    CHECK(broken.error().what.starts_with(paths.rate() + ": "));
    REQUIRE(world.files.remove(paths.rate()));
    REQUIRE(world.files.make_dir(paths.rate()));
    CHECK(!said_rate(world.files, paths));
  }

  TEST_CASE("a timetable is asked at every look, and the burst follows the rate if it may") {
    World world;
    WeekTime now = 7h;
    world.options.week_clock = [&] { return now; };
    world.options.rate = Timetable::parse("08:00,20/s 19:00,2000/s").value();
    world.options.burst.reset();
    auto rates = world.rates(5);
    CHECK(rates.look() == Allowance{.links_per_s = 2'000, .burst = 200});
    now = 8h - 1s;
    CHECK(rates.look().links_per_s == 2'000);
    CHECK(world.heard.lines.empty());
    now = 8h;
    CHECK(rates.look() == Allowance{.links_per_s = 20, .burst = 5});  // at least a request
    world.options.rate = Rate{30, true};
    CHECK(rates.look() == Allowance{.requests_per_s = 30, .burst = 5});
    world.options.rate = Timetable::parse("08:00,20/s 19:00,2000/s").value();
    rates.look();
    world.heard.lines.erase(world.heard.lines.begin() + 1, world.heard.lines.end());
    CHECK(world.heard.lines == std::vector<std::string>{"rate: 20/s from now on"});
    REQUIRE(say_rate(world.files, paths, "08:00,pause 09:00,7/s"));
    CHECK(rates.look().paused);
    now = 9h;
    CHECK(rates.look().links_per_s == 7);
  }

  TEST_CASE("a limit of bytes holds at every hour, whatever somebody says of the rate") {
    World world;
    world.options.rate_bytes = 2e6;
    auto rates = world.rates();
    CHECK(rates.look() == Allowance{.links_per_s = 500, .bytes_per_s = 2e6, .burst = 50});
    REQUIRE(say_rate(world.files, paths, "30req/s"));
    CHECK(rates.look() == Allowance{.requests_per_s = 30, .bytes_per_s = 2e6, .burst = 50});
  }

  TEST_CASE("by which local time a timetable is read is said once, and only of a timetable") {
    World world;
    auto rates = world.rates();
    rates.look();
    CHECK(world.heard.lines.empty());
    for (const auto* always : {"pause", "20/s", "08:00,20/s 19:00,20/s"}) {
      REQUIRE(say_rate(world.files, paths, always));
      rates.look();
    }
    for (const auto& line : world.heard.lines)
      CHECK_FALSE(line.starts_with("rate: by local time "));
    REQUIRE(say_rate(world.files, paths, "08:00,20/s 19:00,30/s"));
    rates.look();
    rates.look();
    std::size_t said = 0;
    for (const auto& line : world.heard.lines)
      said += line.starts_with("rate: by local time ") ? 1 : 0;
    CHECK(said == 1);
  }
}
