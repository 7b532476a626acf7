// SPDX-License-Identifier: MIT
#include "send/rate_schedule.hpp"

#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace idmerge::testing {

using namespace send;
namespace {

using namespace std::chrono_literals;

enum Day { sunday, monday, tuesday, wednesday, thursday, friday, saturday };

std::string at(std::string_view table, Day day, int hour, int minute, int second = 0) {
  return pacing_text(RateSchedule::parse(table).value().at(week_time(day, hour, minute, second)));
}

TEST_SUITE("send/rate_schedule") {
  TEST_CASE("a single rate holds at all times") {
    for (const char* text : {"500/s", "30req/s", "0", "pause"}) {
      const auto table = RateSchedule::parse(text).value();
      CHECK(table.changes() == (std::string_view(text) == "pause"));
      CHECK(!table.next_change(5h));
      CHECK(at(text, sunday, 23, 59, 59) == text);
      CHECK(at(text, monday, 0, 0) == text);
    }
  }

  TEST_CASE("an entry holds from its minute until that of the next one, over midnight too") {
    const std::string_view day_and_night = "08:00,20/s 19:00,200/s";
    for (const Day day : {monday, wednesday, sunday}) {
      CHECK(at(day_and_night, day, 0, 0) == "200/s");
      CHECK(at(day_and_night, day, 7, 59, 59) == "200/s");
      CHECK(at(day_and_night, day, 8, 0) == "20/s");
      CHECK(at(day_and_night, day, 18, 59, 59) == "20/s");
      CHECK(at(day_and_night, day, 19, 0) == "200/s");
      CHECK(at(day_and_night, day, 23, 59, 59) == "200/s");
    }
  }

  TEST_CASE("an entry of a day goes before that of every day, the rest of the day stays") {
    const std::string_view table = "08:00,20/s;19:00,200/s; sat-00:00,0 Sun-08:00,pause";
    CHECK(at(table, friday, 23, 59) == "200/s");
    CHECK(at(table, saturday, 0, 0) == "0");
    CHECK(at(table, saturday, 7, 59) == "0");
    CHECK(at(table, saturday, 8, 0) == "20/s");
    CHECK(at(table, sunday, 7, 59) == "200/s");
    CHECK(at(table, sunday, 8, 0) == "pause");
    CHECK(at(table, sunday, 19, 0) == "200/s");
    CHECK(at(table, monday, 0, 0) == "200/s");
    CHECK(at(table, monday, 8, 0) == "20/s");
  }

  TEST_CASE("the week goes round: what held last on Sunday holds until the first of Monday") {
    const std::string_view table = "Tue-10:00,5/s Fri-18:30,50/s";
    CHECK(at(table, monday, 0, 0) == "50/s");
    CHECK(at(table, tuesday, 9, 59) == "50/s");
    CHECK(at(table, tuesday, 10, 0) == "5/s");
    CHECK(at(table, friday, 18, 29) == "5/s");
    CHECK(at(table, sunday, 12, 0) == "50/s");
    const auto parsed = RateSchedule::parse(table).value();
    CHECK(parsed.next_change(week_time(sunday, 12, 0, 0)) == week_time(tuesday, 10, 0, 0));
    CHECK(parsed.next_change(week_time(tuesday, 10, 0, 0)) == week_time(friday, 18, 30, 0));
    CHECK(!RateSchedule::parse("08:00,5/s 12:00,5/s").value().next_change(9h));
  }

  TEST_CASE("what is not a timetable is refused, and the text says what to write") {
    for (const char* text : {"",
                             "500",
                             "off",
                             "8:00,20/s",
                             "24:00,20/s",
                             "08:60,20/s",
                             "08:00,20",
                             "08:00,off",
                             "08:00,20/s 08:00,30/s",
                             "Sun-08:00,20/s sun-08:00,30/s",
                             "Day-08:00,20/s",
                             "-08:00,2/s",
                             "08:00,20/s 500/s",
                             ",",
                             " , ",
                             "08:00,",
                             "08:00,-1/s",
                             "Mon08:00,1/s",
                             "08:00,1/s,2/s",
                             "08:00\n,1/s"}) {
      CAPTURE(text);
      const auto table = RateSchedule::parse(text);
      REQUIRE(!table);
      CHECK(table.error().code == Errc::usage);
      CHECK(table.error().what.find("write") != std::string::npos);
    }
    std::string many;
    for (int i = 0; i < 201; ++i)
      many += "0" + std::to_string(i / 60) + ":" + std::to_string(i % 60 / 10) +
              std::to_string(i % 10) + ",20/s ";
    const auto too_many = RateSchedule::parse(many);
    REQUIRE(!too_many);
    CHECK(too_many.error().what.find("has more than 200 entries") != std::string::npos);
    CHECK(RateSchedule::parse(many.substr(many.find(' ') + 1)));
  }

  TEST_CASE("a leap second belongs to the minute that it ends") {
    CHECK(week_time(sunday, 23, 59, 60) == week_time(sunday, 23, 59, 59));
    CHECK(week_time(monday, 0, 0, 0) == 0s);
    CHECK(week_time(sunday, 0, 0, 0) == 6 * 24h);
  }
}

}  // namespace
}  // namespace idmerge::testing
