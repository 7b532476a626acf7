// SPDX-License-Identifier: MIT
#include "cli/summary_file.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "io/input_list.hpp"
#include "util/log.hpp"

namespace idmerge::cli {
namespace {

namespace fs = std::filesystem;

Error refused(const std::string& path, std::string_view why) {
  return {Errc::usage, fmt::format("--summary: {}: {}", util::printable(path), why)};
}

/// Resolves symbolic links, including dangling ones.
fs::path followed(fs::path path) {
  std::error_code failed;
  constexpr int links_max = 40;  // as in the kernel
  for (int i = 0; i < links_max && fs::is_symlink(fs::symlink_status(path, failed)); ++i) {
    const auto to = fs::read_symlink(path, failed);
    path = to.is_absolute() ? to : path.parent_path() / to;
  }
  return fs::weakly_canonical(fs::absolute(path, failed), failed);
}

bool lies_in(const fs::path& path, const fs::path& directory) {
  return std::mismatch(directory.begin(), directory.end(), path.begin(), path.end()).first ==
         directory.end();
}

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code failed;
  return a == b || (fs::equivalent(a, b, failed) && !failed);
}

/// Returns the job that contains the path, this one or another; empty if there is none.
fs::path job_around(const fs::path& path, const Settings& settings) {
  std::error_code failed;
  auto ours = fs::weakly_canonical(fs::absolute(settings.job, failed), failed);
  if (lies_in(path, ours)) return ours;
  for (auto at = path; at.has_relative_path(); at = at.parent_path()) {
    if (fs::exists(at / "runs" / "1-of-1", failed)) return at;
  }
  return {};
}

/// Owns a file descriptor.
struct Descriptor {
  int fd = -1;
  explicit Descriptor(int opened) : fd(opened) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

Result<void> write_through(const std::string& path, std::string_view text) {
  constexpr int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY;
  // Opening a FIFO without a reader would block; with O_NONBLOCK it fails, and the open succeeds if
  // there is a reader. The second open then does not block.
  const Descriptor probe(::open(path.c_str(), flags | O_NONBLOCK));
  if (probe.fd < 0 && errno == ENXIO) {
    return Error{Errc::usage,
                 util::printable(path) + ": no process reads it: start its reader first"};
  }
  if (probe.fd < 0) return util::system_error(util::printable(path), errno);
  const Descriptor out(::open(path.c_str(), flags));
  if (out.fd < 0) return util::system_error(util::printable(path), errno);
  while (!text.empty()) {
    const auto count = ::write(out.fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return util::system_error(util::printable(path), count < 0 ? errno : ENOSPC);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

/// Returns whether the path denotes something opened by the kernel or the shell, which cannot be
/// replaced by a file.
bool is_of_the_system(const std::string& path) {
  return path.starts_with("/dev/") || path.starts_with("/proc/");
}

}  // namespace

Result<void> check_summary_place(const Settings& settings) {
  const auto& path = settings.output.summary;
  if (path.empty() || path == "-") return {};
  std::error_code failed;
  const auto there = fs::status(path, failed);
  if (fs::is_directory(there)) return refused(path, "is a directory: name a file");
  if (fs::exists(there) && !fs::is_regular_file(there)) return {};
  const auto place = followed(path);
  if (const auto job = job_around(place, settings); !job.empty()) {
    return refused(path, fmt::format("lies inside the job {}: name a file outside",
                                     util::printable(job.string())));
  }
  if (!fs::is_directory(place.parent_path(), failed)) {
    return refused(path, "there is no such directory: make it first");
  }
  const auto& named = settings.plan.row_reader.inputs;
  for (const auto& input : named) {
    if (fs::is_directory(input, failed) && lies_in(place, fs::canonical(input, failed))) {
      return refused(path, fmt::format("lies inside the input {}: name a file outside",
                                       util::printable(input)));
    }
  }
  if (const auto inputs =
          io::list_inputs(named)) {  // reading the inputs reports an error of listing
    for (const auto& input : inputs->paths) {
      if (input != "-" && same_file(place, input)) {
        return refused(path, "is an input, and would be lost: name another file");
      }
    }
  }
  for (const auto& option : settings.typed) {
    const auto& entry = *option.entry;
    if (entry.kind == Kind::file && same_file(place, option.text)) {
      return refused(path, fmt::format("is the file of --{}, and would be lost: name another file",
                                       entry.name));
    }
  }
  return {};
}

Result<void> write_summary_file(io::Files& files, const std::string& path, std::string_view text) {
  std::error_code failed;
  const auto there = fs::status(path, failed);
  const bool replaces = !fs::exists(there) || fs::is_regular_file(there);
  const auto written = replaces && !is_of_the_system(path)
                           ? files.replace(followed(path).string(), text)
                           : write_through(path, text);
  if (written) return {};
  return Error{written.error().code, fmt::format("--summary: {}", written.error().what)};
}

}  // namespace idmerge::cli
