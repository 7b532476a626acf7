// SPDX-License-Identifier: MIT
#include "send/backoff.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "util/check.hpp"

namespace idmerge::send {
namespace {

constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Consumes a text from the left. Every function returns whether it found what it expects.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  bool word(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }

  bool number(std::size_t digits, int& value) {
    if (rest_.size() < digits) return false;
    value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return false;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return true;
  }

  bool month(int& value) {
    for (std::size_t i = 0; i < months.size(); ++i) {
      if (word(months[i])) {
        value = static_cast<int>(i) + 1;
        return true;
      }
    }
    return false;
  }

  /// Skips the name of a weekday, which is redundant.
  bool letters(std::size_t least) {
    std::size_t count = 0;
    while (count < rest_.size() && ((rest_[count] | 0x20) >= 'a' && (rest_[count] | 0x20) <= 'z')) {
      ++count;
    }
    rest_.remove_prefix(count);
    return count >= least;
  }

  bool clock(int& hour, int& minute, int& second) {
    return number(2, hour) && word(":") && number(2, minute) && word(":") && number(2, second);
  }

  /// HTTP dates are always in GMT; equivalent spellings are accepted.
  bool zone() { return word(" GMT") || word(" UTC") || word(" +0000") || word(" +00:00"); }

  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

struct Date {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

// "Sun, 06 Nov 1994 08:49:37 GMT"
bool read_fixdate(std::string_view text, Date& date) {
  Cursor at(text);
  return at.letters(3) && at.word(", ") && at.number(2, date.day) && at.word(" ") &&
         at.month(date.month) && at.word(" ") && at.number(4, date.year) && at.word(" ") &&
         at.clock(date.hour, date.minute, date.second) && at.zone() && at.at_end();
}

// "Sunday, 06-Nov-94 08:49:37 GMT"; two-digit years below 70 are in this century.
bool read_rfc850(std::string_view text, Date& date) {
  Cursor at(text);
  const bool read = at.letters(6) && at.word(", ") && at.number(2, date.day) && at.word("-") &&
                    at.month(date.month) && at.word("-") && at.number(2, date.year) &&
                    at.word(" ") && at.clock(date.hour, date.minute, date.second) && at.zone() &&
                    at.at_end();
  if (read) date.year += date.year < 70 ? 2000 : 1900;
  return read;
}

// "Sun Nov  6 08:49:37 1994"
bool read_asctime(std::string_view text, Date& date) {
  Cursor at(text);
  return at.letters(3) && at.word(" ") && at.month(date.month) && at.word(" ") &&
         (at.word(" ") ? at.number(1, date.day) : at.number(2, date.day)) && at.word(" ") &&
         at.clock(date.hour, date.minute, date.second) && at.word(" ") && at.number(4, date.year) &&
         at.at_end();
}

/// Parses "120", and "8.5" as some services write it.
std::optional<std::chrono::seconds> parse_delay(std::string_view text) {
  const auto whole = text.substr(0, text.find('.'));
  const auto fraction = text.substr(std::min(text.size(), whole.size() + 1));
  const bool has_point = whole.size() < text.size();
  constexpr std::string_view digits = "0123456789";
  if (whole.empty() || (has_point && fraction.empty()) ||
      whole.find_first_not_of(digits) != std::string_view::npos ||
      fraction.find_first_not_of(digits) != std::string_view::npos) {
    return std::nullopt;
  }
  std::uint64_t seconds = 0;
  const auto read = std::from_chars(whole.data(), whole.data() + whole.size(), seconds);
  if (read.ec != std::errc{} || seconds >= static_cast<std::uint64_t>(retry_after_max.count())) {
    return retry_after_max;  // also on overflow: the service requests a very long delay
  }
  const bool rounds_up = fraction.find_first_not_of('0') != std::string_view::npos;
  return std::chrono::seconds(seconds + (rounds_up ? 1 : 0));
}

}  // namespace

std::chrono::nanoseconds backoff(const BackoffOptions& options, unsigned attempt, double chance) {
  IDMERGE_CHECK(attempt >= 1 && chance >= 0 && chance < 1);
  const std::chrono::duration<double> min = options.min;
  const std::chrono::duration<double> max = std::max(options.min, options.max);
  const auto ceiling = std::min(max, min * std::exp2(std::min(attempt, 64U)));
  return std::chrono::duration_cast<std::chrono::nanoseconds>(min + (ceiling - min) * chance);
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  Date date;
  if (!read_fixdate(text, date)) {
    date = {};
    if (!read_rfc850(text, date)) {
      date = {};
      if (!read_asctime(text, date)) return std::nullopt;
    }
  }
  using namespace std::chrono;
  const year_month_day day{year(date.year), month(static_cast<unsigned>(date.month)),
                           std::chrono::day(static_cast<unsigned>(date.day))};
  if (!day.ok() || date.hour > 23 || date.minute > 59 || date.second > 60) return std::nullopt;
  return sys_days(day).time_since_epoch().count() * std::int64_t{86'400} + date.hour * 3'600 +
         date.minute * 60 + date.second;
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view text,
                                                      std::int64_t now_unix_s) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  if (text.empty()) return std::nullopt;

  if (const auto seconds = parse_delay(text)) return seconds;
  const std::int64_t most = retry_after_max.count();
  const auto date = parse_http_date(text);
  if (!date) return std::nullopt;
  if (*date <= now_unix_s) return std::chrono::seconds(0);
  // Unsigned arithmetic, because the difference of two arbitrary int64 values can overflow.
  const auto wait = static_cast<std::uint64_t>(*date) - static_cast<std::uint64_t>(now_unix_s);
  return wait > static_cast<std::uint64_t>(most) ? retry_after_max : std::chrono::seconds(wait);
}

double Chance::next() {
  return static_cast<double>(bits() >> 11) * 0x1.0p-53;
}

// Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
std::uint64_t Chance::bits() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

}  // namespace idmerge::send
