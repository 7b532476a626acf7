// SPDX-License-Identifier: MIT
//
// Log of the progress of a run over time, so that people can look up when a link was answered: the
// journal is removed with each checkpoint, and a run may take weeks. It has one line of text for
// about every ten seconds in which links were settled. Lines are appended next to the checkpoint
// and never synced, because nothing depends on them: a torn or missing line makes a result less
// precise, not wrong.
//
// Example: at 1795456810, in round 0, all of the first 400 links were settled except 17, which was
// parked, and no link from 413 on was settled:
//
//   1795456810 0 400 413 17 1122334455667788
//
// Parked links are separated by commas; "-" means none. If there are many, they are not listed, and
// no link from the first of them on counts as settled. Reopened links are treated like parked ones.
//
// The last field is the XXH3-64 of the text before it, seeded with the start of the plan digest.
// Lines with another checksum, such as those of another plan, are ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/files.hpp"
#include "send/checkpoint.hpp"
#include "util/digest.hpp"
#include "util/result.hpp"

namespace idmerge::send {

struct ProgressLogEntry {
  std::int64_t time_s = 0;                 // since 1970, rounded down
  std::uint64_t round = 0;                 // the round that the fields below describe
  std::uint64_t settled = 0;               // every link below it was settled ...
  std::uint64_t end = 0;                   // ... and no link from it on was
  std::vector<std::uint64_t> parked = {};  // except these; ascending
  bool operator==(const ProgressLogEntry&) const = default;
};

/// Returns: the entry for a checkpoint that was taken at this time.
ProgressLogEntry progress_log_entry(const Checkpoint& checkpoint, std::int64_t time_s);

/// Returns: the line of an entry, including its newline.
std::string progress_log_line(const ProgressLogEntry& entry, const util::Digest& plan);

/// Returns: the entries of all valid lines in their order. Their times may decrease, because the
/// clock may be set back.
std::vector<ProgressLogEntry> parse_progress_log(std::string_view text, const util::Digest& plan);

/// Units: seconds since 1970.
struct TimeSpan {
  std::int64_t from_s = 0;
  std::int64_t to_s = 0;
  bool operator==(const TimeSpan&) const = default;
};

/// Returns: the time span in which a link got its answer in this round, as precisely as the
/// timeline allows, within the span of the run.
/// Requires: the link has an answer.
TimeSpan settled_within(std::span<const ProgressLogEntry> progress_log, std::uint64_t round,
                        std::uint64_t ordinal, TimeSpan run);

/// Appends to the timeline of one plan's run. Thread safety: used by the sync thread.
class ProgressLog {
 public:
  ProgressLog(io::Files& files, std::string path) : files_(&files), path_(std::move(path)) {}

  /// Append an entry for a checkpoint that was taken at this time, if there is progress since the
  /// last entry, and if the last entry is old enough, of another round or of a later time, or the
  /// run has ended.
  ///
  /// Errors: ignored, because nothing depends on the entry; the next one is written instead.
  void note(const Checkpoint& checkpoint, std::int64_t time_s);

 private:
  Result<void> open();
  Result<void> append(const ProgressLogEntry& entry, const util::Digest& plan);

  io::Files* files_;
  std::string path_;
  io::File file_;
  std::optional<ProgressLogEntry> last_;
};

}  // namespace idmerge::send
