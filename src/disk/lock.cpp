// SPDX-License-Identifier: MIT
#include "idmerge/disk/lock.hpp"

#include <fmt/format.h>

#include "idmerge/base/log.hpp"
#include "idmerge/core/key_values.hpp"

namespace idmerge {
namespace {

constexpr std::size_t text_bytes_max = 4096;

std::string text_of(const LockOwner& owner) {
  return KeyValues{{"pid", std::to_string(owner.pid)}, {"host", owner.host}, {"since", owner.since}}
      .text();
}

/// The owner in words. The file is only read to people, so anything unexpected is no error.
std::string words_of(const File& file) {
  std::string text(text_bytes_max, '\0');
  const auto count = file.read_at(0, text);
  if (!count || *count == 0) return {};
  text.resize(*count);
  const auto values = KeyValues::parse(text);
  std::uint64_t pid = 0;
  if (!values || !parse_number(values->get("pid"), pid)) return "an unknown process";
  // A lock file must not speak to the terminal.
  const auto shown = [&](std::string_view key) { return printable(values->get(key, "?")); };
  return fmt::format("pid {} on {} since {}", pid, shown("host"), shown("since"));
}

}  // namespace

Result<Lock> Lock::take(Files& files, const std::string& path, const LockOwner& me) {
  auto file = files.open_append(path);
  if (!file) return file.error();
  const auto locked = file->try_lock();
  if (!locked) return locked.error();
  if (!*locked) {
    const auto owner = words_of(*file);
    return Error{Errc::locked,
                 fmt::format("{}: held by {}: wait for it to end, or stop it", path,
                             owner.empty() ? "a process that has just started" : owner)};
  }
  // Between open and lock, somebody may have removed the file and made a new one.
  const auto mine = file->stat();
  if (!mine) return mine.error();
  const auto there = files.stat(path);
  if (!there) return there.error();
  if (!*there || (*there)->inode != mine->inode || (*there)->device != mine->device) {
    return Error{Errc::locked, path + ": was removed while it was taken: try again"};
  }
  auto died = words_of(*file);
  if (auto done = file->cut(0); !done) return done.error();
  if (auto done = file->append(text_of(me)); !done) return done.error();
  return Lock(std::move(*file), std::move(died));
}

Lock::~Lock() {
  if (!file_) return;
  static_cast<void>(file_.cut(0));  // only a courtesy: the kernel's lock ends with the handle
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
  auto owner = words_of(*file);
  return owner.empty() ? std::string("a process that has just started") : owner;
}

}  // namespace idmerge
