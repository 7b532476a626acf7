// SPDX-License-Identifier: MIT
#include "cli/progress_line.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/units.hpp"

namespace idmerge::cli {
namespace {

constexpr std::chrono::milliseconds window{30'000};

std::string time_left(std::uint64_t rest, double per_s) {
  if (rest == 0) return {};
  constexpr double longest_s = 10.0 * 365 * 86'400;
  if (per_s <= 0 || static_cast<double>(rest) / per_s > longest_s) return {};
  const auto ms = static_cast<std::int64_t>(static_cast<double>(rest) / per_s * 1000);
  return fmt::format(", {} left", util::rough_duration_text(std::chrono::milliseconds{ms}));
}

std::string pace_text(double per_s) {
  if (per_s < 10) return fmt::format("{:.1f}", per_s);
  return util::count_text(static_cast<std::uint64_t>(std::llround(per_s)));
}

/// Returns at most `columns` characters. Requires: ASCII and two-byte UTF-8, as this program
/// writes.
std::string_view cut(std::string_view text, std::size_t columns) {
  std::size_t at = 0;
  for (std::size_t shown = 0; at < text.size() && shown < columns; ++shown) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U)
      ++at;
  }
  return text.substr(0, at);
}

}  // namespace

void StatusLine::draw(std::string_view text) {
  // The last column stays free: a terminal that wraps there would leave a stale line behind.
  const auto columns = std::max<std::size_t>(width_(), 2) - 1;
  write_(fmt::format("\r{}\x1b[K", cut(text, columns)));
  shown_ = true;
}

void StatusLine::clear() {
  if (shown_) write_("\r\x1b[K");
  shown_ = false;
}

util::Log::Write StatusLine::above() {
  return [this](std::string_view line) {
    clear();
    write_(line);
  };
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void RecentRate::add(Elapsed elapsed, std::uint64_t total) {
  points_.push_back({elapsed, total});
  while (points_.size() > 2 && elapsed - points_[1].at >= window)
    points_.pop_front();
  // Bounds the memory if the caller reports too often, at the cost of accuracy.
  if (points_.size() > 1'000) points_.erase(points_.begin() + 1);
}

double RecentRate::per_s() const {
  if (points_.size() < 2) return 0;
  const auto& first = points_.front();
  const auto& last = points_.back();
  if (last.at <= first.at || last.total < first.total) return 0;
  return static_cast<double>(last.total - first.total) * 1000 /
         static_cast<double>((last.at - first.at).count());
}

std::string planning_text(const plan::PlanningNow& now, double rows_per_s, double bytes_per_s) {
  auto text = fmt::format("planning: {} rows, {} links", util::count_text(now.rows),
                          util::count_text(now.links));
  if (now.bytes_total > 0) {
    text += fmt::format(", {} of {}", util::share_text(now.bytes_read, now.bytes_total),
                        util::size_text(now.bytes_total));
  }
  if (rows_per_s > 0) text += fmt::format(", {} rows/s", pace_text(rows_per_s));
  if (now.bytes_total > now.bytes_read) {
    text += time_left(now.bytes_total - now.bytes_read, bytes_per_s);
  }
  return text;
}

std::string sending_text(const plan::SendingNow& now, double links_per_s) {
  const auto settled = now.delivered + now.refused;
  auto text = fmt::format("sending: {} of {} links ({}), {}/s", util::count_text(settled),
                          util::count_text(now.to_send), util::share_text(settled, now.to_send),
                          pace_text(links_per_s));
  const auto done = settled + now.parked;
  if (now.paused_for.count() > 0) {
    // The rate before the pause does not tell how long the rest takes.
    text +=
        fmt::format(", paused by the service for {}", util::rough_duration_text(now.paused_for));
  } else if (now.to_send > done) {
    text += time_left(now.to_send - done, links_per_s);
  }
  if (now.refused > 0) text += fmt::format(", {} refused", util::count_text(now.refused));
  if (now.parked > 0) text += fmt::format(", {} parked", util::count_text(now.parked));
  if (now.retries_now > 0) text += fmt::format(", {} retries", util::count_text(now.retries_now));
  if (now.rate_limited_now > 0)
    text += fmt::format(", {} rate-limited", util::count_text(now.rate_limited_now));
  if (now.since_success >= std::chrono::seconds(10)) {
    text += fmt::format(", no success for {}", util::rough_duration_text(now.since_success));
  }
  return text;
}

ProgressListener::ProgressListener(ProgressOptions options, util::Log& log, StatusLine& line,
                                   std::function<bool()> asked, Clock clock)
    : options_(options),
      log_(log),
      line_(line),
      asked_(std::move(asked)),
      clock_(std::move(clock)),
      started_(clock_()),
      said_(started_) {}

void ProgressListener::planning(const plan::PlanningNow& now) {
  const std::lock_guard guard(mutex_);
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(clock_() - started_);
  planned_.add(elapsed, now.rows);
  const double rows_per_s = planned_.per_s();
  const double share = now.rows == 0 ? 0 : rows_per_s / static_cast<double>(now.rows);
  show(planning_text(now, rows_per_s, share * static_cast<double>(now.bytes_read)));
}

void ProgressListener::sending(const plan::SendingNow& now) {
  const std::lock_guard guard(mutex_);
  sent_.add(now.elapsed, now.settled_now);
  show(sending_text(now, sent_.per_s()));
}

void ProgressListener::note(plan::Weight weight, std::string_view text) {
  const std::lock_guard guard(mutex_);
  log_.say(weight == plan::Weight::warning ? util::Level::warning : util::Level::info,
           util::printable(text));
}

void ProgressListener::show(const std::string& text) {
  const auto now = clock_();
  const bool due = !options_.line && options_.stats.count() > 0 && now - said_ >= options_.stats;
  if (asked_() || due) {
    log_.info(text);
    said_ = now;
  }
  if (options_.line) line_.draw(text);
}

void ProgressListener::end() {
  const std::lock_guard guard(mutex_);
  line_.clear();
}

}  // namespace idmerge::cli
