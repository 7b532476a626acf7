// SPDX-License-Identifier: MIT
//
// The settings of a command line, or what is wrong with it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "cli/settings.hpp"

namespace idmerge::testing {

inline Result<cli::Settings> settings_of(
    const std::vector<std::string>& arguments,
    const cli::Environment& environment = [](const auto&) {
      return std::optional<std::string>();
    }) {
  const auto typed = cli::parse_raw_options(
      cli::command_table(), cli::option_table(), arguments, environment,
      [](const std::string&) -> Result<std::string> { return std::string(); });
  if (!typed) return typed.error();
  return cli::parse_settings(*typed);
}

inline std::string error_of(const std::vector<std::string>& arguments) {
  const auto settings = settings_of(arguments);
  if (settings) return "no error";
  CHECK(settings.error().code == Errc::usage);
  return settings.error().what;
}

/// `run` with what it needs, and something behind it.
inline std::string run_error(std::vector<std::string> more) {
  more.insert(more.begin(), {"run", "pairs.csv", "--to", "eu"});
  return error_of(more);
}

}  // namespace idmerge::testing
