// SPDX-License-Identifier: MIT
#include "plan/plan_block.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "util/varint.hpp"

namespace idmerge::plan {
namespace {

constexpr unsigned op_mask = 3;
constexpr unsigned sided_flag = 4;
constexpr unsigned file_flag = 8;

constexpr std::size_t link_bytes_min = 5;
constexpr std::size_t head_max = 1 + 5 * util::varint_bytes_max;

constexpr std::size_t buffer_bytes = BlockPacker::bytes_max + 4096;

}  // namespace

BlockPacker::BlockPacker() : buffer_(buffer_bytes) {}

void BlockPacker::clear() {
  used_ = 0;
  count_ = file_ = 0;
  line_ = offset_ = 0;
}

void BlockPacker::swap(std::vector<char>& buffer) {
  std::swap(buffer_, buffer);
  if (buffer_.size() < buffer_bytes) buffer_.resize(buffer_bytes);
  clear();
}

void BlockPacker::add(const input::Link& link) {
  const auto needed = used_ + head_max + link.anon.size() + link.user.size();
  if (needed > buffer_.size()) [[unlikely]]
    buffer_.resize(2 * needed);
  auto* const begin = buffer_.data() + used_;
  auto* at = begin + 1;
  auto flags = static_cast<unsigned>(link.op) | (link.sided ? sided_flag : 0);
  if (link.file != file_) [[unlikely]] {
    flags |= file_flag;
    at = util::put_varint(at, link.file);
    file_ = link.file;
    line_ = offset_ = 0;
  }
  *begin = static_cast<char>(flags);
  at = util::put_varint(at, util::zigzag(link.line - line_));
  at = util::put_varint(at, util::zigzag(link.offset - offset_));
  at = util::put_varint(at, link.anon.size());
  at = util::put_varint(at, link.user.size());
  at = std::copy_n(link.anon.data(), link.anon.size(), at);
  at = std::copy_n(link.user.data(), link.user.size(), at);
  line_ = link.line;
  offset_ = link.offset;
  used_ = static_cast<std::size_t>(at - buffer_.data());
  ++count_;
}

inline bool LinkCursor::text(std::uint64_t size, std::string_view& value) {
  if (size > static_cast<std::uint64_t>(end_ - at_)) return false;
  value = {at_, static_cast<std::size_t>(size)};
  at_ += size;
  return true;
}

bool LinkCursor::next(input::Link& link) {
  if (at_ == end_) return false;
  is_broken_ = !read(link);
  return !is_broken_;
}

inline bool LinkCursor::read(input::Link& link) {
  const unsigned flags = static_cast<unsigned char>(*at_++);
  if ((flags & op_mask) > static_cast<unsigned>(input::Op::merge) ||
      flags > (op_mask | sided_flag | file_flag)) {
    return false;
  }
  const auto varint = [this](std::uint64_t& value) { return util::get_varint(at_, end_, value); };
  link.op = static_cast<input::Op>(flags & op_mask);
  link.sided = (flags & sided_flag) != 0;
  link.order = input::no_order;
  if ((flags & file_flag) != 0) {
    std::uint64_t file = 0;
    if (!varint(file) || file > UINT32_MAX || file == link.file) return false;
    link.file = static_cast<std::uint32_t>(file);
    link.line = link.offset = 0;
  }
  std::uint64_t line = 0;
  std::uint64_t offset = 0;
  std::uint64_t anon = 0;
  std::uint64_t user = 0;
  if (!varint(line) || !varint(offset) || !varint(anon) || !varint(user)) return false;
  link.line += util::unzigzag(line);
  link.offset += util::unzigzag(offset);
  return text(anon, link.anon) && text(user, link.user);
}

Result<void> unpack_links(std::string_view bytes, std::uint32_t count,
                          std::vector<input::Link>& links) {
  if (count > bytes.size() / link_bytes_min) {
    return Error{Errc::input, "the block is too short for its links"};
  }
  links.resize(count);
  LinkCursor cursor(bytes);
  input::Link previous;
  for (auto& link : links) {
    if (!cursor.next(previous)) {
      return Error{Errc::input,
                   fmt::format("link {} of the block is not readable", &link - links.data())};
    }
    link = previous;
  }
  if (!cursor.at_end()) return Error{Errc::input, "bytes follow the last link of the block"};
  return {};
}

}  // namespace idmerge::plan
