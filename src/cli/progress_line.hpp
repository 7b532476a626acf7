// SPDX-License-Identifier: MIT
//
// The progress listener of the commands `plan` and `run`: a status line that is redrawn on a
// terminal, or a log line every few minutes elsewhere. The displayed rate is that of the last 30
// seconds, because an average since the start hides a stall.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "plan/progress.hpp"
#include "util/log.hpp"

namespace idmerge::cli {

/// The status line at the bottom of a terminal, below all log lines.
class StatusLine {
 public:
  /// `width` is called for each draw, because the terminal may be resized.
  StatusLine(util::Log::Write write, std::function<std::size_t()> width)
      : write_(std::move(write)), width_(std::move(width)) {}

  /// Replaces the displayed text; `text` is cut to the width.
  void draw(std::string_view text);

  void clear();

  /// Returns a writer for the log that prints above the status line.
  util::Log::Write above();

 private:
  util::Log::Write write_;
  std::function<std::size_t()> width_;
  bool shown_ = false;
};

/// Columns of the terminal on stderr, or 80.
std::size_t terminal_width();

/// The recent rate of a counter that only grows.
class RecentRate {
 public:
  using Elapsed = std::chrono::milliseconds;

  /// Units: `elapsed` since an arbitrary start, never decreasing.
  void add(Elapsed elapsed, std::uint64_t total);

  /// Units: per second, over the last 30 s, or over the known time if shorter.
  double per_s() const;

 private:
  struct Point {
    Elapsed at;
    std::uint64_t total;
  };
  std::deque<Point> points_;
};

struct ProgressOptions {
  bool line = false;                         // draw the status line
  std::chrono::milliseconds stats{300'000};  // without it, interval of log lines; 0: never
};

class ProgressListener final : public plan::Progress {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  /// `asked` returns whether somebody has requested a status (SIGUSR1), and clears the request.
  ProgressListener(ProgressOptions options, util::Log& log, StatusLine& line,
                   std::function<bool()> asked, Clock clock = std::chrono::steady_clock::now);

  void planning(const plan::PlanningNow& now) override;
  void sending(const plan::SendingNow& now) override;
  void note(plan::Weight weight, std::string_view text) override;

  /// Removes the status line.
  void end();

 private:
  void show(const std::string& text);

  ProgressOptions options_;
  util::Log& log_;
  StatusLine& line_;
  std::function<bool()> asked_;
  Clock clock_;
  std::mutex mutex_;  // several threads of the planner may report
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point said_;
  RecentRate planned_;
  RecentRate sent_;
};

/// "planning: 1,200,000 rows, 1,000,000 links, 45 % of 512MiB, 1,100,000 rows/s, 12s left"
std::string planning_text(const plan::PlanningNow& now, double rows_per_s, double bytes_per_s);

/// "sending: 12,345 of 98,412,003 links (<0.1 %), 500/s, 2d6h left, 3 refused, 12 retries"
std::string sending_text(const plan::SendingNow& now, double links_per_s);

}  // namespace idmerge::cli
