// SPDX-License-Identifier: MIT
//
// What was typed, before anybody asks what it means: which command, which inputs, and for each
// option its text and where it came from - flag, environment, file. Every option is one entry of
// one table, and parsing, help, environment and configuration file all follow from it, so an
// option cannot exist in one and lack in another. An unknown option is always an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/app/credentials.hpp"
#include "idmerge/base/result.hpp"

namespace idmerge {

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

/// Where an option may be set.
enum class Reach : std::uint8_t {
  everywhere,
  flag,         // elsewhere the name means another command's option
  flag_strict,  // elsewhere it is an error: nobody agrees to what cannot be undone by a file
};

/// One option.
struct OptionEntry {
  std::string_view name;      // without dashes
  std::string_view value;     // what stands behind it, "RATE"; empty: a switch
  std::string_view fallback;  // the default as a person writes it; empty: none
  std::string_view group;
  Commands commands = 0;
  std::string_view help;
  /// Give the text its meaning. Errors: usage, without the option's name.
  Result<void> (*apply)(std::string_view text, Settings& settings) = nullptr;
  char letter = 0;  // -n
  Reach reach = Reach::everywhere;
  bool repeatable = false;
};

enum class Origin : std::uint8_t { flag, environment, file };

struct TypedOption {
  const OptionEntry* entry = nullptr;
  std::string text;  // of a switch: "true" or "false"
  Origin origin = Origin::flag;
  std::string
      where;  // as the person knows it: "--rate", "IDMERGE_RATE", "night.toml: line 3: rate"
};

struct Typed {
  std::optional<Command> command;
  std::vector<std::string> inputs;
  std::vector<TypedOption> options;  // at most one of each entry, unless it is repeatable
  bool help = false;
  bool help_all = false;  // `help`, of all commands
  bool version = false;

  const TypedOption* find(std::string_view name) const;
};

/// Reads a configuration file. Errors: usage.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

/// Take apart what was typed: first the flags, then for options not among them the environment,
/// then the file of --config.
/// Errors: usage, with the option's name and what to do.
Result<Typed> parse_typed(std::span<const CommandEntry> commands,
                          std::span<const OptionEntry> options,
                          const std::vector<std::string>& arguments, const Environment& environment,
                          const ReadFile& read_file);

/// "IDMERGE_ANON_FIELD"
std::string variable_name(const OptionEntry& entry);

/// A variable that is named like an option's and is none.
struct UnknownVariable {
  std::string name;
  std::string what;       // what is wrong, and what to do
  bool is_guard = false;  // probably meant to be a safety limit, which is now not set

  bool operator==(const UnknownVariable&) const = default;
};

/// Of all the environment's `names`, those that begin like an option's variable and set nothing.
std::vector<UnknownVariable> unknown_variables(const std::vector<std::string>& names,
                                               std::span<const OptionEntry> options);

/// The name among `names` that `typed` is probably meant to be, or nothing.
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

}  // namespace idmerge
