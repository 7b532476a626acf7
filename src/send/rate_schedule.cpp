// SPDX-License-Identifier: MIT
#include "send/rate_schedule.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "util/log.hpp"

namespace idmerge::send {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t entries_max = 200;
constexpr std::array<std::string_view, 7> days{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr std::string_view form = "write for example 08:00,20/s 19:00,200/s Sat-00:00,pause";

Error wrong(std::string_view text, std::string_view why) {
  return {Errc::usage, fmt::format("\"{}\" {}: {}", util::printable(text), why, form)};
}

Result<Pacing> parse_pacing(std::string_view text) {
  if (text == "pause") return Pacing{{}, true};
  if (text == "off") {
    return Error{Errc::usage,
                 "\"off\" may be read in two ways: write 0 for no limit, or pause for nothing"};
  }
  const auto rate = util::parse_rate(text);
  if (!rate) return rate.error();
  return Pacing{*rate, false};
}

std::optional<int> day_of(std::string_view text) {
  if (text.size() != 3) return std::nullopt;
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto found = std::find(days.begin(), days.end(), lower);
  if (found == days.end()) return std::nullopt;
  return static_cast<int>(found - days.begin());
}

std::optional<WeekTime> parse_clock(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4)) {
    return std::nullopt;
  }
  const int hour = (text[0] - '0') * 10 + (text[1] - '0');
  const int minute = (text[3] - '0') * 10 + (text[4] - '0');
  if (hour > 23 || minute > 59) return std::nullopt;
  return hour * 1h + minute * 1min;
}

}  // namespace

WeekTime week_time(int weekday, int hour, int minute, int second) {
  // A leap second belongs to the minute that it ends: it counts as second 59.
  return (weekday + 6) % 7 * 24h + hour * 1h + minute * 1min + std::min(second, 59) * 1s;
}

std::string pacing_text(const Pacing& pacing) {
  return pacing.paused ? "pause" : util::rate_text(pacing.rate);
}

Result<RateSchedule> RateSchedule::parse(std::string_view text) {
  if (text.find(',') == std::string_view::npos) {
    const auto always = parse_pacing(text);
    if (!always) return always.error();
    return RateSchedule(*always);
  }
  std::map<WeekTime, Pacing> of_days;
  std::map<WeekTime, Pacing> of_every_day;
  std::size_t count = 0;
  for (auto rest = text; !rest.empty();) {
    const auto word = rest.substr(0, rest.find_first_of(" ;"));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    if (word.empty()) continue;
    if (++count > entries_max) {
      return wrong(text.substr(0, 40), fmt::format("has more than {} entries", entries_max));
    }
    const auto comma = word.find(',');
    if (comma == std::string_view::npos) return wrong(word, "is not HH:MM,RATE");
    auto when = word.substr(0, comma);
    std::optional<int> day;
    if (const auto dash = when.find('-'); dash != std::string_view::npos) {
      day = day_of(when.substr(0, dash));
      if (!day) return wrong(word, "begins with no day of the week");
      when.remove_prefix(dash + 1);
    }
    const auto clock = parse_clock(when);
    if (!clock) return wrong(word, "has no time of the day as 08:00");
    const auto pacing = parse_pacing(word.substr(comma + 1));
    if (!pacing) return pacing.error();
    auto& place = day ? of_days : of_every_day;
    if (!place.emplace(*clock + day.value_or(0) * 24h, *pacing).second) {
      return wrong(word, "says again what holds from that time on");
    }
  }
  if (count == 0) return wrong(text, "has no entry");
  for (int day = 0; day < 7; ++day) {
    for (const auto& [clock, pacing] : of_every_day)
      of_days.emplace(clock + day * 24h, pacing);  // an entry with a day takes precedence
  }
  RateSchedule table;
  for (const auto& [from, pacing] : of_days)
    table.entries_.push_back({from, pacing});
  return table;
}

std::size_t RateSchedule::index_at(WeekTime now) const {
  const auto after = std::upper_bound(entries_.begin(), entries_.end(), now,
                                      [](WeekTime t, const Entry& e) { return t < e.from; });
  return static_cast<std::size_t>((after == entries_.begin() ? entries_.end() : after) -
                                  entries_.begin() - 1);
}

const Pacing& RateSchedule::at(WeekTime now) const {
  return entries_[index_at(now)].pacing;
}

std::optional<WeekTime> RateSchedule::next_change(WeekTime now) const {
  const std::size_t here = index_at(now);
  for (std::size_t step = 1; step < entries_.size(); ++step) {
    const Entry& entry = entries_[(here + step) % entries_.size()];
    if (!(entry.pacing == entries_[here].pacing)) return entry.from;
  }
  return std::nullopt;
}

}  // namespace idmerge::send
