// SPDX-License-Identifier: MIT
#include "send/progress_log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

namespace idmerge::send {
namespace {

/// Minimum interval of entries, so that three weeks take about 8 MB.
constexpr std::int64_t every_s = 10;

/// Later than any real time, and low enough that sums cannot overflow.
constexpr std::int64_t time_s_max = std::int64_t{1} << 40;

constexpr std::size_t checksum_digits = 16;
constexpr std::size_t parked_max = 16;

std::uint64_t line_checksum(std::string_view text, const util::Digest& plan) {
  std::uint64_t seed = 0;
  std::memcpy(&seed, plan.data(), sizeof seed);
  return util::checksum(text, seed);
}

std::string line_text(const ProgressLogEntry& entry) {
  return fmt::format("{} {} {} {} {} ", entry.time_s, entry.round, entry.settled, entry.end,
                     entry.parked.empty() ? "-" : fmt::format("{}", fmt::join(entry.parked, ",")));
}

/// Parse a number and remove it with the separator after it.
template <class Number>
bool take(std::string_view& text, Number& number, std::string_view signs = " ") {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || stop == text.data() + text.size()) return false;
  if (signs.find(*stop) == std::string_view::npos) return false;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()) + 1);
  return true;
}

bool take_list(std::string_view text, std::vector<std::uint64_t>& numbers) {
  if (text.starts_with("- ")) return true;
  for (char sign = ','; sign == ',';) {
    const auto all = text;
    if (!take(text, numbers.emplace_back(), ", ")) return false;
    sign = all[all.size() - text.size() - 1];
  }
  return std::is_sorted(numbers.begin(), numbers.end());
}

std::optional<ProgressLogEntry> parse_line(std::string_view line, const util::Digest& plan) {
  ProgressLogEntry entry;
  auto rest = line;
  if (!take(rest, entry.time_s) || !take(rest, entry.round) || !take(rest, entry.settled) ||
      !take(rest, entry.end) || !take_list(rest, entry.parked)) {
    return {};
  }
  if (entry.time_s < 0 || entry.time_s > time_s_max) return {};
  // Each entry has exactly one representation: the checksum is computed from the parsed values.
  if (fmt::format("{}\n", line) != progress_log_line(entry, plan)) return {};
  return entry;
}

}  // namespace

ProgressLogEntry progress_log_entry(const Checkpoint& checkpoint, std::int64_t time_s) {
  const auto& ledger = checkpoint.ledger;
  ProgressLogEntry entry{time_s, checkpoint.round, ledger.watermark, ledger.end()};
  // Parked and reopened links are pending, although they are below the watermark.
  const LinkSet reopened(ledger.reopened);
  if (ledger.parked.size() + reopened.size() > parked_max) {
    if (!ledger.parked.empty()) {
      entry.settled = std::min(entry.settled, ledger.parked.front().ordinal);
    }
    if (!reopened.empty()) entry.settled = std::min(entry.settled, ledger.reopened.front().first);
    return entry;
  }
  for (const auto& parked : ledger.parked)
    entry.parked.push_back(parked.ordinal);
  for (const auto& [first, count] : ledger.reopened) {
    for (auto ordinal = first; ordinal < first + count; ++ordinal)
      entry.parked.push_back(ordinal);
  }
  std::sort(entry.parked.begin(), entry.parked.end());
  return entry;
}

std::string progress_log_line(const ProgressLogEntry& entry, const util::Digest& plan) {
  const auto text = line_text(entry);
  return fmt::format("{}{:0{}x}\n", text, line_checksum(text, plan), checksum_digits);
}

std::vector<ProgressLogEntry> parse_progress_log(std::string_view text, const util::Digest& plan) {
  std::vector<ProgressLogEntry> entries;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (const auto entry = parse_line(text.substr(0, end), plan)) entries.push_back(*entry);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return entries;
}

TimeSpan settled_within(std::span<const ProgressLogEntry> progress_log, std::uint64_t round,
                        std::uint64_t ordinal, TimeSpan run) {
  TimeSpan span = run;
  for (const auto& entry : progress_log) {
    const bool is_parked = std::binary_search(entry.parked.begin(), entry.parked.end(), ordinal);
    const bool is_settled = entry.settled > ordinal && !is_parked;
    if (entry.round > round || (entry.round == round && is_settled)) {
      span.to_s = entry.time_s + 1;  // time_s is rounded down
      break;
    }
    if (entry.round < round || entry.end <= ordinal || is_parked) span.from_s = entry.time_s;
  }
  // If the clock was set, the entries contradict the run or each other.
  return span.from_s > span.to_s || span.from_s < run.from_s || span.to_s > run.to_s ? run : span;
}

Result<void> ProgressLog::open() {
  auto file = files_->open_append(path_);
  if (!file) return file.error();
  const auto stat = file->stat();
  if (!stat) return stat.error();
  // The previous process may have died while it wrote its last line.
  std::array<char, 1> last{'\n'};
  if (stat->size_bytes > 0) {
    if (const auto read = file->read_at(stat->size_bytes - 1, last); !read) return read.error();
  }
  if (last.front() != '\n') {
    if (auto done = file->append("\n"); !done) return done.error();
  }
  file_ = std::move(*file);
  return {};
}

Result<void> ProgressLog::append(const ProgressLogEntry& entry, const util::Digest& plan) {
  if (!file_) {
    if (auto opened = open(); !opened) return opened;
  }
  return file_.append(progress_log_line(entry, plan));
}

void ProgressLog::note(const Checkpoint& checkpoint, std::int64_t time_s) {
  auto entry = progress_log_entry(checkpoint, time_s);
  if (last_) {
    const bool is_later_round = entry.round != last_->round;
    const bool is_new = is_later_round || entry.settled != last_->settled ||
                        entry.end != last_->end || entry.parked != last_->parked;
    const bool has_ended = checkpoint.in_flight_max == 0;
    // If the clock was set back, an entry is due at once: earlier times now have another meaning.
    const bool is_due =
        has_ended || is_later_round || time_s < last_->time_s || time_s >= last_->time_s + every_s;
    if (!is_new || !is_due) return;
  }
  if (append(entry, checkpoint.plan)) {
    last_ = std::move(entry);
  } else {
    file_ = io::File();  // open() then ends a torn line, so that it does not damage the next one
  }
}

}  // namespace idmerge::send
