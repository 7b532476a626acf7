// SPDX-License-Identifier: MIT
#include "io/spill.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "util/digest.hpp"
#include "util/varint.hpp"

namespace idmerge::io {

SpillDir::SpillDir(Files& files, std::string dir, std::string_view owner)
    : files_(&files), dir_(std::move(dir)), stem_(util::hex(util::digest(owner)).substr(0, 12)) {}

Result<File> SpillDir::create() {
  return files_->create_nameless(fmt::format("{}/spill-{}-{}", dir_, stem_, made_++));
}

Result<Spill> Spill::create(SpillDir& dir, std::size_t buffer_bytes) {
  auto file = dir.create();
  if (!file) return file.error();
  Spill spill(std::move(*file));
  spill.buffer_bytes_ = buffer_bytes;
  spill.buffer_.reserve(buffer_bytes + 64);
  return spill;
}

void Spill::append(std::string_view bytes) {
  buffer_ += bytes;
  if (buffer_.size() >= buffer_bytes_) static_cast<void>(flush());
}

void Spill::put_varint(std::uint64_t value) {
  char bytes[util::varint_bytes_max];
  const auto* const end = idmerge::util::put_varint(bytes, value);
  append({bytes, static_cast<std::size_t>(end - bytes)});
}

Result<void> Spill::flush() {
  if (outcome_) outcome_ = file_.append(buffer_);
  written_ += buffer_.size();
  buffer_.clear();
  return outcome_;
}

SpillReader::SpillReader(const Spill& spill, std::uint64_t begin, std::uint64_t end,
                         std::size_t buffer_bytes)
    : file_(&spill.file_), next_(begin), end_(end), buffer_(buffer_bytes) {}

/// Make at least `wanted` bytes available in the buffer; false if the range has fewer left or on an
/// error.
bool SpillReader::refill(std::size_t wanted) {
  if (!outcome_) return false;
  const auto rest = limit_ - at_;
  if (wanted - rest > end_ - next_) {
    if (rest > 0 || wanted > 1) {
      outcome_ = Error{Errc::outage, "a spill file ended too soon: check the disk and run again"};
    }
    return false;
  }
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(at_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(limit_), buffer_.begin());
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  const auto count = std::min<std::uint64_t>(buffer_.size() - rest, end_ - next_);
  const auto read = file_->read_at(next_, {buffer_.data() + rest, count});
  at_ = 0;
  limit_ = rest;
  if (!read) {
    outcome_ = read.error();
    return false;
  }
  next_ += *read;
  limit_ += *read;
  if (limit_ >= wanted) return true;
  outcome_ = Error{Errc::outage, "a spill file was cut: check the disk and run again"};
  return false;
}

std::uint64_t SpillReader::get_varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const auto bits = get<std::uint8_t>();
    value |= std::uint64_t{bits & 0x7fU} << shift;
    if (bits < 0x80) break;
  }
  return value;
}

std::string_view SpillReader::get_text(std::size_t size) {
  if (limit_ - at_ < size && !refill(size)) return {};
  const std::string_view text(buffer_.data() + at_, size);
  at_ += size;
  return text;
}

}  // namespace idmerge::io
