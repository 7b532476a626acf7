// SPDX-License-Identifier: MIT
//
// When a run was how far, for people who ask when a link was answered: the journal is dropped with
// each checkpoint, and a run may take weeks. One line of text every ten seconds or so in which
// links were settled, appended beside the checkpoint and never synced, since nothing rests on it: a
// line that is torn or missing makes an answer less exact, not wrong.
//
// Example: at 1795456810, in round 0, all of the first 400 links were settled but 17, which was
// parked, and none from 413 on:
//
//   1795456810 0 400 413 17 1122334455667788
//
// Parked links stand there with commas between them, "-" if there are none. Where they are many,
// they are not listed, and what lies behind the first of them does not count as settled.
//
// The last word is the XXH3-64 of the text before it, seeded with the start of the plan digest.
// Lines that do not fit it, of another plan for example, say nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/disk/checkpoint.hpp"
#include "idmerge/disk/digest.hpp"
#include "idmerge/disk/files.hpp"

namespace idmerge {

struct TimelineEntry {
  std::int64_t time_s = 0;                 // since 1970, rounded down
  std::uint64_t round = 0;                 // links below are of this one
  std::uint64_t settled = 0;               // every ordinal below it was settled ...
  std::uint64_t end = 0;                   // ... and no ordinal from it on was
  std::vector<std::uint64_t> parked = {};  // but these were not; ascending
  bool operator==(const TimelineEntry&) const = default;
};

/// What a checkpoint taken at a time says.
TimelineEntry timeline_entry(const Checkpoint& checkpoint, std::int64_t time_s);

/// A line, with its line end.
std::string timeline_line(const TimelineEntry& entry, const Digest& plan);

/// All lines that fit, as they were written. Their times may go back, as the clock may.
std::vector<TimelineEntry> parse_timeline(std::string_view text, const Digest& plan);

/// Units: seconds since 1970.
struct TimeSpan {
  std::int64_t from_s = 0;
  std::int64_t to_s = 0;
  bool operator==(const TimeSpan&) const = default;
};

/// When a link that has an answer got it, in its round: as closely as the lines tell, within the
/// span of the whole run.
TimeSpan settled_within(std::span<const TimelineEntry> timeline, std::uint64_t round,
                        std::uint64_t ordinal, TimeSpan run);

/// Appends to the timeline of one plan's run. Belongs to the disk thread.
class Timeline {
 public:
  Timeline(Files& files, std::string path) : files_(&files), path_(std::move(path)) {}

  /// Append what a checkpoint that was taken at a time says, if it says something new, and the last
  /// line is old enough, of another round or of a later time, or the run has ended.
  ///
  /// Errors: kept to itself, as nothing rests on the line; the next one is written in its place.
  void note(const Checkpoint& checkpoint, std::int64_t time_s);

 private:
  Result<void> open();
  Result<void> append(const TimelineEntry& entry, const Digest& plan);

  Files* files_;
  std::string path_;
  File file_;
  std::optional<TimelineEntry> last_;
};

}  // namespace idmerge
