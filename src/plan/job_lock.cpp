// SPDX-License-Identifier: MIT
#include "plan/job_lock.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "util/log.hpp"

namespace idmerge::plan {

JobLock::JobLock(io::Files& files, JobPaths job, RunPaths run)
    : job_(std::move(job)), run_(std::move(run)), files_(files) {}

Result<std::unique_ptr<JobLock>> JobLock::take(io::Files& files, const JobPaths& job,
                                               const RunPaths& run, Work work,
                                               const io::ProcessIdentity& me) {
  std::unique_ptr<JobLock> lock(new JobLock(files, job, run));
  if (auto pinned = lock->pin_dirs(); !pinned) return pinned.error();
  if (auto locked = lock->lock_all(work, me); !locked) return locked.error();
  // Between open and lock, another process may have replaced the files or directories.
  if (auto same = lock->check(); !same) {
    return Error{Errc::locked, job.dir + ": was changed while it was being locked: try again"};
  }
  lock->files_.allow_changes_if([lock = lock.get()] { return lock->is_whole(); });
  return lock;
}

Result<void> JobLock::pin_dirs() {
  using Kind = Known::Kind;
  for (const auto& [kind, dir] : {std::pair(Kind::job, job_.dir), std::pair(Kind::run, run_.dir)}) {
    if (auto pinned = files_.pin(dir); !pinned) return pinned;
    const auto stat = files_.dir(dir).stat();
    if (!stat) return stat.error();
    known_.push_back({kind, dir, *stat});
    identity_ = std::to_string(stat->inode);  // no device number: it may change with a remount
  }
  return {};
}

Result<void> JobLock::lock_all(Work work, const io::ProcessIdentity& me) {
  auto lock = io::Lock::take(files_, run_.lock(), me);
  if (!lock) return lock.error();
  lock_.emplace(std::move(*lock));
  const auto stat = lock_->stat();
  if (!stat) return stat.error();
  known_.push_back({Known::Kind::lock, run_.lock(), *stat});
  if (work != Work::rehearsing) {
    if (auto locked = lock_dir(job_.dir); !locked) return locked;
  }
  if (auto locked = lock_dir(run_.dir); !locked) return locked;
  return work == Work::sending ? lock_plan() : Result<void>();
}

/// The lock file was free, so a process that holds the directory has lost its lock file.
Result<void> JobLock::lock_dir(const std::string& dir) {
  const auto locked = files_.dir(dir).try_lock();
  if (!locked && locked.error().code == Errc::usage) return {};  // directories cannot be locked
  if (!locked) return locked.error();
  if (*locked) return {};
  return Error{Errc::locked, fmt::format("{}: held by a process whose lock file was taken away: "
                                         "wait for it to end, or stop it",
                                         dir)};
}

Result<void> JobLock::lock_plan() {
  const auto there = files_.stat(job_.plan());
  if (!there) return there.error();
  if (!*there) return {};  // reported when the plan is opened
  auto plan = files_.open_to_lock(job_.plan());
  if (!plan) return plan.error();
  const auto locked = plan->try_lock();
  if (!locked) return locked.error();
  if (!*locked) {
    return Error{Errc::locked, fmt::format("{}: held by a process that sends it: wait for it to "
                                           "end, or stop it",
                                           job_.plan())};
  }
  const auto stat = plan->stat();
  if (!stat) return stat.error();
  known_.push_back({Known::Kind::plan, job_.plan(), *stat});
  plan_ = std::move(*plan);
  return {};
}

Result<void> JobLock::check() {
  if (lost_) return *lost_;
  for (const auto& known : known_) {
    const auto now = files_.below().stat(known.path);
    if (!now && now.error().code == Errc::outage) continue;
    const bool is_there = now && *now;
    if (is_there && known.stat.is(**now)) continue;
    lost_ = loss_of(known, is_there);
    return *lost_;
  }
  return {};
}

Error JobLock::reason_of(Error error) {
  const auto in_place = check();
  return in_place ? std::move(error) : in_place.error();
}

bool JobLock::is_whole() {
  return std::all_of(known_.begin(), known_.end(), [&](const Known& known) {
    if (known.kind == Known::Kind::job || known.kind == Known::Kind::run) return true;
    const auto now = files_.stat(known.path);
    if (!now) return now.error().code == Errc::outage;  // the next operation reports the error
    return *now && known.stat.is(**now);
  });
}

std::string JobLock::current_path() {
  return files_.dir(job_.dir).current_path();
}

bool JobLock::is_in_place() {
  const auto now = files_.below().stat(job_.dir);
  return now && *now && known_.front().stat.is(**now);
}

Error JobLock::loss_of(const Known& known, bool is_replaced) {
  using Kind = Known::Kind;
  const bool is_job = known.kind == Kind::job;
  std::string what = "was moved or removed";
  if (is_replaced) what = "another directory took its place";
  std::string way;
  if (is_job || known.kind == Kind::run) {
    const auto place = files_.dir(known.path).current_path();
    if (place.empty()) {
      way = is_replaced ? ", and it is gone: check what is there now"
                        : ", and is gone: restore it; without it all links are sent again";
    } else {
      way = fmt::format(", and {} now {}: {}", is_replaced ? "it is" : "is", util::printable(place),
                        is_job ? "continue there" : "put it back, then continue");
    }
  } else {
    what = "was taken away or replaced";
    way = known.kind == Kind::lock ? ": make sure that no other process works here, then continue"
                                   : ": restore it, then continue";
  }
  return {Errc::input,
          fmt::format("{}: {} while idmerge worked in the job{}", known.path, what, way)};
}

}  // namespace idmerge::plan
