// SPDX-License-Identifier: MIT
#include "io/lock.hpp"

#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "util/key_values.hpp"
#include "util/log.hpp"

namespace idmerge::io {
namespace {

constexpr std::size_t text_bytes_max = 4096;

std::string text_of(const ProcessIdentity& owner) {
  util::KeyValues values{
      {"pid", std::to_string(owner.pid)}, {"host", owner.host}, {"since", owner.since}};
  if (!owner.process.empty()) values.set("process", owner.process);
  return values.text();
}

std::string text_of(const File& file) {
  std::string text(text_bytes_max, '\0');
  const auto count = file.read_at(0, text);
  text.resize(count ? *count : 0);
  return text;
}

/// Returns: the owner as shown in messages. Unexpected contents are not an error, because they are
/// only shown to people.
std::string words_of(const std::string& text) {
  if (text.empty()) return {};
  const auto values = util::KeyValues::parse(text);
  std::uint64_t pid = 0;
  if (!values || !util::parse_number(values->get("pid"), pid)) return "an unknown process";
  // A lock file must not send control characters to the terminal.
  const auto shown = [&](std::string_view key) { return util::printable(values->get(key, "?")); };
  return fmt::format("pid {} on {} since {}", pid, shown("host"), shown("since"));
}

/// Returns whether the text was written by another process of this machine that is still running.
/// That process holds the original of the file.
bool is_alive(const std::string& text, const ProcessIdentity& me) {
  const auto values = util::KeyValues::parse(text);
  std::uint64_t pid = 0;
  if (!values || !util::parse_number(values->get("pid"), pid) || pid == me.pid) return false;
  const auto process = values->get("process");
  return !process.empty() && values->get("host") == me.host && process == process_of(pid);
}

}  // namespace

std::string process_of(std::uint64_t pid) {
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  std::string line;
  std::getline(std::ifstream(fmt::format("/proc/{}/stat", pid)), line);
  // The name may contain any character. After it come the state and, 19 fields later, the start
  // time.
  const auto name_end = line.rfind(')');
  if (boot.empty() || name_end == std::string::npos) return {};
  std::istringstream rest(line.substr(name_end + 1));
  const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
  constexpr std::size_t started = 19;
  const bool has_ended = fields.size() <= started || fields[0] == "Z" || fields[0] == "X";
  return has_ended ? std::string() : fmt::format("{}/{}", boot, fields[started]);
}

Result<Lock> Lock::take(Files& files, const std::string& path, const ProcessIdentity& me) {
  auto file = files.open_append(path);
  if (!file) return file.error();
  const auto locked = file->try_lock();
  if (!locked) return locked.error();
  if (!*locked) {
    const auto owner = words_of(text_of(*file));
    return Error{Errc::locked,
                 fmt::format("{}: held by {}: wait for it to end, or stop it", path,
                             owner.empty() ? "a process that has just started" : owner)};
  }
  // Between open and lock, another process may have removed the file and created a new one.
  const auto mine = file->stat();
  if (!mine) return mine.error();
  const auto there = files.stat(path);
  if (!there) return there.error();
  if (!*there || !mine->is(**there)) {
    return Error{Errc::locked, path + ": was removed while it was being locked: try again"};
  }
  const auto text = text_of(*file);
  auto died = words_of(text);
  if (is_alive(text, me)) {
    return Error{Errc::locked,
                 fmt::format("{}: is a copy, and {} works on the job that was copied: "
                             "wait for it to end, or stop it",
                             path, died)};
  }
  if (auto done = file->cut(0); !done) return done.error();
  if (auto done = file->append(text_of(me)); !done) return done.error();
  return Lock(std::move(*file), std::move(died));
}

Lock::~Lock() {
  if (!file_) return;
  static_cast<void>(file_.cut(0));  // may fail: the kernel's lock ends with the handle anyway
  static_cast<void>(file_.close());
}

Result<std::string> lock_owner(Files& files, const std::string& path) {
  const auto there = files.stat(path);
  if (!there) return there.error();
  if (!*there) return std::string();
  auto file = files.open(path);
  if (!file) return file.error();
  const auto locked = file->try_lock();
  if (!locked) return locked.error();
  if (*locked) return std::string();
  auto owner = words_of(text_of(*file));
  return owner.empty() ? std::string("a process that has just started") : owner;
}

}  // namespace idmerge::io
