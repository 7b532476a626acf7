// SPDX-License-Identifier: MIT
#include "cli/raw_options.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/config.hpp"
#include "util/log.hpp"

namespace idmerge::cli {
namespace {

constexpr std::size_t columns = 100;
constexpr std::size_t help_column = 32;

Error usage(std::string what) {
  return {Errc::usage, std::move(what)};
}

bool belongs(const OptionEntry& entry, Command command) {
  return (entry.commands & only(command)) != 0;
}

const CommandEntry* find_command(std::span<const CommandEntry> commands, std::string_view name) {
  const auto found = std::find_if(commands.begin(), commands.end(),
                                  [&](const auto& entry) { return entry.name == name; });
  return found == commands.end() ? nullptr : &*found;
}

const OptionEntry* find_option(std::span<const OptionEntry> options, std::string_view name,
                               std::optional<Command> command) {
  for (const auto& entry : options) {
    if (entry.name == name && (!command || belongs(entry, *command))) return &entry;
  }
  return nullptr;
}

std::string suggestion(std::string_view typed, std::span<const std::string_view> names,
                       std::string_view dashes) {
  if (const auto near = nearest(typed, names)) {
    return fmt::format("did you mean {}{}?", dashes, *near);
  }
  return {};
}

std::string commands_that_take(const OptionEntry& entry, std::span<const CommandEntry> commands,
                               std::string_view between) {
  std::string out;
  for (const auto& command : commands) {
    if (!belongs(entry, command.command)) continue;
    if (!out.empty()) out += between;
    out += command.name;
  }
  return out;
}

/// Returns the option's name in `--rate=5/s`, without dashes.
std::string_view name_in(std::string_view word) {
  const auto flag = word.substr(0, word.find('='));
  return flag.substr(std::min(flag.find_first_not_of('-'), flag.size()));
}

/// Returns whether the word is a full option name after a single dash. CLI11 parses such a word
/// letter by letter.
bool is_single_dashed(std::string_view word, std::span<const OptionEntry> options,
                      Command command) {
  return word.size() > 2 && word[0] == '-' && word[1] != '-' &&
         find_option(options, name_in(word), command) != nullptr;
}

/// Names under which users may try to pass a secret on the command line, where every process of the
/// machine can read it.
bool names_secret(std::string_view name) {
  constexpr std::array<std::string_view, 10> names{
      "token",   "project-token", "secret",   "api-secret", "project-secret",
      "api-key", "username",      "password", "user",       "service-account"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Returns whether the word is a unit of the option's values, separated from its number by a blank.
bool is_unit_of(const OptionEntry& entry, std::string_view word) {
  constexpr std::array<std::string_view, 5> times{"ms", "s", "m", "h", "d"};
  constexpr std::array<std::string_view, 10> sizes{"B",  "kB",  "KB",  "MB",  "GB",
                                                   "TB", "KiB", "MiB", "GiB", "TiB"};
  const auto is_one_of = [&](const auto& units) {
    return std::find(units.begin(), units.end(), word) != units.end();
  };
  switch (entry.kind) {
    case Kind::limit:
    case Kind::share:
      return word == "%";
    case Kind::duration:
      return is_one_of(times);
    case Kind::size:
      return is_one_of(sizes);
    case Kind::rate:
      return word == "/s" || word == "req/s";
    case Kind::size_rate:
      if (!word.ends_with("/s")) return false;
      word.remove_suffix(2);
      return is_one_of(sizes);
    default:
      return false;
  }
}

/// Returns the error for an unknown option such as `--ratte` after `command`.
Error unknown_option(std::string_view word, const CommandEntry& command,
                     std::span<const CommandEntry> commands, std::span<const OptionEntry> options) {
  const auto flag = word.substr(0, word.find('='));
  const auto name = name_in(word);
  if (command.command != Command::emulator && names_secret(name)) {
    return usage(fmt::format(
        "{}: secrets are never options, because other processes can read the command line: set "
        "MIXPANEL_TOKEN, MIXPANEL_USERNAME and MIXPANEL_SECRET, or use --credentials FILE",
        util::printable(flag)));
  }
  if (command.command == Command::status && name == "format") {
    return usage(
        "--format: status prints text only: programs read summary.json in the job's directory");
  }
  if (const auto* elsewhere = find_option(options, name, {})) {
    return usage(fmt::format("--{}: {} does not have this option: it belongs to {}", name,
                             command.name, commands_that_take(*elsewhere, commands, " and ")));
  }
  std::vector<std::string_view> names{"help"};
  for (const auto& entry : options) {
    if (belongs(entry, command.command)) names.push_back(entry.name);
  }
  auto hint = suggestion(name, names, "--");
  if (hint.empty()) hint = fmt::format("see idmerge {} --help", command.name);
  if (command.command == Command::explain) {
    hint += "; put an id that begins with a dash after --: idmerge explain --job DIR -- ID";
  }
  return usage(fmt::format("{}: unknown option: {}", util::printable(flag), hint));
}

/// Parses the value of a switch in the environment or a file.
Result<std::string> switch_text(const std::string& text, const std::string& where) {
  if (text == "true" || text == "1") return std::string("true");
  if (text == "false" || text == "0") return std::string("false");
  return usage(fmt::format("{}: \"{}\" is neither true nor false: write true or false", where,
                           util::printable(text)));
}

/// Runs CLI11 over the arguments after the command.
class FlagParser {
 public:
  FlagParser(const CommandEntry& command, std::span<const CommandEntry> commands,
             std::span<const OptionEntry> options)
      : command_(command), commands_(commands), options_(options) {
    app_.set_help_flag();
    app_.allow_extras();
    app_.add_flag("-h,--help", help_);
    for (const auto& entry : options) {
      if (belongs(entry, command.command)) add(entry);
    }
    if (command.takes_inputs) app_.add_option("INPUT", inputs_);
  }

  Result<void> parse(const std::vector<std::string>& arguments, RawOptions& typed) {
    if (auto full = check_values(arguments); !full) return full;
    try {
      app_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& e) {
      return explain(e);
    }
    typed.help = help_ > 0;
    if (typed.help) return {};
    for (const auto& word : app_.remaining()) {
      if (word == "--") continue;
      if (word.starts_with('-')) return unknown(word, arguments);
      return usage(fmt::format("\"{}\": {} takes no input: see idmerge {} --help",
                               util::printable(word), command_.name, command_.name));
    }
    typed.inputs = inputs_;
    if (auto whole = check_units(arguments); !whole) return whole;
    return collect(typed);
  }

 private:
  /// `word` is what CLI11 left unparsed of one of the arguments.
  Error unknown(std::string_view word, const std::vector<std::string>& arguments) const {
    for (const auto& argument : arguments) {
      if (argument == "--") break;
      if (!is_single_dashed(argument, options_, command_.command)) continue;
      const auto flag = std::string_view(argument).substr(0, argument.find('='));
      return usage(fmt::format("{}: has a single dash: write -{}", util::printable(flag),
                               util::printable(flag)));
    }
    return unknown_option(word, command_, commands_, options_);
  }

  /// Returns the option that a word names if it takes a value, in `--name=VALUE` or in the next
  /// word.
  const OptionEntry* valued_option(std::string_view word) const {
    if (!word.starts_with("--")) return nullptr;
    const auto* entry = find_option(options_, name_in(word), command_.command);
    return entry == nullptr || entry->is_switch() ? nullptr : entry;
  }

  /// Rejects `--name=` without a value, as left by an empty variable in a script: CLI11 would take
  /// the next word as the value, which is another option or an input.
  Result<void> check_values(const std::vector<std::string>& arguments) const {
    for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
      const std::string_view word = arguments[i];
      const auto* entry = valued_option(word);
      if (entry == nullptr) continue;
      const auto equals = word.find('=');
      if (equals == std::string_view::npos) {
        ++i;  // its value
      } else if (equals + 1 == word.size()) {
        return usage(fmt::format("--{}: is empty: write a value", entry->name));
      }
    }
    return {};
  }

  /// Rejects a unit that stands alone after an option's value: it belongs to that value and is no
  /// input.
  Result<void> check_units(const std::vector<std::string>& arguments) const {
    for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
      const std::string_view flag = arguments[i];
      const auto* entry = valued_option(flag);
      if (entry == nullptr) continue;
      const bool is_one_word = flag.find('=') != std::string_view::npos;
      const auto at = i + (is_one_word ? 1 : 2);
      if (at >= arguments.size() || !is_unit_of(*entry, arguments[at])) continue;
      const auto number =
          util::printable(is_one_word ? flag : fmt::format("{} {}", flag, arguments[i + 1]));
      return usage(fmt::format("{0} {1}: no blank between number and unit: write {0}{1}", number,
                               arguments[at]));
    }
    return {};
  }

  void add(const OptionEntry& entry) {
    const auto flags = entry.letter != 0 ? fmt::format("-{},--{}", entry.letter, entry.name)
                                         : fmt::format("--{}", entry.name);
    if (entry.is_switch()) {
      app_.add_flag(flags, switches_[&entry])->disable_flag_override();
      return;
    }
    app_.add_option(flags, values_[&entry])
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }

  /// Converts an error of CLI11, which names its own types, into one that names the option and what
  /// to write.
  Error explain(const CLI::ParseError& e) const {
    const std::string_view text = e.what();
    const auto flag = text.substr(0, text.find_first_of(": "));
    const auto name = flag.substr(std::min(flag.find_first_not_of('-'), flag.size()));
    const auto* entry = find_option(options_, name, command_.command);
    if (entry == nullptr) return usage(std::string(text));
    if (entry->is_switch()) {
      return usage(fmt::format("--{}: takes no value: write --{} alone", name, name));
    }
    return usage(fmt::format("--{}: its value is missing: write --{} {}", name, name,
                             entry->fallback.empty() ? entry->value : entry->fallback));
  }

  Result<void> collect(RawOptions& typed) {
    for (const auto& [entry, times] : switches_) {
      if (times > 0) typed.options.push_back({entry, "true", Origin::flag, flag_name(*entry)});
    }
    for (auto& [entry, texts] : values_) {
      if (texts.size() > 1 && !entry->repeatable) {
        return usage(
            fmt::format("--{}: is given {} times: give it once", entry->name, texts.size()));
      }
      for (auto& text : texts) {
        typed.options.push_back({entry, std::move(text), Origin::flag, flag_name(*entry)});
      }
    }
    return {};
  }

  static std::string flag_name(const OptionEntry& entry) { return fmt::format("--{}", entry.name); }

  const CommandEntry& command_;
  std::span<const CommandEntry> commands_;
  std::span<const OptionEntry> options_;
  CLI::App app_;
  int help_ = 0;
  std::map<const OptionEntry*, std::vector<std::string>> values_;
  std::map<const OptionEntry*, int> switches_;
  std::vector<std::string> inputs_;
};

Result<void> add_environment(std::span<const OptionEntry> options, const Environment& environment,
                             RawOptions& typed) {
  for (const auto& entry : options) {
    if (!belongs(entry, *typed.command) || entry.reach == Reach::flag) continue;
    const auto variable = variable_name(entry);
    auto text = environment(variable);
    if (!text || text->empty()) continue;
    if (entry.reach == Reach::flag_strict) {
      return usage(fmt::format("{}: --{} is taken from the command line only: unset it", variable,
                               entry.name));
    }
    if (typed.find(entry.name) != nullptr) continue;
    if (entry.is_switch()) {
      auto truth = switch_text(*text, variable);
      if (!truth) return truth.error();
      text = *truth;
    }
    typed.options.push_back({&entry, std::move(*text), Origin::environment, variable});
  }
  return {};
}

/// Returns whether the value is a number, whose spelling does not matter.
bool takes_number(const OptionEntry& entry) {
  switch (entry.kind) {
    case Kind::count:
    case Kind::limit:
    case Kind::share:
    case Kind::fraction:
    case Kind::size:
    case Kind::duration:
    case Kind::rate:
    case Kind::size_rate:
      return true;
    default:
      return false;
  }
}

Result<void> add_file(std::span<const OptionEntry> options, const ReadFile& read_file,
                      RawOptions& typed) {
  const auto* config = typed.find("config");
  if (config == nullptr) return {};
  const auto path = config->text;
  const auto file = fmt::format("{}: {}", config->where, util::printable(path));
  const auto in_file = [&](std::string_view what) {
    return usage(fmt::format("{}: {}", file, what));
  };
  const auto text = read_file(path);
  if (!text) return in_file(text.error().what);
  auto lines = parse_config(*text);
  if (!lines) return usage(fmt::format("{}:{}", file, lines.error().what));
  for (auto& line : *lines) {
    const auto* known = find_option(options, line.key, {});
    if (known == nullptr || known->name == "config") {
      std::vector<std::string_view> names;
      for (const auto& entry : options)
        names.push_back(entry.name);
      auto hint = suggestion(line.key, names, "");
      if (hint.empty()) hint = "see idmerge run --help";
      return in_file(fmt::format("line {}: {}: no such option: {}", line.line,
                                 util::printable(line.key), hint));
    }
    if (known->reach == Reach::flag_strict) {
      return in_file(fmt::format("line {}: {}: is taken from the command line only: remove it",
                                 line.line, line.key));
    }
    // One file serves all commands, so options of other commands are ignored.
    const auto* entry = find_option(options, line.key, typed.command);
    if (entry == nullptr || entry->reach == Reach::flag) continue;
    if (typed.find(entry->name) != nullptr) continue;
    const auto where = fmt::format("{}: line {}: {}", util::printable(path), line.line, line.key);
    if (!line.respelled.empty() && !entry->is_switch() && !takes_number(*entry)) {
      return usage(fmt::format(
          "{}: {} is read as a number, which is spelled differently: put the text in quotes", where,
          line.respelled));
    }
    if (entry->repeatable) {
      for (auto& value : line.values) {
        typed.options.push_back({entry, std::move(value), Origin::file, where});
      }
      continue;
    }
    auto value = fmt::format("{}", fmt::join(line.values, ","));
    if (entry->is_switch()) {
      auto truth = switch_text(value, where);
      if (!truth) return truth.error();
      value = *truth;
    }
    typed.options.push_back({entry, std::move(value), Origin::file, where});
  }
  return {};
}

/// The number of edits between two words: insert, remove, change, swap neighbors.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::vector<std::size_t> next(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = a[i - 1] == b[j - 1] ? 0 : 1;
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        next[j] = std::min(next[j], before[j - 2] + 1);
      }
    }
    before.swap(row);
    row.swap(next);
  }
  return row[b.size()];
}

/// Wraps text into lines that begin at column `indent`. The first line is assumed to be there
/// already.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string out;
  std::size_t width = indent;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (width > indent && width + 1 + word.size() > columns) {
      out += "\n" + std::string(indent, ' ');
      width = indent;
    } else if (width > indent) {
      out += ' ';
      ++width;
    }
    out += word;
    width += word.size();
  }
  return out;
}

std::string help_line(std::string head, std::string_view text) {
  if (head.size() + 2 > help_column) {
    head += "\n" + std::string(help_column, ' ');
  } else {
    head.resize(help_column, ' ');
  }
  return head + wrapped(text, help_column) + "\n";
}

/// `more` stands at the end.
std::string help_line(const OptionEntry& entry, std::string_view more = {}) {
  auto head = entry.letter != 0 ? fmt::format("  -{}, --{}", entry.letter, entry.name)
                                : fmt::format("  --{}", entry.name);
  if (!entry.value.empty()) head += fmt::format(" {}", entry.value);
  auto text = std::string(entry.help);
  if (!entry.fallback.empty()) text += fmt::format(" [{}]", entry.fallback);
  text += more;
  return help_line(std::move(head), text);
}

}  // namespace

const RawOption* RawOptions::find(std::string_view name) const {
  for (const auto& option : options) {
    if (option.entry->name == name) return &option;
  }
  return nullptr;
}

std::string variable_name(const OptionEntry& entry) {
  std::string out = "IDMERGE_";
  for (const char c : entry.name) {
    out += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return out;
}

std::vector<UnknownVariable> unknown_variables(const std::vector<std::string>& names,
                                               std::span<const OptionEntry> options) {
  constexpr std::string_view prefix = "IDMERGE_";
  // Used by the tests, which start the program with their own environment.
  constexpr std::array<std::string_view, 2> others{"SEED", "FAULT"};
  std::vector<std::string> variables;
  for (const auto& entry : options)
    variables.push_back(variable_name(entry).substr(prefix.size()));
  const std::vector<std::string_view> known(variables.begin(), variables.end());
  const auto is_among = [](const auto& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  std::vector<UnknownVariable> unknown;
  for (const auto& name : names) {
    if (!name.starts_with(prefix)) continue;
    const auto rest = std::string_view(name).substr(prefix.size());
    if (is_among(others, rest) || is_among(known, rest)) continue;
    // A name in lower case sets nothing either.
    std::string upper(rest);
    std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) {
      return c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    });
    const auto near = nearest(upper, known);
    if (!near) {
      unknown.push_back({name, "is no option: unset it, or see idmerge run --help", false});
      continue;
    }
    const auto at = std::find(known.begin(), known.end(), *near) - known.begin();
    const auto& entry = options[static_cast<std::size_t>(at)];
    unknown.push_back({name, fmt::format("is no option: did you mean {}{}?", prefix, *near),
                       entry.has(role::guard)});
  }
  return unknown;
}

std::optional<std::string_view> nearest(std::string_view typed,
                                        std::span<const std::string_view> names) {
  std::optional<std::string_view> best;
  std::size_t best_distance = std::max<std::size_t>(typed.size() / 3, 1) + 1;
  for (const auto name : names) {
    auto d = distance(typed, name);
    // An abbreviated name is more likely than a misspelling with so many missing letters.
    if (typed.size() >= 3 && name.starts_with(typed)) d = 1;
    if (d < best_distance) {
      best = name;
      best_distance = d;
    }
  }
  return best;
}

Result<RawOptions> parse_raw_options(std::span<const CommandEntry> commands,
                                     std::span<const OptionEntry> options,
                                     const std::vector<std::string>& arguments,
                                     const Environment& environment, const ReadFile& read_file) {
  RawOptions typed;
  if (arguments.empty()) return usage("no command: see idmerge --help");
  const auto& first = arguments[0];
  if (first == "--help" || first == "-h" || first == "help") {
    typed.help = true;
    return typed;
  }
  if (first == "--help-all") {
    typed.help = typed.help_all = true;
    return typed;
  }
  if (first == "--version") {
    typed.version = true;
    return typed;
  }
  const auto* command = find_command(commands, first);
  if (command == nullptr) {
    if (first.starts_with('-')) {
      return usage(fmt::format("{}: options come after the command: idmerge run {} ...",
                               util::printable(first), util::printable(first)));
    }
    std::vector<std::string_view> names;
    for (const auto& entry : commands)
      names.push_back(entry.name);
    auto hint = suggestion(first, names, "");
    if (hint.empty()) hint = "see idmerge --help";
    return usage(fmt::format("\"{}\": no such command: {}", util::printable(first), hint));
  }
  typed.command = command->command;
  FlagParser parser(*command, commands, options);
  if (auto parsed = parser.parse({arguments.begin() + 1, arguments.end()}, typed); !parsed) {
    return parsed.error();
  }
  if (typed.help) return typed;
  if (auto added = add_environment(options, environment, typed); !added) return added.error();
  if (auto added = add_file(options, read_file, typed); !added) return added.error();
  return typed;
}

std::string help_text(std::span<const CommandEntry> commands) {
  std::string out =
      "idmerge reads tables of (anonymous id, user id) pairs, works out offline what must be sent\n"
      "and what must never be sent, and delivers exactly that to Mixpanel's Identity API.\n\n"
      "Usage: idmerge COMMAND ...\n\n";
  for (const auto& command : commands) {
    out += help_line(fmt::format("  {} {}", command.name, command.arguments), command.help);
  }
  out += "\n" + help_line("  --help", "this text; idmerge COMMAND --help for the options of one") +
         help_line("  --help-all", "all options of all commands") +
         help_line("  --version", "the version");
  return out;
}

std::string help_text(const CommandEntry& command, std::span<const OptionEntry> options,
                      std::span<const std::string_view> groups) {
  auto out = fmt::format("Usage: idmerge {}{}{} [OPTIONS]\n\n{}\n", command.name,
                         command.arguments.empty() ? "" : " ", command.arguments,
                         wrapped(command.help, 0));
  for (const auto group : groups) {
    std::string lines;
    for (const auto& entry : options) {
      if (entry.group == group && belongs(entry, command.command)) lines += help_line(entry);
    }
    if (!lines.empty()) out += fmt::format("\n{}:\n{}", group, lines);
  }
  return out;
}

std::string help_all_text(std::span<const CommandEntry> commands,
                          std::span<const OptionEntry> options,
                          std::span<const std::string_view> groups) {
  auto out = help_text(commands);
  for (const auto group : groups) {
    out += fmt::format("\n{}:\n", group);
    for (const auto& entry : options) {
      if (entry.group != group) continue;
      out += help_line(entry, fmt::format(" ({}{})", commands_that_take(entry, commands, ", "),
                                          entry.reach == Reach::everywhere ? "" : "; flag only"));
    }
  }
  return out;
}

}  // namespace idmerge::cli
