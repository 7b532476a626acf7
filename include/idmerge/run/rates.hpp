// SPDX-License-Identifier: MIT
//
// How fast the user wants it now: as typed, as the timetable has it at this hour, or as somebody
// said meanwhile with `idmerge rate`. Such a word stands in a file of the run, so that it needs no
// socket and no signal, outlives a kill, and can be given by whoever may write the job.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "idmerge/core/pace.hpp"
#include "idmerge/core/timetable.hpp"
#include "idmerge/disk/files.hpp"
#include "idmerge/disk/job.hpp"
#include "idmerge/run/progress.hpp"
#include "idmerge/run/send_options.hpp"

namespace idmerge {

/// Say how fast a run is to go from now on, whether it is at work or not.
/// Errors: usage for what is no rate and no timetable; outage.
Result<void> say_rate(Files& files, const RunPaths& paths, std::string_view words);

/// A rate in somebody's words.
struct SaidRate {
  std::string words;  // "20/s", "08:00,20/s 19:00,pause"
  Timetable table;
};

/// What was said last; nothing if nobody did, or a run was given a rate of its own since.
/// Errors: usage for what is no rate and no timetable; it is not heeded.
Result<std::optional<SaidRate>> said_rate(Files& files, const RunPaths& paths);

class Rates {
 public:
  /// Shape: `files`, `progress` and `options` must outlive it. Forgets what was said before if the
  /// options have a rate for this run.
  /// Units: at most `links_max` links a request.
  Rates(const SendOptions& options, std::size_t links_max, Files& files, const RunPaths& paths,
        Progress& progress);

  /// What holds at this moment; says so when it is something else than before, and, once, by which
  /// time zone the hours of a timetable are read. One look at a file's name a call: some twenty
  /// times a second.
  Allowance look();

 private:
  void say_zone();
  void look_at_file();
  Allowance of(const Pacing& pacing) const;

  const SendOptions& options_;
  double links_max_;
  Files& files_;
  std::string path_;
  Progress& progress_;
  std::optional<FileStat> seen_;  // of the file, when it was looked at last
  std::optional<Timetable> said_;
  std::optional<Allowance> last_;
  bool zone_is_said_ = false;
};

}  // namespace idmerge
