// SPDX-License-Identifier: MIT
//
// Parses the command line into the command, its inputs, and the raw text and origin (flag,
// environment, file) of each option, without interpreting the values. Each option is one entry of a
// single table from which parsing, help, environment and configuration file are derived, so that an
// option exists in all of them or in none. An unknown option is always an error.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/credentials.hpp"
#include "util/key_values.hpp"
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

/// What the value of an option is.
enum class Kind : std::uint8_t {
  toggle,    // no value
  choice,    // one or more of the listed words
  text,      // anything, or a form of its own
  column,    // a field of the input
  count,     // a whole number, or a word instead
  limit,     // a count, a percentage or none
  share,     // a percentage or none
  fraction,  // 0.05
  size,      // with a unit, as the next three
  duration,
  rate,
  size_rate,
  file,  // that is read
  directory,
  directory_or_none,
};

/// What an option belongs to, as a set of these. It decides what plans and checkpoints record, and
/// what is repeated in printed commands.
using Roles = unsigned;

namespace role {

inline constexpr Roles none = 0;            // of this call only
inline constexpr Roles plan = 1U << 0U;     // plans are made with it and record it
inline constexpr Roles run = 1U << 1U;      // steers runs, whatever the plan
inline constexpr Roles once = 1U << 2U;     // of a run: not recorded, to be given for each
inline constexpr Roles guard = 1U << 3U;    // stops what should not happen
inline constexpr Roles consent = 1U << 4U;  // consent to send
inline constexpr Roles secret = 1U << 5U;   // source of credentials
inline constexpr Roles project = 1U << 6U;  // of a plan: a property of the project, so that a
                                            // differing value from any origin is an error
inline constexpr Roles kind = 1U << 7U;     // of a plan: other values make another kind of job
inline constexpr Roles again = 1U << 8U;    // stands in every printed command

}  // namespace role

/// One option.
struct OptionEntry {
  /// Returns the texts with which the option would be typed for a plan with these values, none for
  /// the default. The text of a switch is empty.
  using Retype = std::vector<std::string> (*)(const util::KeyValues& planned);

  std::string_view name;  // without dashes
  Kind kind = Kind::text;
  std::string_view value;     // placeholder of its value, "RATE"; empty: a switch
  std::string_view fallback;  // the default as a person writes it; empty: none
  Roles roles = role::none;
  std::string_view group;  // title in --help
  Commands commands = 0;
  std::string_view help;
  /// Parses the text into the settings. Errors: usage, without the option's name.
  Result<void> (*apply)(std::string_view text, Settings& settings) = nullptr;
  char letter = 0;  // -n
  Reach reach = Reach::everywhere;
  bool repeatable = false;

  /// The option that it is the opposite of: both set one thing.
  std::string_view opposite_of = {};

  /// Of an option with role::plan: its keys in a plan, if these are not its name, and the way back.
  std::array<std::string_view, 2> keys = {};
  Retype retype = nullptr;

  constexpr bool has(Roles role) const { return (roles & role) != 0; }
  constexpr bool is_switch() const { return kind == Kind::toggle; }

  /// Returns the name of what it sets.
  constexpr std::string_view setting() const { return opposite_of.empty() ? name : opposite_of; }

  constexpr OptionEntry in_plan_as(std::array<std::string_view, 2> names, Retype function) const {
    OptionEntry entry = *this;
    entry.keys = names;
    entry.retype = function;
    return entry;
  }
  constexpr OptionEntry opposite(std::string_view other) const {
    OptionEntry entry = *this;
    entry.opposite_of = other;
    return entry;
  }
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
