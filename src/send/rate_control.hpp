// SPDX-License-Identifier: MIT
//
// The rate that the user allows at the moment: as given by --rate, by its schedule for this hour,
// or later by `idmerge rate`. The last is stored in a file of the run: this needs no socket and no
// signal, survives a kill, and is open to anyone who may write to the job.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "io/files.hpp"
#include "plan/job_paths.hpp"
#include "plan/progress.hpp"
#include "send/pace.hpp"
#include "send/rate_schedule.hpp"
#include "send/send_options.hpp"
#include "util/clock.hpp"

namespace idmerge::send {

/// Sets the rate of a run from now on, whether it is running or not.
/// Errors: usage for an invalid rate or schedule; outage.
Result<void> request_rate(io::Files& files, const plan::RunPaths& paths, std::string_view words);

/// A rate as given by `idmerge rate`.
struct RequestedRate {
  std::string words;  // "20/s", "08:00,20/s 19:00,pause"
  RateSchedule table;
};

/// Returns: the rate last given by `idmerge rate`; nullopt if there is none, or if a later run had
/// a rate of its own.
/// Errors: usage for an invalid rate or schedule, which is not respected.
Result<std::optional<RequestedRate>> requested_rate(io::Files& files, const plan::RunPaths& paths);

class RateControl {
 public:
  /// Discards a rate given by `idmerge rate` if the options specify one for this run.
  /// Lifetime: `files`, `progress` and `options` must outlive this object. Units: `links_max` is
  /// the maximum number of links per request.
  RateControl(const SendOptions& options, std::size_t links_max, io::Files& files,
              const plan::RunPaths& paths, plan::Progress& progress,
              const util::Clock& clock = util::machine_clock());

  /// Returns: the rate allowed at this moment. Reports a change of it, and once the time zone of a
  /// schedule. Each call makes one stat() of the file; it is called about twenty times per second.
  Allowance look();

 private:
  void report_zone();
  void look_at_file();
  Allowance of(const Pacing& pacing) const;

  const SendOptions& options_;
  double links_max_;
  io::Files& files_;
  std::string path_;
  plan::Progress& progress_;
  const util::Clock& clock_;
  std::optional<io::FileStat> seen_;  // the file when it was last checked
  std::optional<RateSchedule> said_;
  std::optional<Allowance> last_;
  bool zone_is_said_ = false;
};

}  // namespace idmerge::send
