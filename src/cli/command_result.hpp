// SPDX-License-Identifier: MIT
//
// How a command on a job ended, and how that is read back from the summary.json that it left.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "io/files.hpp"

namespace idmerge::cli {

/// The end of a command on a job.
struct CommandResult {
  int exit_code = 0;
  std::string stop = {};  // the reason it stopped early; empty if it did not
  std::string next = {};  // the command that continues; empty if there is none
  bool rehearsal = false;
};

/// Parses how the call that wrote this summary ended. Returns: nothing if it had sent nothing.
std::optional<CommandResult> result_of_sending(std::string_view summary);

/// Returns how the last call that sent links ended; nothing if its summary.json is missing.
std::optional<CommandResult> recorded_result(io::Files& files, const std::string& summary);

}  // namespace idmerge::cli
