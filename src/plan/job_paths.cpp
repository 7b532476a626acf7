// SPDX-License-Identifier: MIT
#include "plan/job_paths.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <unistd.h>

namespace idmerge::plan {
namespace {

Error refused(const std::string& dir, std::string_view why) {
  return {Errc::usage, fmt::format("{}: {}", dir, why)};
}

Result<void> check_directory(const std::string& dir, const io::FileStat& stat) {
  if (stat.kind == io::FileStat::Kind::link) {
    return refused(dir, "is a symbolic link: give the directory itself");
  }
  if (stat.kind != io::FileStat::Kind::directory) {
    return refused(dir, "is not a directory: name one that holds a job, or will");
  }
  return {};
}

/// Refuses a directory that another user could have prepared.
Result<void> check_ours(const std::string& dir, const io::FileStat& stat) {
  if (auto checked = check_directory(dir, stat); !checked) return checked;
  if (stat.uid != ::geteuid()) {
    return refused(dir,
                   fmt::format("belongs to user {}: a job must belong to who runs it", stat.uid));
  }
  if ((stat.mode & 022) != 0) {
    return refused(dir, "is writable by others: remove that with chmod go-w");
  }
  return {};
}

/// Create a directory unless it exists and passes check_ours(). Its name is synced in either case,
/// because the process that created it may have died before it synced the name.
Result<void> make_ours(io::Files& files, const std::string& dir) {
  auto stat = files.stat(dir);
  if (!stat) return stat.error();
  if (!*stat) {
    auto made = files.make_dir(dir);
    if (!made) {  // another process may have created it; the lock is acquired later
      stat = files.stat(dir);
      if (!stat || !*stat) return made;
    }
  }
  if (*stat) {
    if (auto checked = check_ours(dir, **stat); !checked) return checked;
  }
  return files.sync_dir(io::parent_of(dir));
}

/// Create the missing parents of `dir`, accessible only to their owner, like the job.
Result<void> make_parents(io::Files& files, const std::string& dir) {
  const auto parent = io::parent_of(dir);
  const auto there = files.stat(parent);
  if (!there) return there.error();
  if (*there) return {};
  if (auto done = make_parents(files, parent); !done) return done;
  if (auto made = files.make_dir(parent); !made) {  // another process may have created it
    const auto now = files.stat(parent);
    if (!now || !*now) return made;
  }
  return files.sync_dir(io::parent_of(parent));
}

/// Remove trailing slashes, so that parent_of() returns the parent.
std::string trimmed(std::string dir) {
  while (dir.size() > 1 && dir.back() == '/')
    dir.pop_back();
  return dir;
}

/// The first file created in a job; it marks the directory as a job.
constexpr std::string_view mark = ".gitignore";
constexpr std::string_view mark_under_way = ".gitignore.part";

/// Returns whether the file begins with the magic bytes of a plan.
bool is_plan(io::Files& files, const std::string& path) {
  constexpr std::string_view magic = "idmplan\n";  // plan/plan_file
  const auto file = files.open(path);
  if (!file) return false;
  std::array<char, magic.size()> bytes{};
  const auto count = file->read_at(0, bytes);
  return count && std::string_view(bytes.data(), *count) == magic;
}

/// Returns whether the directory is a job, is empty, or contains only what a killed make_job()
/// leaves. A copy made without dot files is recognized by its plan.
Result<bool> is_job(io::Files& files, const JobPaths& job) {
  const auto names = files.list(job.dir);
  if (!names) return names.error();
  const auto has = [&](std::string_view name) {
    return std::binary_search(names->begin(), names->end(), name);
  };
  return names->empty() || has(mark) || (names->size() == 1 && names->front() == mark_under_way) ||
         (has("plan") && is_plan(files, job.plan()));
}

/// No lock exists yet, so several processes may do this at once, and each removes the `.part` file
/// that another has not yet renamed. Hence the retries.
Result<void> make_mark(io::Files& files, const std::string& path) {
  constexpr int tries_max = 10;
  for (int tries = 1;; ++tries) {
    const auto marked = files.stat(path);
    if (!marked) return marked.error();
    if (*marked) return {};
    auto done = files.replace(path, "*\n");
    if (done || tries == tries_max) return done;
  }
}

/// A directory that is not a job is reported before its permissions are checked: advice on
/// permissions would be wrong for it.
Result<void> check_job(io::Files& files, const JobPaths& job, const io::FileStat& stat,
                       std::string_view otherwise) {
  if (auto checked = check_directory(job.dir, stat); !checked) return checked;
  const auto known = is_job(files, job);
  if (!known) return known.error();
  if (!*known) return refused(job.dir, otherwise);
  return check_ours(job.dir, stat);
}

}  // namespace

std::string RunPaths::journal(std::uint64_t generation) const {
  return fmt::format("{}/journal.{}", dir, generation);
}

Result<JobPaths> make_job(io::Files& files, const std::string& dir) {
  JobPaths job{trimmed(dir)};
  const auto stat = files.stat(job.dir);
  if (!stat) return stat.error();
  if (*stat) {
    const auto checked = check_job(
        files, job, **stat, "holds other files and no job: give --job a directory of its own");
    if (!checked) return checked.error();
  }
  if (const auto made = make_parents(files, job.dir); !made) return made.error();
  if (const auto made = make_ours(files, job.dir); !made) return made.error();
  const auto path = fmt::format("{}/{}", job.dir, mark);
  if (auto done = make_mark(files, path); !done) return done.error();
  for (const auto& part : {job.dir + "/runs", job.run().dir}) {
    if (auto done = make_ours(files, part); !done) return done.error();
  }
  return job;
}

Result<JobPaths> open_job(io::Files& files, const std::string& dir) {
  JobPaths job{trimmed(dir)};
  const auto stat = files.stat(job.dir);
  if (!stat) return stat.error();
  if (!*stat) return refused(job.dir, "there is no such job: check the name");
  const auto checked = check_job(files, job, **stat,
                                 "is a directory, but not a job: name the one that holds its plan");
  if (!checked) return checked.error();
  for (const auto& part : {job.dir + "/runs", job.run().dir}) {
    const auto found = files.stat(part);
    if (!found) return found.error();
    if (!*found) continue;  // a copy may lack empty directories
    if ((*found)->kind != io::FileStat::Kind::directory &&
        (*found)->kind != io::FileStat::Kind::link) {
      return Error{
          Errc::input,
          fmt::format("{}: is not a directory, so it is unknown what was sent: restore it, or "
                      "start a new job with another --job, which sends all links again",
                      part)};
    }
    if (auto ours = check_ours(part, **found); !ours) return ours.error();
  }
  return job;
}

Result<RunPaths> make_rehearsal(io::Files& files, const JobPaths& job) {
  auto run = job.run("rehearsal");
  for (const auto& part : {job.dir + "/runs", run.dir}) {
    if (auto done = make_ours(files, part); !done) return done.error();
  }
  return run;
}

Result<void> empty_rehearsal(io::Files& files, const RunPaths& run) {
  const auto names = files.list(run.dir);
  if (!names) return names.error();
  for (const auto& name : *names) {
    if (name == "lock") continue;
    if (auto done = files.remove(run.dir + "/" + name); !done) return done;
  }
  return {};
}

}  // namespace idmerge::plan
