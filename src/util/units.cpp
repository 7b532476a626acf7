// SPDX-License-Identifier: MIT
#include "util/units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "util/check.hpp"
#include "util/log.hpp"

namespace idmerge::util {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array size_units{
    Unit{"b", 1},
    Unit{"kib", 1ull << 10},
    Unit{"mib", 1ull << 20},
    Unit{"gib", 1ull << 30},
    Unit{"tib", 1ull << 40},
    Unit{"kb", 1'000},
    Unit{"mb", 1'000'000},
    Unit{"gb", 1'000'000'000},
    Unit{"tb", 1'000'000'000'000},
};

// In descending order, which is also the order in a duration.
constexpr std::array duration_units{
    Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}, Unit{"ms", 1},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Error not_a(std::string_view text, std::string_view what, std::string_view example) {
  return {Errc::usage,
          fmt::format("\"{}\" is not {}: write for example {}", printable(text), what, example)};
}

Error too_large(std::string_view text) {
  return {Errc::usage, fmt::format("\"{}\" is too large", printable(text))};
}

std::string_view leading_digits(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n]))
    ++n;
  return text.substr(0, n);
}

/// Parses digits only. Returns nothing if there are none, or other characters, or on overflow.
std::optional<std::uint64_t> whole_number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || ec != std::errc{} || end != digits.data() + digits.size()) return {};
  return value;
}

/// Parses digits with at most one point between them: no sign, no exponent, no "inf".
std::optional<double> decimal_number(std::string_view text) {
  bool point = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_digit(text[i])) continue;
    if (text[i] != '.' || point || i == 0 || i + 1 == text.size()) return {};
    point = true;
  }
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || ec != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

/// Returns the shortest text that parses back to the same number, without an exponent, because
/// decimal_number() accepts none.
std::string plain_decimal(double value) {
  std::array<char, 400> text{};  // a double has at most 309 digits, or 325 after the point
  const auto done =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  IDMERGE_CHECK(done.ec == std::errc{});
  return {text.data(), done.ptr};
}

/// `what` and `example` describe the value for the error of a text that is no count.
Result<std::uint64_t> count_of(std::string_view text, std::string_view what,
                               std::string_view example) {
  const auto wrong = [&] { return not_a(text, what, example); };
  std::string digits;
  if (text.find(',') == std::string_view::npos) {
    digits = text;
  } else {
    // Accepts "1,000" but neither "1,00" nor "1000,000": a comma that does not separate groups may
    // be a decimal comma.
    auto rest = text;
    for (bool first = true; !rest.empty(); first = false) {
      const auto group = rest.substr(0, rest.find(','));
      if (group.empty() || group.size() > 3 || (!first && group.size() != 3)) return wrong();
      digits += group;
      if (group.size() == rest.size()) break;
      rest.remove_prefix(group.size() + 1);
      if (rest.empty()) return wrong();
    }
  }
  if (digits.empty() || leading_digits(digits).size() != digits.size()) return wrong();
  const auto value = whole_number(digits);
  if (!value) return too_large(text);
  return *value;
}

}  // namespace

bool Limit::exceeded(std::uint64_t part, std::uint64_t whole) const {
  switch (kind) {
    case Kind::none:
      return false;
    case Kind::count:
      return part > count;
    case Kind::percent:
      return static_cast<double>(part) * 100 > percent * static_cast<double>(whole);
  }
  return true;
}

Result<std::uint64_t> parse_count(std::string_view text) {
  return count_of(text, "a whole number", "10000 or 10,000");
}

Result<std::uint64_t> parse_count_or(std::string_view text, std::string_view word) {
  return count_of(text, "a whole number", fmt::format("10000, or {}", word));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto digits = leading_digits(text);
  const auto name = lower(text.substr(digits.size()));
  if (digits.empty()) return not_a(text, "a size", "64KiB, 1MiB or 10MB");
  const auto value = whole_number(digits);
  if (!value) return too_large(text);
  if (name.empty() && *value == 0) return std::uint64_t{0};
  for (const auto& unit : size_units) {
    if (unit.name != name) continue;
    if (*value > std::numeric_limits<std::uint64_t>::max() / unit.factor) return too_large(text);
    return *value * unit.factor;
  }
  return not_a(text, "a size", fmt::format("{}B, {}KiB or {}MiB", digits, digits, digits));
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const auto wrong = [&] { return not_a(text, "a duration", "20ms, 30s, 15m or 1h30m"); };
  if (text == "0") return std::chrono::milliseconds{0};
  std::uint64_t total = 0;
  std::size_t next_unit = 0;
  auto rest = text;
  if (rest.empty()) return wrong();
  while (!rest.empty()) {
    const auto digits = leading_digits(rest);
    rest.remove_prefix(digits.size());
    std::size_t letters = 0;
    while (letters < rest.size() && !is_digit(rest[letters]))
      ++letters;
    const auto name = rest.substr(0, letters);
    rest.remove_prefix(letters);
    if (digits.empty()) return wrong();
    auto unit = next_unit;
    while (unit < duration_units.size() && duration_units[unit].name != name)
      ++unit;
    if (unit == duration_units.size()) return wrong();
    next_unit = unit + 1;
    const auto value = whole_number(digits);
    const auto factor = duration_units[unit].factor;
    if (!value || *value > (most - total) / factor) return too_large(text);
    total += *value * factor;
  }
  return std::chrono::milliseconds{static_cast<std::int64_t>(total)};
}

Result<Rate> parse_rate(std::string_view text) {
  const auto wrong = [&] { return not_a(text, "a rate", "500/s"); };
  if (text == "0") return Rate{};
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) {
    if (decimal_number(text)) return not_a(text, "a rate", fmt::format("{}/s", text));
    return wrong();
  }
  auto amount = text.substr(0, slash);
  const auto unit = text.substr(slash + 1);
  const bool requests = amount.ends_with("req");
  if (requests) amount.remove_suffix(3);
  const auto value = decimal_number(amount);
  if (!value) return wrong();
  const double seconds = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (seconds == 0) return wrong();
  if (*value > 0 && *value / seconds < 1e-6) {
    return Error{Errc::usage, fmt::format("\"{}\" is too slow: write at least 1/h", text)};
  }
  if (*value / seconds > 1e9) return too_large(text);
  if (*value == 0) return Rate{};  // unlimited; the unit does not matter
  return Rate{*value / seconds, requests};
}

Result<double> parse_percent(std::string_view text, double most) {
  const auto wrong = [&] { return not_a(text, "a percentage", "5% or 0.5%"); };
  if (!text.ends_with('%')) return wrong();
  const auto value = decimal_number(text.substr(0, text.size() - 1));
  if (!value) return wrong();
  if (*value > most) {
    return Error{Errc::usage, fmt::format("\"{}\" is more than {}", text, percent_text(most))};
  }
  return *value;
}

Result<Limit> parse_limit(std::string_view text, double most) {
  if (text == "none") return Limit{};
  if (text.ends_with('%')) {
    const auto percent = parse_percent(text, most);
    if (!percent) return percent.error();
    return Limit{Limit::Kind::percent, 0, *percent};
  }
  const auto count = count_of(text, "a limit", "1000, 5% or none");
  if (!count) return count.error();
  return Limit{Limit::Kind::count, *count, 0};
}

std::string count_text(std::uint64_t count) {
  auto digits = fmt::format("{}", count);
  for (auto at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> names{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  std::uint64_t factor = 1;
  while (unit + 1 < names.size() && bytes / factor >= 1024) {
    factor *= 1024;
    ++unit;
  }
  if (bytes == 0) return "0";
  if (bytes % factor == 0) return fmt::format("{}{}", bytes / factor, names[unit]);
  return fmt::format("{:.1f}{}", static_cast<double>(bytes) / static_cast<double>(factor),
                     names[unit]);
}

std::string duration_text(std::chrono::milliseconds duration) {
  auto rest = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  if (rest == 0) return "0";
  std::string out;
  for (const auto& unit : duration_units) {
    if (rest < unit.factor) continue;
    out += fmt::format("{}{}", rest / unit.factor, unit.name);
    rest %= unit.factor;
  }
  return out;
}

std::string rough_duration_text(std::chrono::milliseconds duration) {
  auto rest = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  if (rest < 1'000) return fmt::format("{}ms", rest);
  if (rest < 10'000) return fmt::format("{:.1f}s", static_cast<double>(rest) / 1000);
  for (std::size_t i = 0; i + 1 < duration_units.size(); ++i) {
    const auto& unit = duration_units[i];
    if (rest < unit.factor) continue;
    const auto& below = duration_units[i + 1];
    const auto remainder = rest % unit.factor / below.factor;
    if (unit.name == "s" || remainder == 0)
      return fmt::format("{}{}", rest / unit.factor, unit.name);
    return fmt::format("{}{}{}{}", rest / unit.factor, unit.name, remainder, below.name);
  }
  return fmt::format("{}ms", rest);
}

std::string rate_text(const Rate& rate, bool grouped) {
  if (rate.per_s == 0) return "0";
  const auto whole = static_cast<std::uint64_t>(rate.per_s);
  const auto amount = grouped && static_cast<double>(whole) == rate.per_s
                          ? count_text(whole)
                          : plain_decimal(rate.per_s);
  return fmt::format("{}{}/s", amount, rate.requests ? "req" : "");
}

std::string percent_text(double percent) {
  return plain_decimal(percent) + "%";
}

std::string share_text(std::uint64_t part, std::uint64_t whole) {
  if (part == 0 || whole == 0) return "0 %";
  const double percent = 100 * static_cast<double>(part) / static_cast<double>(whole);
  if (part == whole) return "100 %";
  if (percent < 0.1) return "<0.1 %";
  if (percent > 99.9) return ">99.9 %";
  return fmt::format("{:.1f} %", percent);
}

std::string limit_text(const Limit& limit) {
  switch (limit.kind) {
    case Limit::Kind::count:
      return fmt::format("{}", limit.count);
    case Limit::Kind::percent:
      return percent_text(limit.percent);
    case Limit::Kind::none:
      break;
  }
  return "none";
}

}  // namespace idmerge::util
