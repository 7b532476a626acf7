// SPDX-License-Identifier: MIT
#include "idmerge/disk/job.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <unistd.h>

namespace idmerge {
namespace {

Error refused(const std::string& dir, std::string_view why) {
  return {Errc::usage, fmt::format("{}: {}", dir, why)};
}

/// Could somebody else have prepared this directory?
Result<void> check_ours(const std::string& dir, const FileStat& stat) {
  if (stat.kind == FileStat::Kind::link) {
    return refused(dir, "is a symbolic link: give the directory itself");
  }
  if (stat.kind != FileStat::Kind::directory) return refused(dir, "is not a directory");
  if (stat.uid != ::geteuid()) {
    return refused(dir,
                   fmt::format("belongs to user {}: a job must belong to who runs it", stat.uid));
  }
  if ((stat.mode & 022) != 0) {
    return refused(dir, "is writable by others: take that away with chmod go-w");
  }
  return {};
}

/// Make a directory unless it is there and ours. Its name is durable then: whoever made it may have
/// died before he had synced it.
Result<void> make_ours(Files& files, const std::string& dir) {
  const auto stat = files.stat(dir);
  if (!stat) return stat.error();
  if (*stat) {
    if (auto checked = check_ours(dir, **stat); !checked) return checked;
  } else if (auto made = files.make_dir(dir); !made) {
    return made;
  }
  return files.sync_dir(parent_of(dir));
}

/// Without a trailing slash, so that the parent is the parent.
std::string trimmed(std::string dir) {
  while (dir.size() > 1 && dir.back() == '/')
    dir.pop_back();
  return dir;
}

/// The first file of a job, by which it is known as one.
constexpr std::string_view mark = ".gitignore";
constexpr std::string_view mark_under_way = ".gitignore.part";

/// Does the directory hold nothing, what a job holds, or what a killed make_job() leaves?
bool is_job(const std::vector<std::string>& names) {
  return names.empty() || std::binary_search(names.begin(), names.end(), mark) ||
         (names.size() == 1 && names.front() == mark_under_way);
}

}  // namespace

std::string RunPaths::journal(std::uint64_t generation) const {
  return fmt::format("{}/journal.{}", dir, generation);
}

Result<JobPaths> make_job(Files& files, const std::string& dir) {
  JobPaths job{trimmed(dir)};
  const auto made = make_ours(files, job.dir);
  if (!made) return made.error();
  const auto names = files.list(job.dir);
  if (!names) return names.error();
  if (!is_job(*names)) {
    return refused(job.dir, "holds other files and no job: give --job a directory of its own");
  }
  if (!std::binary_search(names->begin(), names->end(), mark)) {
    if (auto done = files.replace(fmt::format("{}/{}", job.dir, mark), "*\n"); !done) {
      return done.error();
    }
  }
  for (const auto& part : {job.dir + "/runs", job.run().dir}) {
    if (auto done = make_ours(files, part); !done) return done.error();
  }
  return job;
}

Result<JobPaths> open_job(Files& files, const std::string& dir) {
  JobPaths job{trimmed(dir)};
  const auto stat = files.stat(job.dir);
  if (!stat) return stat.error();
  if (!*stat) return refused(job.dir, "there is no such job: check the name");
  if (auto checked = check_ours(job.dir, **stat); !checked) return checked.error();
  const auto names = files.list(job.dir);
  if (!names) return names.error();
  if (!is_job(*names)) return refused(job.dir, "is a directory, but not a job");
  return job;
}

Result<RunPaths> make_rehearsal(Files& files, const JobPaths& job) {
  auto run = job.run("rehearsal");
  for (const auto& part : {job.dir + "/runs", run.dir}) {
    if (auto done = make_ours(files, part); !done) return done.error();
  }
  const auto names = files.list(run.dir);
  if (!names) return names.error();
  for (const auto& name : *names) {
    if (name == "lock") continue;  // may be held
    if (auto done = files.remove(run.dir + "/" + name); !done) return done.error();
  }
  return run;
}

}  // namespace idmerge
