// SPDX-License-Identifier: MIT
#include "send/local_time.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "util/log.hpp"

namespace idmerge::send {
namespace {

constexpr std::string_view default_zone_file = "/etc/localtime";

/// Names of UTC that need no zone file.
constexpr std::array<std::string_view, 14> utc_names{
    "UTC",     "GMT",     "UCT",     "Universal",     "Zulu",     "Greenwich", "GMT0",
    "Etc/UTC", "Etc/GMT", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "Etc/GMT0",  "Etc/Greenwich"};

std::string zone_directory() {
  const char* directory = std::getenv("TZDIR");
  return directory != nullptr && *directory != '\0' ? directory : "/usr/share/zoneinfo";
}

std::string zone_path(std::string_view name) {
  return name.starts_with('/') ? std::string(name) : fmt::format("{}/{}", zone_directory(), name);
}

bool is_zone_file(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;  // a FIFO would block
  std::array<char, 4> magic{};
  std::ifstream(path, std::ios::binary).read(magic.data(), magic.size());
  return std::string_view(magic.data(), magic.size()) == "TZif";
}

/// Returns: the name of a zone file relative to the zone directory, or the whole path if it is
/// elsewhere.
std::string name_of(std::string_view path) {
  constexpr std::string_view directory = "/zoneinfo/";
  const auto at = path.rfind(directory);
  return std::string(at == std::string_view::npos ? path : path.substr(at + directory.size()));
}

bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Returns whether the text begins with a zone name and its offset from UTC, as in "CET-1" or
/// "<+0330>-3:30". glibc treats any text with such a prefix as a rule, whatever follows.
bool is_posix_rule(std::string_view text) {
  constexpr std::size_t name_min = 3;
  if (text.starts_with('<')) {
    const auto end = text.find('>');
    if (end == std::string_view::npos || end < name_min + 1) return false;
    text.remove_prefix(end + 1);
  } else {
    const auto end = std::find_if_not(text.begin(), text.end(), is_letter);
    if (end - text.begin() < static_cast<std::ptrdiff_t>(name_min)) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
  }
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && is_digit(text.front());
}

/// Returns: the zone of the machine, from /etc/localtime or its target.
LocalZone machine_zone() {
  const std::string path(default_zone_file);
  std::error_code none;
  const auto link = std::filesystem::read_symlink(path, none);
  if (is_zone_file(path)) return {none ? path : name_of(link.string()), {}};
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, none))) return {"UTC", {}};
  return {"UTC", fmt::format("{}: is no time zone file and leads to none, so hours are those of "
                             "UTC: install tzdata, or set TZ",
                             path)};
}

/// Returns: a text such as "UTC+1" or "UTC-3:30".
std::string offset_text(long seconds) {
  const long minutes = std::abs(seconds) / 60;
  auto text = fmt::format("UTC{}{}", seconds < 0 ? '-' : '+', minutes / 60);
  if (minutes % 60 != 0) text += fmt::format(":{:02}", minutes % 60);
  return text;
}

}  // namespace

WeekTime local_week_time(std::time_t now) {
  std::tm local{};
  ::localtime_r(&now, &local);
  return week_time(local.tm_wday, local.tm_hour, local.tm_min, local.tm_sec);
}

LocalZone local_zone() {
  const char* variable = std::getenv("TZ");
  if (variable == nullptr) return machine_zone();
  std::string_view text(variable);
  if (text.starts_with(':')) text.remove_prefix(1);
  if (text.empty()) return {"UTC", {}};
  if (is_zone_file(zone_path(text))) return {name_of(text), {}};
  if (is_posix_rule(text)) return {std::string(text), {}};
  if (std::find(utc_names.begin(), utc_names.end(), text) != utc_names.end()) return {"UTC", {}};
  return {"UTC", fmt::format("TZ={}: this machine has no such time zone, so hours are those of "
                             "UTC: correct TZ, or install tzdata",
                             util::printable(variable))};
}

std::string local_time_text(std::time_t now, const LocalZone& zone) {
  std::tm local{};
  ::localtime_r(&now, &local);
  auto text = fmt::format("local time {:02}:{:02} {}", local.tm_hour, local.tm_min,
                          util::printable(zone.name));
  if (zone.name != "UTC") text += ", " + offset_text(local.tm_gmtoff);
  return text;
}

}  // namespace idmerge::send
