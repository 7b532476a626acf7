// SPDX-License-Identifier: MIT
//
// The listener that the program hands to the journeys: one line that is drawn over and over on a
// terminal, or a line every few minutes elsewhere. The rate it shows is that of the last half
// minute, because an average since the start hides that nothing moves any more.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "idmerge/base/log.hpp"
#include "idmerge/run/progress.hpp"

namespace idmerge {

/// The last line of a terminal, below all others.
class StatusLine {
 public:
  /// `width` is asked each time it draws; it may change.
  StatusLine(Log::Write write, std::function<std::size_t()> width)
      : write_(std::move(write)), width_(std::move(width)) {}

  /// Show `text` in place of what is shown, cut to the width.
  void draw(std::string_view text);

  void clear();

  /// A writer for the log: its lines appear above this one.
  Log::Write above();

 private:
  Log::Write write_;
  std::function<std::size_t()> width_;
  bool shown_ = false;
};

/// Columns of the terminal on stderr, or 80.
std::size_t terminal_width();

/// Something that only grows, and how fast it did of late.
class RecentRate {
 public:
  using Elapsed = std::chrono::milliseconds;

  /// Units: `elapsed` since any beginning, never less than before.
  void add(Elapsed elapsed, std::uint64_t total);

  /// Units: a second, over the last 30 s, or as long as is known.
  double per_s() const;

 private:
  struct Point {
    Elapsed at;
    std::uint64_t total;
  };
  std::deque<Point> points_;
};

struct ProgressOptions {
  bool line = false;                         // draw the line
  std::chrono::milliseconds stats{300'000};  // without it, say one as often; 0: never
};

class ProgressListener final : public Progress {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  /// `asked` says whether somebody wants to know now (SIGUSR1), and forgets it.
  ProgressListener(ProgressOptions options, Log& log, StatusLine& line, std::function<bool()> asked,
                   Clock clock = std::chrono::steady_clock::now);

  void planning(const PlanningNow& now) override;
  void sending(const SendingNow& now) override;
  void note(Weight weight, std::string_view text) override;

  /// Take the line away.
  void end();

 private:
  void show(const std::string& text);

  ProgressOptions options_;
  Log& log_;
  StatusLine& line_;
  std::function<bool()> asked_;
  Clock clock_;
  std::mutex mutex_;  // the planner's threads may both speak
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point said_;
  RecentRate planned_;
  RecentRate sent_;
};

/// "planning: 1,200,000 rows, 1,000,000 links, 45 % of 512MiB, 1,100,000 rows/s, 12s left"
std::string planning_text(const PlanningNow& now, double rows_per_s, double bytes_per_s);

/// "sending: 12,345 of 98,412,003 links (<0.1 %), 500/s, 2d6h left, 3 refused, 12 repeats"
std::string sending_text(const SendingNow& now, double links_per_s);

}  // namespace idmerge
