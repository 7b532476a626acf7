// SPDX-License-Identifier: MIT
#include "send/dead_letters.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "util/check.hpp"
#include "util/digest.hpp"
#include "util/fault_point.hpp"

namespace idmerge::send {
namespace {

constexpr std::size_t chunk_bytes = 256 << 10;

}  // namespace

Result<DeadLetters> DeadLetters::open(io::Files& files, const std::string& path, LettersEnd end) {
  auto file = files.open_append(path);
  if (!file) return file.error();
  const auto stat = file->stat();
  if (!stat) return stat.error();
  if (stat->size_bytes < end.bytes) {
    return Error{Errc::input,
                 fmt::format("{}: is shorter than the checkpoint says: restore it", path)};
  }
  if (stat->size_bytes > end.bytes) {
    if (auto done = file->cut(end.bytes); !done) return done.error();
    util::fault_point("letters_cut");
  }
  return DeadLetters(std::move(*file), end);
}

LettersEnd DeadLetters::add(std::string_view line) {
  IDMERGE_CHECK(line.find('\n') == std::string_view::npos);
  const auto at = buffer_.size();
  buffer_ += line;
  buffer_ += '\n';
  end_.chain = util::checksum(std::string_view(buffer_).substr(at), end_.chain);
  end_.bytes += line.size() + 1;
  return end_;
}

Result<void> DeadLetters::flush() {
  if (buffer_.empty()) return {};
  if (auto done = file_.append(buffer_); !done) return done.error();
  buffer_.clear();
  util::fault_point("letters_flush");
  return {};
}

Result<void> DeadLetters::take_back(const std::vector<LettersEnd>& begins) {
  if (begins.empty()) return {};
  if (auto done = flush(); !done) return done;
  auto at = begins.front().bytes;
  std::string text(static_cast<std::size_t>(end_.bytes - at), '\0');
  const auto count = file_.read_at(at, text);
  if (!count) return count.error();
  if (*count < text.size()) {
    return Error{Errc::outage, file_.path() + ": was cut while it was written"};
  }
  if (auto done = file_.cut(at); !done) return done;
  end_ = begins.front();
  auto next = begins.begin();
  for (std::string_view rest = text; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    if (next != begins.end() && next->bytes == at) {
      ++next;
    } else {
      add(line);
    }
    at += line.size() + 1;
    rest.remove_prefix(line.size() + 1);
  }
  return flush();
}

Result<LettersCheck> LettersCheck::open(io::Files& files, const std::string& path) {
  LettersCheck check;
  const auto there = files.stat(path);
  if (!there) return there.error();
  if (!*there) return check;
  auto file = files.open(path);
  if (!file) return file.error();
  const auto stat = file->stat();
  if (!stat) return stat.error();
  check.size_bytes_ = stat->size_bytes;
  check.file_ = std::move(*file);
  return check;
}

Result<bool> LettersCheck::reaches(LettersEnd end) {
  if (end == at_) return true;
  if (end.bytes <= at_.bytes || end.bytes > size_bytes_) return false;
  auto at = at_;
  std::string letter;  // the beginning of a letter that continues in the next chunk
  auto offset = at.bytes;
  while (offset < end.bytes) {
    buffer_.resize(std::min<std::uint64_t>(chunk_bytes, end.bytes - offset));
    const auto count = file_.read_at(offset, buffer_);
    if (!count) return count.error();
    if (*count == 0) return false;
    offset += *count;
    std::string_view chunk(buffer_.data(), *count);
    for (auto newline = chunk.find('\n'); newline != std::string_view::npos;
         newline = chunk.find('\n')) {
      letter += chunk.substr(0, newline + 1);
      at.chain = util::checksum(letter, at.chain);
      at.bytes += letter.size();
      letter.clear();
      chunk.remove_prefix(newline + 1);
    }
    letter += chunk;
  }
  if (at != end) return false;
  at_ = at;
  return true;
}

}  // namespace idmerge::send
