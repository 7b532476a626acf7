// SPDX-License-Identifier: MIT
#include "plan/packed_rows.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "plan/row_validator.hpp"
#include "util/varint.hpp"

namespace idmerge::plan {
namespace {

static_assert(std::endian::native == std::endian::little, "packed rows are little-endian");

// The first byte of a row: operation in bits 0-1, sided in bit 2, "a file index follows" in bit 3,
// the forms of both ids in bits 4-5 and 6-7.
constexpr unsigned sided_flag = 4;
constexpr unsigned file_flag = 8;
constexpr unsigned anon_shift = 4;
constexpr unsigned user_shift = 6;

enum Form : unsigned { text, uuid, device_uuid, number };

constexpr std::size_t uuid_bytes = 36;
constexpr std::size_t packed_uuid_bytes = 16;
constexpr std::size_t number_digits_max = 19;  // any such number fits 64 bits

std::uint64_t load(const char* at, std::size_t size) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, size);
  return word;
}

constexpr std::uint64_t ones = 0x0101010101010101U;

/// Packs eight lower-case hexadecimal digits into four bytes; the result for other text is
/// unspecified.
std::uint32_t pack_hex(std::uint64_t digits) {
  const auto nibbles = (digits & ones * 0x0F) + 9 * (digits >> 6U & ones);
  auto bytes = (nibbles << 4U | nibbles >> 8U) & 0x00FF00FF00FF00FFU;
  bytes = (bytes | bytes >> 8U) & 0x0000FFFF0000FFFFU;
  return static_cast<std::uint32_t>(bytes | bytes >> 16U);
}

std::uint64_t unpack_hex(std::uint32_t packed) {
  std::uint64_t bytes = packed;
  bytes = (bytes | bytes << 16U) & 0x0000FFFF0000FFFFU;
  bytes = (bytes | bytes << 8U) & 0x00FF00FF00FF00FFU;
  const auto nibbles = (bytes >> 4U & 0x000F000F000F000FU) | (bytes & 0x000F000F000F000FU) << 8U;
  return nibbles + ones * '0' + ((nibbles + ones * 6) >> 4U & ones) * ('a' - '0' - 10);
}

using PackedUuid = std::array<std::uint32_t, 4>;
static_assert(sizeof(PackedUuid) == packed_uuid_bytes);

PackedUuid pack_uuid(const char* at) {
  return {pack_hex(load(at, 8)), pack_hex(load(at + 9, 4) | load(at + 14, 4) << 32U),
          pack_hex(load(at + 19, 4) | load(at + 24, 4) << 32U), pack_hex(load(at + 28, 8))};
}

void unpack_uuid(const PackedUuid& packed, char* at) {
  const auto put = [&](std::size_t where, std::uint64_t digits, std::size_t size) {
    std::memcpy(at + where, &digits, size);
  };
  const auto second = unpack_hex(packed[1]);
  const auto third = unpack_hex(packed[2]);
  put(0, unpack_hex(packed[0]), 8);
  put(9, second, 4);
  put(14, second >> 32U, 4);
  put(19, third, 4);
  put(24, third >> 32U, 4);
  put(28, unpack_hex(packed[3]), 8);
  for (const std::size_t dash : {8U, 13U, 18U, 23U})
    at[dash] = '-';
}

void append_varint(std::string& out, std::uint64_t value) {
  char bytes[util::varint_bytes_max];
  out.append(bytes, util::put_varint(bytes, value));
}

Form put_text(std::string& out, std::string_view id) {
  append_varint(out, id.size());
  out += id;
  return text;
}

Form put_uuid(std::string& out, std::string_view id) {
  const auto prefix = id.size() - uuid_bytes;
  const auto packed = pack_uuid(id.data() + prefix);
  std::array<char, uuid_bytes> back;
  unpack_uuid(packed, back.data());
  if (id.substr(prefix) != std::string_view(back.data(), back.size())) return put_text(out, id);
  out.append(reinterpret_cast<const char*>(&packed), sizeof packed);
  return prefix == 0 ? uuid : device_uuid;
}

Form put_id(std::string& out, std::string_view id) {
  if (id.size() == uuid_bytes || (id.size() == input::device_prefix.size() + uuid_bytes &&
                                  id.starts_with(input::device_prefix))) {
    return put_uuid(out, id);
  }
  if (id.size() <= number_digits_max && !id.empty() && id[0] >= '1' && id[0] <= '9') {
    std::uint64_t value = 0;
    const auto* const end = id.data() + id.size();
    const auto read = std::from_chars(id.data(), end, value);
    if (read.ec == std::errc{} && read.ptr == end) {
      append_varint(out, value);
      return number;
    }
  }
  return put_text(out, id);
}

}  // namespace

void RowPacker::add(const input::Link& row) {
  const auto head_at = bytes_.size();
  bytes_ += '\0';
  auto head = static_cast<unsigned>(row.op) | (row.sided ? sided_flag : 0U);
  if (row.file != file_) {
    head |= file_flag;
    append_varint(bytes_, row.file);
    file_ = row.file;
    line_ = offset_ = 0;
  }
  append_varint(bytes_, util::zigzag(row.line - line_));
  append_varint(bytes_, util::zigzag(row.offset - offset_));
  if (has_orders_) bytes_.append(reinterpret_cast<const char*>(&row.order), sizeof row.order);
  head |= put_id(bytes_, row.anon) << anon_shift;
  head |= put_id(bytes_, row.user) << user_shift;
  bytes_[head_at] = static_cast<char>(head);
  line_ = row.line;
  offset_ = row.offset;
  ++count_;
}

void RowPacker::clear() {
  bytes_.clear();
  count_ = file_ = 0;
  line_ = offset_ = 0;
}

bool RowCursor::take(std::size_t size, std::string_view& bytes) {
  if (size > rest_.size()) return false;
  bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

bool RowCursor::take_varint(std::uint64_t& value) {
  const auto* at = rest_.data();
  const auto* const end = at + rest_.size();
  const bool good = util::get_varint(at, end, value);
  rest_ = {at, static_cast<std::size_t>(end - at)};
  return good;
}

bool RowCursor::take_id(unsigned form, Text& into, std::string_view& id) {
  if (form == text) {
    std::uint64_t size = 0;
    return take_varint(size) && take(size, id);
  }
  if (form == number) {
    std::uint64_t value = 0;
    if (!take_varint(value)) return false;
    const auto* const end = std::to_chars(into.data(), into.data() + into.size(), value).ptr;
    id = {into.data(), static_cast<std::size_t>(end - into.data())};
    return true;
  }
  std::string_view bytes;
  if (!take(packed_uuid_bytes, bytes)) return false;
  PackedUuid packed;
  std::memcpy(packed.data(), bytes.data(), sizeof packed);
  const auto prefix = form == device_uuid ? input::device_prefix : std::string_view();
  std::copy(prefix.begin(), prefix.end(), into.begin());
  unpack_uuid(packed, into.data() + prefix.size());
  id = {into.data(), prefix.size() + uuid_bytes};
  return true;
}

bool RowCursor::next(input::Link& row) {
  std::string_view byte;
  if (!take(1, byte)) return false;
  const auto head = static_cast<unsigned char>(byte[0]);
  row.op = static_cast<input::Op>(head & 3U);
  row.sided = (head & sided_flag) != 0;
  if ((head & file_flag) != 0) {
    std::uint64_t file = 0;
    if (!take_varint(file)) return false;
    row.file = static_cast<std::uint32_t>(file);
    row.line = row.offset = 0;
  }
  std::uint64_t line = 0;
  std::uint64_t offset = 0;
  if (!take_varint(line) || !take_varint(offset)) return false;
  row.line += util::unzigzag(line);
  row.offset += util::unzigzag(offset);
  if (has_orders_) {
    if (!take(sizeof row.order, byte)) return false;
    std::memcpy(&row.order, byte.data(), sizeof row.order);
  }
  return take_id(head >> anon_shift & 3U, anon_, row.anon) &&
         take_id(head >> user_shift & 3U, user_, row.user);
}

}  // namespace idmerge::plan
