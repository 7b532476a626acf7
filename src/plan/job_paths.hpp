// SPDX-License-Identifier: MIT
//
// The paths of a job directory, and the checks that decide whether a directory may be used as one.
// A job contains ids and a secret, so its directory is created with mode 0700, and a directory that
// another user could have prepared (a symbolic link, another owner, writable by others) is an
// error.
//
//   pairs.csv.idmerge/
//     plan  rejected.ndjson  held.ndjson  summary.json  report.html  .gitignore
//     runs/1-of-1/  checkpoint  journal.<generation>  refused.ndjson  ambiguous.ndjson  timeline
//                   lock  rate
//     runs/rehearsal/  the same, and a summary.json and report.html of its own
#pragma once

#include <cstdint>
#include <string>

#include "io/files.hpp"

namespace idmerge::plan {

/// The paths of one shard's run.
struct RunPaths {
  std::string dir;

  std::string checkpoint() const { return dir + "/checkpoint"; }
  std::string journal(std::uint64_t generation) const;
  std::string refused() const { return dir + "/refused.ndjson"; }
  std::string ambiguous() const { return dir + "/ambiguous.ndjson"; }
  std::string progress_log() const { return dir + "/timeline"; }
  std::string lock() const { return dir + "/lock"; }
  std::string rate() const { return dir + "/rate"; }
};

/// The paths of a job.
struct JobPaths {
  std::string dir;

  std::string plan() const { return dir + "/plan"; }
  std::string rejected() const { return dir + "/rejected.ndjson"; }
  std::string held() const { return dir + "/held.ndjson"; }
  std::string summary() const { return dir + "/summary.json"; }
  std::string report() const { return dir + "/report.html"; }
  RunPaths run(const std::string& shard = "1-of-1") const { return {dir + "/runs/" + shard}; }
};

/// Create the directory of a job and those of its run, as far as they do not exist.
///
/// Errors: as open_job(), except that the directory may be absent; Errc::usage if it contains other
/// files.
Result<JobPaths> make_job(io::Files& files, const std::string& dir);

/// Check that an existing directory is a job.
///
/// Errors: Errc::usage if it is absent, not a job, a symbolic link, owned by another user or
/// writable by others; Errc::input if a directory of its run is not a directory.
Result<JobPaths> open_job(io::Files& files, const std::string& dir);

/// Create the directories for the temporary run of a rehearsal, `<job>/runs/rehearsal`, as far as
/// they do not exist.
Result<RunPaths> make_rehearsal(io::Files& files, const JobPaths& job);

/// Remove the files of the previous rehearsal. Requires: this process holds its lock.
Result<void> empty_rehearsal(io::Files& files, const RunPaths& run);

}  // namespace idmerge::plan
