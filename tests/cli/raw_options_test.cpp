// SPDX-License-Identifier: MIT
#include "cli/raw_options.hpp"

#include <array>
#include <map>

#include <doctest/doctest.h>

#include "cli/option_table.hpp"

using namespace idmerge;
using namespace idmerge::cli;

namespace {

constexpr Commands run = only(Command::run);
constexpr Commands plan = only(Command::plan);
constexpr Commands show = only(Command::show);

constexpr std::array commands{
    CommandEntry{Command::plan, "plan", "INPUT...", "judge", true},
    CommandEntry{Command::run, "run", "INPUT...", "send", true},
    CommandEntry{Command::show, "show", "--job DIR", "print", false},
};

const std::array options{
    OptionEntry{"max-held", Kind::limit, "N|P%|none", "5%", role::run | role::guard, "Guards",
                run | plan, "held links"},
    OptionEntry{"timeout", Kind::duration, "DURATION", "30s", role::none, "Pace", run,
                "of an answer"},
    OptionEntry{"row-max", Kind::size, "SIZE", "1MiB", role::none, "Input", run | plan,
                "longest row"},
    OptionEntry{"rate", Kind::rate, "RATE", "500/s", role::none, "Pace", run, "links a second"},
    OptionEntry{"burst", Kind::count, "N", "", role::none, "Pace", run, "at once"},
    OptionEntry{"no-collapse", Kind::toggle, "", "", role::plan | role::guard, "Guards", run | plan,
                "send every pair", nullptr, 'n'},
    OptionEntry{"null-word", Kind::text, "WORD", "", role::none, "Input", run | plan, "no id",
                nullptr, 0, Reach::everywhere, true},
    OptionEntry{"format", Kind::choice, "csv|ndjson", "csv", role::none, "Input", run | plan,
                "of the input"},
    OptionEntry{"format", Kind::choice, "csv", "csv", role::none, "Show", show, "of the list",
                nullptr, 0, Reach::flag},
    OptionEntry{"yes", Kind::toggle, "", "", role::consent | role::guard, "Guards", run,
                "do not ask", nullptr, 0, Reach::flag_strict},
    OptionEntry{"config", Kind::file, "FILE", "", role::none, "Config", run | plan | show,
                "options as TOML"},
};

struct World {
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> files;

  Result<RawOptions> parse(const std::vector<std::string>& arguments) const {
    return parse_raw_options(
        commands, options, arguments,
        [this](const std::string& name) -> std::optional<std::string> {
          const auto found = environment.find(name);
          if (found == environment.end()) return {};
          return found->second;
        },
        [this](const std::string& path) -> Result<std::string> {
          const auto found = files.find(path);
          if (found == files.end()) return Error{Errc::usage, "No such file or directory"};
          return found->second;
        });
  }

  std::string error_of(const std::vector<std::string>& arguments) const {
    const auto typed = parse(arguments);
    if (typed) return "no error";
    CHECK(typed.error().code == Errc::usage);
    return typed.error().what;
  }
};

std::string text_of(const RawOptions& typed, std::string_view name) {
  const auto* option = typed.find(name);
  return option == nullptr ? "(not typed)" : option->text;
}

}  // namespace

TEST_SUITE("cli/raw_options") {
  TEST_CASE("options and inputs may be mixed, after -- all are inputs") {
    const auto typed = World{}.parse(
        {"run", "a.csv", "--rate", "5/s", "-", "-n", "--burst=7", "plan", "--", "--rate"});
    REQUIRE(typed);
    CHECK(typed->command == Command::run);
    CHECK(typed->inputs == std::vector<std::string>{"a.csv", "-", "plan", "--rate"});
    CHECK(text_of(*typed, "rate") == "5/s");
    CHECK(text_of(*typed, "burst") == "7");
    CHECK(text_of(*typed, "no-collapse") == "true");
    CHECK(typed->find("rate")->where == "--rate");
    CHECK(World{}.parse({"run", "--rate", "-5"})->find("rate")->text == "-5");
  }

  TEST_CASE("help and version need nothing else") {
    CHECK(World{}.parse({"--help"})->help);
    CHECK(World{}.parse({"--help-all"})->help_all);
    CHECK(World{}.parse({"--version"})->version);
    const auto typed = World{}.parse({"run", "--no-such-thing", "-h"});
    REQUIRE(typed);
    CHECK(typed->help);
    CHECK(typed->command == Command::run);
  }

  TEST_CASE("a mistake is one clear line") {
    const World world;
    CHECK(world.error_of({}) == "no command: see idmerge --help");
    CHECK(world.error_of({"rnu"}) == "\"rnu\": no such command: did you mean run?");
    CHECK(world.error_of({"frobnicate"}) == "\"frobnicate\": no such command: see idmerge --help");
    CHECK(world.error_of({"--rate", "5/s"}) ==
          "--rate: options come after the command: idmerge run --rate ...");
    CHECK(world.error_of({"run", "--ratte", "5/s"}) ==
          "--ratte: unknown option: did you mean --rate?");
    CHECK(world.error_of({"run", "--frobnicate=5"}) ==
          "--frobnicate: unknown option: see idmerge run --help");
    CHECK(world.error_of({"run", "-x"}) == "-x: unknown option: see idmerge run --help");
    CHECK(world.error_of({"plan", "--burst", "5"}) ==
          "--burst: plan does not have this option: it belongs to run");
    CHECK(world.error_of({"run", "--rate"}) == "--rate: its value is missing: write --rate 500/s");
    CHECK(world.error_of({"run", "--burst"}) == "--burst: its value is missing: write --burst N");
    CHECK(world.error_of({"run", "--yes=1"}) == "--yes: takes no value: write --yes alone");
    CHECK(world.error_of({"run", "--rate", "1/s", "--rate", "2/s"}) ==
          "--rate: is given 2 times: give it once");
    CHECK(world.error_of({"show", "x.csv"}) ==
          "\"x.csv\": show takes no input: see idmerge show --help");
    CHECK(world.error_of({"run", "--\x1b[31m"}) ==
          "--\\x1b[31m: unknown option: see idmerge run --help");
  }

  TEST_CASE("a long option behind a single dash is named as it should be written") {
    const World world;
    CHECK(world.error_of({"run", "-rate", "5/s"}) == "-rate: has a single dash: write --rate");
    CHECK(world.error_of({"run", "-null-word=x"}) ==
          "-null-word: has a single dash: write --null-word");
    // CLI11 takes the letter n, which exists, and leaves the rest.
    CHECK(world.error_of({"run", "-no-collapse"}) ==
          "-no-collapse: has a single dash: write --no-collapse");
    CHECK(world.parse({"run", "--null-word", "-rate"})->find("null-word")->text == "-rate");
  }

  TEST_CASE("a secret is no option, and its value is not repeated") {
    const World world;
    for (const auto* name : {"--token", "--secret", "--api-secret", "--password"}) {
      const auto error = world.error_of({"run", std::string(name) + "=hunter22"});
      CHECK(error.starts_with(std::string(name) + ": secrets are never options"));
      CHECK(error.find("MIXPANEL_TOKEN") != std::string::npos);
      CHECK(error.find("hunter22") == std::string::npos);
    }
  }

  TEST_CASE("a unit belongs to its number") {
    const World world;
    CHECK(world.error_of({"run", "x.csv", "--max-held", "5", "%"}) ==
          "--max-held 5 %: no blank between number and unit: write --max-held 5%");
    CHECK(world.error_of({"run", "--timeout", "30", "s", "x.csv"}) ==
          "--timeout 30 s: no blank between number and unit: write --timeout 30s");
    CHECK(world.error_of({"run", "--row-max", "2", "MiB"}) ==
          "--row-max 2 MiB: no blank between number and unit: write --row-max 2MiB");
    CHECK(world.error_of({"run", "--rate", "20", "/s"}) ==
          "--rate 20 /s: no blank between number and unit: write --rate 20/s");
    CHECK(world.error_of({"run", "--max-held=5", "%"}) ==
          "--max-held=5 %: no blank between number and unit: write --max-held=5%");
    CHECK(world.error_of({"run", "x.csv", "--timeout=30", "s"}) ==
          "--timeout=30 s: no blank between number and unit: write --timeout=30s");
    // Files may be called like units of other options, and like anything behind --.
    CHECK(world.parse({"run", "--max-held", "5", "s"})->inputs == std::vector<std::string>{"s"});
    CHECK(world.parse({"run", "--burst", "5", "MiB"})->inputs == std::vector<std::string>{"MiB"});
    CHECK(world.parse({"run", "--max-held", "5", "--", "%"})->inputs ==
          std::vector<std::string>{"%"});
  }

  TEST_CASE("an empty value does not take the next word") {
    const World world;
    CHECK(world.error_of({"run", "--null-word=", "--yes", "x.csv"}) ==
          "--null-word: is empty: write a value");
    CHECK(world.error_of({"run", "--rate=", "x.csv"}) == "--rate: is empty: write a value");
    CHECK(world.parse({"run", "--null-word", "--rate="})->find("null-word")->text == "--rate=");
    CHECK(world.parse({"run", "--", "--rate="})->inputs == std::vector<std::string>{"--rate="});
  }

  TEST_CASE("a variable that sets nothing is found, with the name it is near to") {
    const auto unknown = unknown_variables({"PATH", "IDMERGE_RATE", "IDMERGE_RATTE", "IDMERGE_SEED",
                                            "IDMERGE_MAX_HEDL", "IDMERGE_FROBNICATE", "IDMERGE_"},
                                           options);
    REQUIRE(unknown.size() == 4);
    CHECK(unknown[0] ==
          UnknownVariable{"IDMERGE_RATTE", "is no option: did you mean IDMERGE_RATE?", false});
    CHECK(unknown[1] == UnknownVariable{"IDMERGE_MAX_HEDL",
                                        "is no option: did you mean IDMERGE_MAX_HELD?", true});
    CHECK(unknown[2].what == "is no option: unset it, or see idmerge run --help");
    CHECK_FALSE(unknown[2].is_guard);
    CHECK(unknown[3].name == "IDMERGE_");
    // In small letters it sets nothing either; what counts rows and files guards, too.
    CHECK(unknown_variables({"IDMERGE_max_held", "IDMERGE_MAX-HELD"}, options) ==
          std::vector<UnknownVariable>{
              {"IDMERGE_max_held", "is no option: did you mean IDMERGE_MAX_HELD?", true},
              {"IDMERGE_MAX-HELD", "is no option: did you mean IDMERGE_MAX_HELD?", true}});
    for (const auto* name :
         {"IDMERGE_EXPECT_ROW", "IDMERGE_EXPECT_FILE", "IDMERGE_MINROWS", "IDMERGE_MAX_LINK"}) {
      CAPTURE(name);
      const auto found = unknown_variables({name}, option_table());
      CHECK((found.size() == 1 && found[0].is_guard));
    }
    CHECK_FALSE(unknown_variables({"IDMERGE_ANON_FEILD"}, option_table())[0].is_guard);
  }

  TEST_CASE("the flag goes before the environment, and that before the file") {
    World world;
    world.files["night.toml"] = "rate = \"1/s\"\nburst = 1\nno-collapse = true\n";
    world.environment = {
        {"IDMERGE_CONFIG", "night.toml"}, {"IDMERGE_RATE", "2/s"}, {"IDMERGE_NO_COLLAPSE", "0"}};
    const auto typed = world.parse({"run", "--rate", "3/s"});
    REQUIRE(typed);
    CHECK(text_of(*typed, "rate") == "3/s");
    CHECK(typed->find("rate")->origin == Origin::flag);
    CHECK(text_of(*typed, "no-collapse") == "false");
    CHECK(typed->find("no-collapse")->where == "IDMERGE_NO_COLLAPSE");
    CHECK(text_of(*typed, "burst") == "1");
    CHECK(typed->find("burst")->where == "night.toml: line 2: burst");
    CHECK(text_of(*world.parse({"run"}), "rate") == "2/s");
    world.environment["IDMERGE_RATE"] = "";
    CHECK(text_of(*world.parse({"run"}), "rate") == "1/s");
  }

  TEST_CASE("one file serves all commands, but not with a name that nobody knows") {
    World world;
    world.files["c"] = "rate = \"1/s\"\nformat = \"ndjson\"\n";
    CHECK(world.parse({"plan", "--config", "c"})->options.size() == 2);
    CHECK(world.parse({"show", "--config", "c"})->find("format") == nullptr);
    world.files["c"] = "\nratte = \"1/s\"\n";
    CHECK(world.error_of({"run", "--config", "c"}) ==
          "--config: c: line 2: ratte: no such option: did you mean rate?");
    world.files["c"] = "rate";
    CHECK(world.error_of({"run", "--config", "c"}).starts_with("--config: c:1:5: not a setting"));
    world.files["c"] = "\"\\u202eratte\" = 1";
    CHECK(world.error_of({"run", "--config", "c"})
              .starts_with("--config: c: line 1: \\u{202e}ratte: no such option"));
    world.files["c"] = "secret = \"hunter22\"";
    const auto error = world.error_of({"run", "--config", "c"});
    CHECK(error.starts_with("--config: c: line 1: secret: no such option"));
    CHECK(error.find("hunter22") == std::string::npos);
    CHECK(world.error_of({"run", "--config", "d"}) == "--config: d: No such file or directory");
    world.files["c"] = "no-collapse = 7";
    CHECK(world.error_of({"run", "--config", "c"}) ==
          "c: line 1: no-collapse: \"7\" is neither true nor false: write true or false");
  }

  TEST_CASE("a number in a file is never another text than it looks") {
    World world;
    world.files["c"] = "burst = 1_0\nmax-held = +7\ntimeout = 0x5\nrow-max = 4_0\nrate = 0b11";
    const auto typed = world.parse({"run", "--config", "c"});
    REQUIRE(typed);
    CHECK(text_of(*typed, "burst") == "10");
    CHECK(text_of(*typed, "max-held") == "7");
    CHECK(text_of(*typed, "timeout") == "5");
    CHECK(text_of(*typed, "row-max") == "40");
    CHECK(text_of(*typed, "rate") == "3");
    world.files["c"] = "null-word = [6e2, 1.50, -0]";
    CHECK(world.parse({"run", "--config", "c"})->options[1].text == "6e2");
    CHECK(world.parse({"run", "--config", "c"})->options[2].text == "1.50");
    for (const auto* setting : {"null-word = 1_0", "null-word = ['x', 0x5]", "format = +1"}) {
      CAPTURE(setting);
      world.files["c"] = std::string("\n") + setting;
      const auto error = world.error_of({"run", "--config", "c"});
      CHECK(error.starts_with("c: line 2: "));
      CHECK(error.ends_with(
          " is read as a number, which is spelled differently: put the text in quotes"));
    }
    CHECK(world.parse({"run", "--config", "c", "--format", "csv"}));
  }

  TEST_CASE("words for an option that may be given several times all count") {
    World world;
    world.files["c"] = "null-word = [\"a,b\", \"c\"]";
    const auto from_file = world.parse({"run", "--config", "c"});
    REQUIRE(from_file);
    CHECK(from_file->options.size() == 3);
    CHECK(from_file->options[1].text == "a,b");
    const auto flags = world.parse({"run", "--null-word", "x", "--null-word=y", "in.csv"});
    REQUIRE(flags);
    CHECK(flags->options.size() == 2);
    CHECK(flags->inputs == std::vector<std::string>{"in.csv"});
  }

  TEST_CASE("consent is taken from the command line only") {
    World world;
    world.environment["IDMERGE_YES"] = "true";
    CHECK(world.error_of({"run"}) ==
          "IDMERGE_YES: --yes is taken from the command line only: unset it");
    CHECK(world.parse({"plan"}));
    world.environment.clear();
    world.files["c"] = "yes = true";
    CHECK(world.error_of({"run", "--config", "c"}) ==
          "--config: c: line 1: yes: is taken from the command line only: remove it");
  }

  TEST_CASE("the nearest name is found, and none where none is near") {
    constexpr std::array<std::string_view, 4> names{"rate", "connections", "max-held", "held"};
    CHECK(nearest("ratte", names) == "rate");
    CHECK(nearest("conections", names) == "connections");
    CHECK(nearest("connection", names) == "connections");
    CHECK(nearest("conn", names) == "connections");
    CHECK(nearest("max-hedl", names) == "max-held");
    CHECK_FALSE(nearest("verbose", names));
    CHECK_FALSE(nearest("x", names));
  }

  TEST_CASE("help shows unit and default, within 100 columns") {
    constexpr std::array<std::string_view, 2> groups{"Guards", "Pace"};
    const auto text = help_text(commands[1], options, groups);
    CHECK(text.find("  --rate RATE                   links a second [500/s]\n") !=
          std::string::npos);
    CHECK(text.find("  -n, --no-collapse             send every pair\n") != std::string::npos);
    CHECK(text.find("Guards:") < text.find("Pace:"));
    CHECK(help_text(commands[2], options, groups).find("Pace:") == std::string::npos);
  }

  TEST_CASE("help of everything has each option once, with default and commands") {
    constexpr std::array<std::string_view, 2> groups{"Guards", "Pace"};
    const auto text = help_all_text(commands, options, groups);
    CHECK(text.starts_with(help_text(commands)));
    CHECK(text.find("\n  --rate RATE                   links a second [500/s] (run)\n") !=
          std::string::npos);
    CHECK(text.find("\n  --yes                         do not ask (run; flag only)\n") !=
          std::string::npos);
    CHECK(text.find("\nGuards:\n") < text.find("\nPace:\n"));
  }
}
