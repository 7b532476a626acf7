// SPDX-License-Identifier: MIT
//
// What is typed. The first byte says what the rest is:
//   q  a quantity, a target, the words of a command: what is accepted is printed, and reads back as
//      the same
//   t  a timetable: what holds at every minute is what holds in a naive one
//   o  NAME=VALUE: as a flag, in the environment and in a file it is judged alike
//   c  a command line, a word a line: no option is set twice, a refusal is one line
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/credentials.hpp"
#include "cli/settings.hpp"
#include "net/url.hpp"
#include "send/rate_schedule.hpp"
#include "util/check.hpp"
#include "util/units.hpp"
#include "util/utf8.hpp"

#include "quoted_for_config.hpp"
#include "refused_line.hpp"

using namespace idmerge;
using namespace idmerge::testing;
using namespace idmerge::cli;
using namespace idmerge::net;
using namespace idmerge::plan;
using namespace idmerge::send;
using namespace idmerge::util;

namespace {

void check_refused(const Error& error) {
  IDMERGE_CHECK(error.code == Errc::usage);
  check_words(error);
}

/// What reads is printed, and what is printed reads as the same.
template <class Parse, class Print>
void check_quantity(std::string_view text, Parse parse, Print print) {
  const auto value = parse(text);
  if (!value) {
    check_refused(value.error());
    return;
  }
  const auto again = parse(print(*value));
  IDMERGE_CHECK(again.has_value() && *again == *value);
}

void check_quantities(std::string_view text) {
  check_quantity(text, parse_count, count_text);
  check_quantity(text, parse_duration, duration_text);
  check_quantity(text, parse_rate, [](const Rate& rate) { return rate_text(rate); });
  check_quantity(
      text, [](std::string_view share) { return parse_percent(share); }, percent_text);
  check_quantity(
      text, [](std::string_view limit) { return parse_limit(limit); }, limit_text);
  // A size is printed in short for people; in bytes it is exact.
  check_quantity(text, parse_size, [](std::uint64_t size) { return std::to_string(size) + "B"; });
}

constexpr std::size_t minutes_a_day = 24 * 60;
constexpr std::size_t minutes_a_week = 7 * minutes_a_day;

/// Which word of an accepted timetable says what holds at each minute of the week.
std::array<std::string_view, minutes_a_week> naive_timetable(std::string_view text) {
  constexpr std::string_view days = "montuewedthufrisatsun";
  std::array<std::string_view, minutes_a_week> said{};
  std::array<bool, minutes_a_week> of_a_day{};
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(" ;"), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    const auto clock_at = word.find(':') - 2;
    const auto number = [&](std::size_t at) {
      return static_cast<std::size_t>((word[at] - '0') * 10 + (word[at + 1] - '0'));
    };
    const auto minute = number(clock_at) * 60 + number(clock_at + 3);
    const auto pacing = word.substr(clock_at + 6);
    std::string name(word.substr(0, clock_at == 0 ? 0 : 3));
    for (char& c : name)
      c = static_cast<char>(c | 0x20);
    for (std::size_t day = 0; day < 7; ++day) {
      const auto at = day * minutes_a_day + minute;
      if (name.empty() ? of_a_day[at] : days.substr(day * 3, 3) != name) continue;
      said[at] = pacing;
      of_a_day[at] = !name.empty();
    }
  }
  for (int week = 0; week < 2; ++week) {  // Sunday's last word holds on Monday, too
    for (std::size_t at = 0; at < minutes_a_week; ++at) {
      if (said[at].empty()) said[at] = said[(at + minutes_a_week - 1) % minutes_a_week];
    }
  }
  return said;
}

Pacing pacing_of(std::string_view word) {
  if (word == "pause") return {{}, true};
  return {*parse_rate(word), false};
}

void check_timetable(std::string_view text) {
  const auto table = RateSchedule::parse(text);
  if (!table) {
    check_refused(table.error());
    return;
  }
  if (text.find(',') == std::string_view::npos) {
    IDMERGE_CHECK(table->at(WeekTime{0}) == pacing_of(text) && !table->next_change(WeekTime{0}));
    IDMERGE_CHECK(*RateSchedule::parse(pacing_text(pacing_of(text))) == *table);
    return;
  }
  const auto said = naive_timetable(text);
  std::map<std::string_view, Pacing> pacings;
  for (std::size_t at = 0; at < minutes_a_week; ++at) {
    IDMERGE_CHECK(!said[at].empty());
    const auto [known, is_new] = pacings.try_emplace(said[at]);
    if (is_new) known->second = pacing_of(said[at]);
    const WeekTime now = std::chrono::minutes(at);
    IDMERGE_CHECK(table->at(now) == known->second);
    if (at % 97 != 0) continue;
    IDMERGE_CHECK(table->at(now + std::chrono::seconds(59)) == known->second);
    const auto next = table->next_change(now);
    IDMERGE_CHECK(!next || !(table->at(*next) == known->second));
  }
}

void check_target(std::string_view text) {
  const auto target = parse_target(text);
  if (target) {
    const auto url = target->url();
    IDMERGE_CHECK(printable(url) == url && url.find_first_of(" @?#") == std::string::npos);
    IDMERGE_CHECK(target->tls || target->loopback());
    const auto again = parse_target(url);
    IDMERGE_CHECK(again.has_value() && *again == *target);
    static_cast<void>(exempt_from_proxy(*target, text));
  } else {
    check_refused(target.error());
  }
  const auto proxy = parse_proxy(text, false);
  if (!proxy) {
    check_refused(proxy.error());
    return;
  }
  IDMERGE_CHECK(proxy->username.empty() && proxy->password.empty());
  const auto from_environment = parse_proxy(text, true);
  IDMERGE_CHECK(from_environment.has_value() && *from_environment == *proxy);
}

void check_command(std::string_view text) {
  const auto words = split_words(text);
  if (!words) {
    check_refused(words.error());
    return;
  }
  std::string quoted;
  for (const auto& word : *words) {
    quoted += " \"";
    for (const char c : word) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    quoted += "\"\n";
  }
  const auto again = split_words(quoted);
  IDMERGE_CHECK(again.has_value() && *again == *words);
}

/// Where somebody may set an option.
struct Places {
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  std::string file;
};

Result<Settings> settings_of(const Places& places) {
  const auto typed = parse_raw_options(
      command_table(), option_table(), places.arguments,
      [&](const std::string& name) -> std::optional<std::string> {
        const auto found = places.environment.find(name);
        if (found == places.environment.end()) return {};
        return found->second;
      },
      [&](const std::string&) -> Result<std::string> { return places.file; });
  if (!typed) return typed.error();
  for (const auto& option : typed->options) {
    const auto times =
        std::count_if(typed->options.begin(), typed->options.end(),
                      [&](const auto& other) { return other.entry->name == option.entry->name; });
    IDMERGE_CHECK(times == 1 || option.entry->repeatable);
  }
  if (typed->help || typed->version) return Error{Errc::usage, "asks for help"};
  return parse_settings(*typed);
}

/// What became of an option: a message without the place it was set in, or all it can change.
std::string verdict(const Result<Settings>& settings, const OptionEntry& entry,
                    std::string_view where) {
  if (settings) {
    std::string text = plan_values(settings->plan).text() + values_to_record(*settings).text();
    for (const auto& option : settings->typed) {
      if (option.entry == &entry) text += "\n" + option.text;
    }
    return text;
  }
  check_refused(settings.error());
  auto what = settings.error().what;
  const std::string flag = "--" + std::string(entry.name) + ": ";
  for (const auto& prefix : {std::string(where) + ": ", flag}) {
    if (what.starts_with(prefix)) what.erase(0, prefix.size());
  }
  return "refused: " + what;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto character = read_utf8(text);
    if (character.bytes == 0) return false;
    text.remove_prefix(character.bytes);
  }
  return true;
}

void check_option(const OptionEntry& entry, const std::string& value) {
  // An empty variable is none; a NUL is in neither a command line nor a variable.
  if (value.empty() || value.find('\0') != std::string::npos) return;
  if (entry.reach != Reach::everywhere || entry.value.empty() || entry.name == "config") return;
  const auto command =
      std::find_if(command_table().begin(), command_table().end(),
                   [&](const auto& it) { return (entry.commands & only(it.command)) != 0; });
  Places base;
  base.arguments = {std::string(command->name), "--config=night.toml"};
  if (command->takes_inputs) base.arguments.emplace_back("input");
  const std::string name(entry.name);
  // What is slow to find out, and what other options would ask for.
  if (name != "memory" && command->name != "emulator") base.environment["IDMERGE_MEMORY"] = "1GiB";
  if (name != "job" && command->name != "emulator") base.environment["IDMERGE_JOB"] = "j";

  auto by_flag = base;
  by_flag.arguments.push_back("--" + name + "=" + value);
  auto by_variable = base;
  by_variable.environment[variable_name(entry)] = value;
  auto by_file = base;
  by_file.file = "# night\n" + name + " = " + quoted_for_config(value) + "\n";

  const auto flag = verdict(settings_of(by_flag), entry, "--" + name);
  IDMERGE_CHECK(verdict(settings_of(by_variable), entry, variable_name(entry)) == flag);
  if (!is_utf8(value)) return;  // no file can have it
  IDMERGE_CHECK(verdict(settings_of(by_file), entry, "night.toml: line 2: " + name) == flag);
}

void check_command_line(std::string_view text) {
  Places places;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    places.arguments.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  for (auto& argument : places.arguments)
    argument = argument.substr(0, argument.find('\0'));
  places.environment["IDMERGE_MEMORY"] = "1GiB";
  const auto settings = settings_of(places);
  if (!settings) check_refused(settings.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'q':
      check_quantities(text);
      check_target(text);
      check_command(text);
      break;
    case 't':
      check_timetable(text);
      break;
    case 'o': {
      const auto equals = text.find('=');
      if (equals == std::string::npos) break;
      for (const auto& entry : option_table()) {
        if (entry.name == text.substr(0, equals)) check_option(entry, text.substr(equals + 1));
      }
      break;
    }
    case 'c':
      check_command_line(text);
      break;
    default:
      break;
  }
  return 0;
}
