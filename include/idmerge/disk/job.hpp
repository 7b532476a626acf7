// SPDX-License-Identifier: MIT
//
// Where things stand in a job directory, and whether a directory may be used as one. A job holds
// ids and a secret, so it is made 0700, and a directory that somebody else could have prepared (a
// symbolic link, another owner, writable by others) is refused.
//
//   pairs.csv.idmerge/
//     plan  rejected.ndjson  held.ndjson  summary.json  report.html  .gitignore
//     runs/1-of-1/  checkpoint  journal.<generation>  refused.ndjson  ambiguous.ndjson  timeline
//                   lock  rate
//     runs/rehearsal/  the same, and a summary.json and report.html of its own
#pragma once

#include <cstdint>
#include <string>

#include "idmerge/disk/files.hpp"

namespace idmerge {

/// The paths of one shard's run.
struct RunPaths {
  std::string dir;

  std::string checkpoint() const { return dir + "/checkpoint"; }
  std::string journal(std::uint64_t generation) const;
  std::string refused() const { return dir + "/refused.ndjson"; }
  std::string ambiguous() const { return dir + "/ambiguous.ndjson"; }
  std::string timeline() const { return dir + "/timeline"; }
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

/// Make the directory of a job and those of its run, or complete them.
///
/// Errors: Errc::usage if the path is no directory of ours (see check_job) or holds other files.
Result<JobPaths> make_job(Files& files, const std::string& dir);

/// Take an existing directory as a job.
///
/// Errors: Errc::usage if it is absent, a symbolic link, owned by another user or writable by
/// others.
Result<JobPaths> open_job(Files& files, const std::string& dir);

/// Make the directories for a rehearsal's throw-away run, `<job>/runs/rehearsal`, or complete them.
Result<RunPaths> make_rehearsal(Files& files, const JobPaths& job);

/// Remove what the rehearsal before left. Shape: its lock is ours.
Result<void> empty_rehearsal(Files& files, const RunPaths& run);

}  // namespace idmerge
