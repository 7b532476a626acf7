// SPDX-License-Identifier: MIT
//
// Parses the command line into the command, its inputs, and the raw text and origin (flag,
// environment, file) of each option, without interpreting the values. Each option is one entry of a
// single table from which parsing, help, environment and configuration file are derived, so that an
// option exists in all of them or in none. An unknown option is always an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/credentials.hpp"
#include "util/result.hpp"

namespace idmerge::cli {

struct Settings;

enum class Command : std::uint8_t { plan, run, show, status, explain, rate, emulator, count };

/// A set of commands.
using Commands = unsigned;

constexpr Commands only(Command command) {
  return 1U << static_cast<unsigned>(command);
}

struct CommandEntry {
  Command command;
  std::string_view name;
  std::string_view arguments;  // "INPUT..."
  std::string_view help;
  bool takes_inputs = false;
};

/// The origins from which an option may be set.
enum class Reach : std::uint8_t {
  everywhere,
  flag,         // elsewhere ignored: the name may be another command's option
  flag_strict,  // elsewhere an error: consent to the irreversible must not come from a file
};

/// One option.
struct OptionEntry {
  std::string_view name;      // without dashes
  std::string_view value;     // placeholder of its value, "RATE"; empty: a switch
  std::string_view fallback;  // the default as a person writes it; empty: none
  std::string_view group;
  Commands commands = 0;
  std::string_view help;
  /// Parses the text into the settings. Errors: usage, without the option's name.
  Result<void> (*apply)(std::string_view text, Settings& settings) = nullptr;
  char letter = 0;  // -n
  Reach reach = Reach::everywhere;
  bool repeatable = false;
};

enum class Origin : std::uint8_t { flag, environment, file };

struct RawOption {
  const OptionEntry* entry = nullptr;
  std::string text;  // for a switch: "true" or "false"
  Origin origin = Origin::flag;
  std::string where;  // as shown to the user: "--rate", "IDMERGE_RATE", "night.toml: line 3: rate"
};

struct RawOptions {
  std::optional<Command> command;
  std::vector<std::string> inputs;
  std::vector<RawOption> options;  // one per entry, unless the entry is repeatable
  bool help = false;
  bool help_all = false;  // `help`, of all commands
  bool version = false;

  const RawOption* find(std::string_view name) const;
};

/// Reads a configuration file. Errors: usage.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

/// Parses the arguments, then, for options not given as flags, the environment, then the file of
/// --config. Errors: usage, with the option's name and what to do.
Result<RawOptions> parse_raw_options(std::span<const CommandEntry> commands,
                                     std::span<const OptionEntry> options,
                                     const std::vector<std::string>& arguments,
                                     const Environment& environment, const ReadFile& read_file);

/// "IDMERGE_ANON_FIELD"
std::string variable_name(const OptionEntry& entry);

/// A variable with the prefix of options that sets no option.
struct UnknownVariable {
  std::string name;
  std::string what;       // what is wrong, and what to do
  bool is_guard = false;  // probably meant to be a guard, which is therefore not set

  bool operator==(const UnknownVariable&) const = default;
};

/// Returns those of the environment's `names` that have the prefix of options and set nothing.
std::vector<UnknownVariable> unknown_variables(const std::vector<std::string>& names,
                                               std::span<const OptionEntry> options);

/// Returns the one of `names` that `typed` is most likely a misspelling of, or nothing.
std::optional<std::string_view> nearest(std::string_view typed,
                                        std::span<const std::string_view> names);

/// The text of `idmerge --help`, of `idmerge COMMAND --help` and of `idmerge --help-all`. The last
/// one is read by scripts/options: behind each option stand its default and the commands that take
/// it, as "[5%] (plan, run)", also which ones only from the command line.
/// Bounds: 100 columns.
std::string help_text(std::span<const CommandEntry> commands);
std::string help_text(const CommandEntry& command, std::span<const OptionEntry> options,
                      std::span<const std::string_view> groups);
std::string help_all_text(std::span<const CommandEntry> commands,
                          std::span<const OptionEntry> options,
                          std::span<const std::string_view> groups);

}  // namespace idmerge::cli
