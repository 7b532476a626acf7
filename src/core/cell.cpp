// SPDX-License-Identifier: MIT
#include "idmerge/core/cell.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

namespace idmerge {
namespace {

/// Takes a fixed-form text apart from the left; once something does not fit, nothing fits.
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

  /// The digits behind the decimal point, as nanoseconds; more than nine are refused.
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

 private:
  int fail() {
    good_ = false;
    text_ = {};
    return 0;
  }

  std::string_view text_;
  bool good_ = true;
};

std::optional<std::int64_t> parse_time(std::string_view cell) {
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
  int offset_min = 0;
  if (const char zone = take.one_of("Zz+-"); zone == '+' || zone == '-') {
    const int zone_h = take.digits(2);
    take.one_of(":");
    const int zone_m = take.digits(2);
    if (zone_h > 23 || zone_m > 59) return std::nullopt;
    offset_min = (zone_h * 60 + zone_m) * (zone == '-' ? -1 : 1);
  }
  const year_month_day date{year{y}, month{month_of_year}, day{day_of_month}};
  if (!take.done() || !date.ok() || h > 23 || m > 59 || s > 60) return std::nullopt;
  if (y < 1678 || y > 2261) return std::nullopt;
  const std::int64_t days = sys_days{date}.time_since_epoch().count();
  const std::int64_t seconds = ((days * 24 + h) * 60 + m - offset_min) * 60 + s;
  return seconds * 1'000'000'000 + fraction_ns;
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
  if (kind != OrderKind::time) {
    std::int64_t value = 0;
    const auto* end = cell.data() + cell.size();
    const auto [stop, error] = std::from_chars(cell.data(), end, value);
    if (error == std::errc{} && stop == end && value != no_order) {
      kind = OrderKind::integer;
      return value;
    }
  }
  if (kind == OrderKind::integer) return std::nullopt;
  const auto time = parse_time(cell);
  if (time) kind = OrderKind::time;
  return time;
}

}  // namespace idmerge
