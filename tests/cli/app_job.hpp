// SPDX-License-Identifier: MIT
//
// A job in a scratch directory, planned from a few rows, and the context that the commands need.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "cli/plan_command.hpp"

#include "support/scratch.hpp"
#include "support/settings.hpp"

namespace idmerge::testing {

/// One of every fate: 3 links to send, 1 duplicate, 1 skipped, 1 rejected, 2 held.
inline constexpr std::string_view mixed_rows =
    "anonymous_id,user_id\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301,user-1@example.com\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3302,user-1@example.com\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3302,user-1@example.com\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3303,\"u,2\"\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3304,\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3305,null\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3306,u3\n"
    "3f2504e0-4f89-41d3-9a0c-0305e82c3306,u4\n";

/// A context whose stderr, stdout and person are in the test's hands.
struct Stage {
  Scratch scratch;
  io::RealFiles files;
  std::string said;     // on stderr
  std::string printed;  // on stdout
  std::string asked;    // of the person
  std::optional<std::string> answer;
  std::function<void()> while_asked;
  std::map<std::string, std::string> environment{{"MIXPANEL_TOKEN", "0123456789abcdef"},
                                                 {"MIXPANEL_USERNAME", "etl"},
                                                 {"MIXPANEL_SECRET", "s3cret"}};
  cli::Signals signals;
  cli::StatusLine line{[this](std::string_view text) { said += text; }, [] { return 80; }};

  Result<int> call(const std::vector<std::string>& arguments) {
    auto settings = settings_of(arguments);
    if (!settings) return settings.error();
    util::Log log(settings->output.log, line.above());
    cli::ProgressListener progress({}, log, line, [] { return false; });
    cli::CommandContext context{
        .files = files,
        .log = log,
        .progress = progress,
        .listeners = progress,
        .signals = signals,
        .environment = [this](const std::string& name) -> std::optional<std::string> {
          const auto found = environment.find(name);
          if (found == environment.end()) return {};
          return found->second;
        },
        .ask = [this](std::string_view prompt) -> Result<std::optional<std::string>> {
          asked = prompt;
          if (while_asked) while_asked();
          return answer;
        },
        .output = [this](std::string_view text) -> Result<bool> {
          printed += text;
          return true;
        },
        .mask = util::IdMask(false),
        .arguments = arguments};
    said.clear();
    auto ended = settings->command == cli::Command::plan ? cli::do_plan(*settings, context)
                                                         : cli::do_run(*settings, context);
    if (!ended) said += ended.error().what;
    return ended;
  }

  /// The exit code, errors included.
  int code(const std::vector<std::string>& arguments) {
    const auto ended = call(arguments);
    return ended ? *ended : cli::exit_code_of(ended.error(), 0);
  }

  bool heard(std::string_view words) const { return said.find(words) != std::string::npos; }

  /// Plan mixed_rows (or others) as `name` and return the job's directory.
  std::string planned(const std::string& name = "pairs.csv", std::string_view rows = mixed_rows) {
    const auto input = scratch.write(name, rows);
    REQUIRE(code({"plan", input, "--max-rejected", "none", "--max-held", "none"}) == 0);
    return input + ".idmerge";
  }
};

}  // namespace idmerge::testing
