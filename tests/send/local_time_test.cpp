// SPDX-License-Identifier: MIT
#include "send/local_time.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "support/scratch.hpp"

using namespace idmerge;
using namespace idmerge::send;
using namespace std::chrono_literals;
using idmerge::testing::Scratch;

namespace {

/// TZ and TZDIR while this lives; a null pointer: not set.
class ZoneVariables {
 public:
  explicit ZoneVariables(const char* zone, const char* directory = nullptr)
      : zone_("TZ", zone), directory_("TZDIR", directory) {
    ::tzset();
  }

 private:
  struct Variable {
    Variable(const char* its_name, const char* value) : name(its_name) {
      if (const char* was = std::getenv(name)) before = was, had = true;
      put(value);
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    ~Variable() {
      put(had ? before.c_str() : nullptr);
      ::tzset();
    }
    void put(const char* value) const {
      value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
    }
    const char* name;
    std::string before;
    bool had = false;
  };
  Variable zone_;
  Variable directory_;
};

constexpr std::time_t winter = 1'768'444'980;  // 2026-01-15 02:43 UTC

/// A time zone file without any transition.
std::string zone_file() {
  std::string text("TZif2", 5);
  text.resize(44, '\0');
  return text;
}

}  // namespace

TEST_SUITE("send/local_time") {
  TEST_CASE("a zone of the system is named, with its distance from UTC") {
    if (!std::filesystem::exists("/usr/share/zoneinfo/Europe/Berlin")) return;
    for (const auto& [zone, text] :
         {std::pair{"Europe/Berlin", "local time 03:43 Europe/Berlin, UTC+1"},
          std::pair{":Europe/Berlin", "local time 03:43 Europe/Berlin, UTC+1"},
          std::pair{"/usr/share/zoneinfo/Asia/Kolkata", "local time 08:13 Asia/Kolkata, UTC+5:30"},
          std::pair{"America/St_Johns", "local time 23:13 America/St_Johns, UTC-3:30"},
          std::pair{"Europe/London", "local time 02:43 Europe/London, UTC+0"}}) {
      const ZoneVariables variables(zone);
      CHECK(local_zone().problem == "");
      CHECK(local_time_text(winter, local_zone()) == text);
    }
  }

  TEST_CASE("rules and names of UTC need no file") {
    const Scratch scratch;
    for (const auto& [zone, text] :
         {std::pair{"CET-1CEST,M3.5.0,M10.5.0/3", "03:43 CET-1CEST,M3.5.0,M10.5.0/3, UTC+1"},
          std::pair{"EST5EDT", "21:43 EST5EDT, UTC-5"}, std::pair{"UTC+2", "00:43 UTC+2, UTC-2"},
          std::pair{"<+0330>-3:30", "06:13 <+0330>-3:30, UTC+3:30"}, std::pair{"", "02:43 UTC"},
          std::pair{":", "02:43 UTC"}, std::pair{"UTC", "02:43 UTC"},
          std::pair{"Etc/UTC", "02:43 UTC"}, std::pair{"GMT", "02:43 UTC"}}) {
      const ZoneVariables variables(zone, scratch.path().c_str());
      CHECK(local_zone().problem == "");
      CHECK(local_time_text(winter, local_zone()) == std::string("local time ") + text);
    }
  }

  TEST_CASE("a zone that this machine does not have is said to be UTC") {
    const Scratch scratch;
    scratch.write("Broken", "not a zone file");
    std::filesystem::create_directory(scratch.path("Europe"));
    for (const std::string zone :
         {"Europe/Nowhere", "Europe", "Broken", "Berlin", "CET", ":Europe/Nowhere", "/nonexistent",
          "Europe/berlin ", "UTC plus one", "../../etc/passwd", "<+01", "ab1"}) {
      CAPTURE(zone);
      const ZoneVariables variables(zone.c_str(), scratch.path().c_str());
      const auto found = local_zone();
      CHECK(found.name == "UTC");
      CHECK(found.problem.starts_with("TZ=" + zone + ": this machine has no such time zone"));
      CHECK(local_time_text(winter, found) == "local time 02:43 UTC");
    }
  }

  TEST_CASE("a zone is looked for where TZDIR says") {
    const Scratch scratch;
    scratch.write("Moon", zone_file());
    const ZoneVariables variables("Moon", scratch.path().c_str());
    CHECK(local_zone().name == "Moon");
    CHECK(local_zone().problem == "");
  }

  TEST_CASE("without TZ the machine's zone holds") {
    const ZoneVariables variables(nullptr);
    CHECK_FALSE(local_zone().name.empty());
    CHECK(local_time_text(std::time(nullptr), local_zone()).starts_with("local time "));
  }

  TEST_CASE("the clock of this machine gives a time of the week") {
    CHECK(local_week_time(std::time(nullptr)) >= 0s);
    CHECK(local_week_time(std::time(nullptr)) < 7 * 24h);
  }
}
