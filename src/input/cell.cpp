// SPDX-License-Identifier: MIT
#include "input/cell.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

namespace idmerge::input {
namespace {

/// Consumes a fixed-format text from the left. After a mismatch everything else fails too.
class Taker {
 public:
  explicit Taker(std::string_view text) : text_(text) {}

  int digits(std::size_t count) {
    if (text_.size() < count) return fail();
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return fail();
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(count);
    return value;
  }

  char one_of(std::string_view choices) {
    if (text_.empty() || choices.find(text_.front()) == std::string_view::npos) {
      fail();
      return '\0';
    }
    const char found = text_.front();
    text_.remove_prefix(1);
    return found;
  }

  bool next_is(char wanted) const { return !text_.empty() && text_.front() == wanted; }

  bool next_is_digit() const {
    return !text_.empty() && text_.front() >= '0' && text_.front() <= '9';
  }

  /// Consumes this text if it comes next.
  bool skip(std::string_view wanted) {
    if (!text_.starts_with(wanted)) return false;
    text_.remove_prefix(wanted.size());
    return true;
  }

  bool at_end() const { return text_.empty(); }

  /// Consumes the digits after the decimal point as nanoseconds; more than nine are an error.
  std::int64_t nanoseconds() {
    std::int64_t value = 0;
    std::size_t count = 0;
    while (count < text_.size() && text_[count] >= '0' && text_[count] <= '9')
      ++count;
    if (count == 0 || count > 9) return fail();
    for (std::size_t i = 0; i < 9; ++i)
      value = value * 10 + (i < count ? text_[i] - '0' : 0);
    text_.remove_prefix(count);
    return value;
  }

  bool done() const { return good_ && text_.empty(); }

  void refuse() { fail(); }

 private:
  int fail() {
    good_ = false;
    text_ = {};
    return 0;
  }

  std::string_view text_;
  bool good_ = true;
};

struct Time {
  std::int64_t ns = 0;  // since 1970
  bool has_zone = true;
};

/// Consumes a time zone. `take` fails if the zone is malformed.
/// Returns: minutes east of UTC, or nothing if there is no zone.
std::optional<int> take_zone_min(Taker& take) {
  if (take.at_end()) return std::nullopt;
  take.skip(" ");
  if (take.skip("UTC") || take.skip("GMT")) return 0;
  const char zone = take.one_of("Zz+-");
  if (zone != '+' && zone != '-') return 0;
  const int hours = take.digits(2);
  const bool colon = take.skip(":");
  const int minutes = colon || take.next_is_digit() ? take.digits(2) : 0;
  if (hours > 23 || minutes > 59) take.refuse();
  return (hours * 60 + minutes) * (zone == '-' ? -1 : 1);
}

std::optional<Time> parse_time(std::string_view cell) {
  using namespace std::chrono;
  Taker take(cell);
  const int y = take.digits(4);
  take.one_of("-");
  const auto month_of_year = static_cast<unsigned>(take.digits(2));
  take.one_of("-");
  const auto day_of_month = static_cast<unsigned>(take.digits(2));
  take.one_of("Tt ");
  const int h = take.digits(2);
  take.one_of(":");
  const int m = take.digits(2);
  take.one_of(":");
  const int s = take.digits(2);
  std::int64_t fraction_ns = 0;
  if (take.next_is('.')) {
    take.one_of(".");
    fraction_ns = take.nanoseconds();
  }
  const auto zone_min = take_zone_min(take);
  const year_month_day date{year{y}, month{month_of_year}, day{day_of_month}};
  if (!take.done() || !date.ok() || h > 23 || m > 59 || s > 60) return std::nullopt;
  if (y < 1678 || y > 2261) return std::nullopt;
  const std::int64_t days = sys_days{date}.time_since_epoch().count();
  const std::int64_t seconds = ((days * 24 + h) * 60 + m - zone_min.value_or(0)) * 60 + s;
  return Time{seconds * 1'000'000'000 + fraction_ns, zone_min.has_value()};
}

/// Derives the unit of an integer from its number of digits.
OrderKind unit_of(std::int64_t value) {
  int digits = 0;
  for (; value > 0; value /= 10)
    ++digits;
  switch (digits) {
    case 10:
      return OrderKind::seconds;
    case 13:
      return OrderKind::milliseconds;
    case 16:
      return OrderKind::microseconds;
    case 19:
      return OrderKind::nanoseconds;
    default:
      return OrderKind::integer;
  }
}

constexpr bool counts_unit(OrderKind kind) {
  return kind >= OrderKind::seconds && kind <= OrderKind::nanoseconds;
}

constexpr bool is_number(OrderKind kind) {
  return kind == OrderKind::integer || counts_unit(kind);
}

}  // namespace

NullWords::NullWords(std::vector<std::string> words) : words_(std::move(words)) {
  words_.emplace_back("\\N");
  for (const auto& word : words_) {
    if (!word.empty()) starts_[static_cast<unsigned char>(word.front())] = true;
  }
}

bool NullWords::matches(std::string_view cell) const {
  return std::find(words_.begin(), words_.end(), cell) != words_.end();
}

std::optional<Op> parse_op(std::string_view cell) {
  if (cell == "create" || cell == "$identify") return Op::create;
  if (cell == "alias" || cell == "$create_alias") return Op::alias;
  if (cell == "merge" || cell == "$merge") return Op::merge;
  return std::nullopt;
}

std::optional<std::int64_t> parse_order(std::string_view cell, OrderKind& kind) {
  if (kind == OrderKind::unknown || is_number(kind)) {
    std::int64_t value = 0;
    const auto* end = cell.data() + cell.size();
    const auto [stop, error] = std::from_chars(cell.data(), end, value);
    if (error == std::errc{} && stop == end && value != no_order) {
      const auto unit = unit_of(value);
      if (counts_unit(unit) && counts_unit(kind) && unit != kind) return std::nullopt;
      if (!counts_unit(kind)) kind = unit;
      return value;
    }
    if (kind != OrderKind::unknown) return std::nullopt;
  }
  const auto time = parse_time(cell);
  if (!time) return std::nullopt;
  const auto found = time->has_zone ? OrderKind::time : OrderKind::local_time;
  if (kind != OrderKind::unknown && kind != found) return std::nullopt;
  kind = found;
  return time->ns;
}

}  // namespace idmerge::input
