// SPDX-License-Identifier: MIT
#include "io/inflate.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "util/check.hpp"
#include "util/exceptions.hpp"

namespace idmerge::io {
namespace {

constexpr int zstd_window_log_max = 24;  // 16 MiB: all levels except zstd's --ultra and --long

/// The part of a gzip file to which the next byte belongs. Members are parsed here, and zlib
/// inflates only their deflate streams, because libdeflate's checksum is several times as fast as
/// zlib's.
enum class Part : std::uint8_t {
  magic,
  extra_length,
  extra,
  name,
  comment,
  header_sum,
  deflate,
  trailer,
  padding,
};

constexpr unsigned has_header_sum = 2;
constexpr unsigned has_extra = 4;
constexpr unsigned has_name = 8;
constexpr unsigned has_comment = 16;
constexpr unsigned reserved_flags = 0xe0;

constexpr std::string_view zstd_magic = "\x28\xb5\x2f\xfd";
constexpr std::string_view skippable_magic = "\x2a\x4d\x18";  // after 0x50 to 0x5f

unsigned byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

/// Returns whether a zstd frame, or a skippable frame such as the first one of a seekable file, may
/// begin with these bytes. Requires: 1 to 4 bytes. Source: RFC 8878, 3.1.1 and 3.1.2.
bool begins_zstd(std::string_view bytes) {
  const bool skippable = (byte_at(bytes, 0) & 0xf0U) == 0x50;
  return skippable ? skippable_magic.starts_with(bytes.substr(1)) : zstd_magic.starts_with(bytes);
}

}  // namespace

std::string_view name(Compression compression) {
  static constexpr std::array<std::string_view, 3> names{"none", "gzip", "zstd"};
  return names[static_cast<std::size_t>(compression)];
}

Compression detect_compression(std::string_view first) {
  if (first.starts_with("\x1f\x8b")) return Compression::gzip;
  if (first.size() >= zstd_magic.size() && begins_zstd(first.substr(0, zstd_magic.size()))) {
    return Compression::zstd;
  }
  return Compression::none;
}

struct Inflater::State {
  explicit State(Compression kind) : compression(kind) {
    if (kind == Compression::gzip) {
      const auto status = inflateInit2(&zlib, -MAX_WBITS);
      if (status == Z_MEM_ERROR) throw std::bad_alloc();
      IDMERGE_CHECK(status == Z_OK);
    } else if (kind == Compression::zstd) {
      zstd = util::made(ZSTD_createDStream());
      ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, zstd_window_log_max);
    }
  }
  ~State() {
    if (compression == Compression::gzip) inflateEnd(&zlib);
    ZSTD_freeDStream(zstd);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Error damaged(std::string_view what) const {
    return {Errc::input, fmt::format("byte {}: {}: make or copy the file again", offset, what)};
  }

  Result<Step> gunzip(std::string_view in, std::span<char> out);
  Result<Step> unzstd(std::string_view in, std::span<char> out);
  Result<std::size_t> take_deflate(std::string_view in, std::span<char> out, std::size_t& made);
  Result<void> take_header_byte(unsigned byte);
  Result<void> check_trailer() const;
  void next_part();

  Compression compression;
  std::uint64_t offset = 0;  // in the file, of the next byte to consume
  bool begun = false;        // a member or frame has begun and has not ended

  z_stream zlib{};
  Part part = Part::magic;
  unsigned flags = 0;
  std::array<unsigned char, 10> held{};  // bytes of the current part
  std::size_t held_count = 0;
  std::size_t extra_left = 0;
  std::uint32_t crc = 0;
  std::uint32_t member_size = 0;  // modulo 2^32, as in the trailer

  ZSTD_DStream* zstd = nullptr;
};

/// Advance to the next header part that is present in this member.
void Inflater::State::next_part() {
  held_count = 0;
  if (part < Part::extra_length && (flags & has_extra) != 0) {
    part = Part::extra_length;
  } else if (part < Part::name && (flags & has_name) != 0) {
    part = Part::name;
  } else if (part < Part::comment && (flags & has_comment) != 0) {
    part = Part::comment;
  } else if (part < Part::header_sum && (flags & has_header_sum) != 0) {
    part = Part::header_sum;
  } else {
    part = Part::deflate;
    inflateReset(&zlib);
    crc = 0;
    member_size = 0;
  }
}

Result<void> Inflater::State::take_header_byte(unsigned byte) {
  const auto hold = [&](std::size_t count) {
    held[held_count++] = static_cast<unsigned char>(byte);
    return held_count == count;
  };
  switch (part) {
    case Part::magic:
      if ((held_count == 0 && byte != 0x1f) || (held_count == 1 && byte != 0x8b) ||
          (held_count == 2 && byte != 8) || (held_count == 3 && (byte & reserved_flags) != 0)) {
        return damaged("this is not a gzip member");
      }
      begun = true;
      if (hold(10)) {
        flags = held[3];
        next_part();
      }
      return {};
    case Part::extra_length:
      if (hold(2)) {
        extra_left = held[0] + 256U * held[1];
        part = Part::extra;
        if (extra_left == 0) next_part();
      }
      return {};
    case Part::extra:
      if (--extra_left == 0) next_part();
      return {};
    case Part::name:
    case Part::comment:
      if (byte == 0) next_part();
      return {};
    case Part::header_sum:
      if (hold(2)) next_part();
      return {};
    case Part::trailer:
      if (!hold(8)) return {};
      if (auto checked = check_trailer(); !checked) return checked;
      begun = false;
      held_count = 0;
      part = Part::magic;
      return {};
    case Part::padding:  // tapes and block devices pad with zeros
      return byte == 0 ? Result<void>{} : damaged("data follows the last gzip member");
    case Part::deflate:
      break;
  }
  return Error{Errc::internal, "no such part"};
}

Result<void> Inflater::State::check_trailer() const {
  const auto number = [&](std::size_t at) {
    return held[at] | std::uint32_t{held[at + 1]} << 8U | std::uint32_t{held[at + 2]} << 16U |
           std::uint32_t{held[at + 3]} << 24U;
  };
  if (number(0) != crc) return damaged("the checksum before this byte is wrong");
  if (number(4) != member_size) return damaged("the length before this byte is wrong");
  return {};
}

Result<std::size_t> Inflater::State::take_deflate(std::string_view in, std::span<char> out,
                                                  std::size_t& made) {
  constexpr std::size_t step_max = 1U << 30U;
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  zlib.avail_in = static_cast<uInt>(std::min(in.size(), step_max));
  zlib.next_out = reinterpret_cast<Bytef*>(out.data());
  zlib.avail_out = static_cast<uInt>(std::min(out.size(), step_max));
  const int status = ::inflate(&zlib, Z_NO_FLUSH);
  const auto taken = static_cast<std::size_t>(reinterpret_cast<char*>(zlib.next_in) - in.data());
  made = static_cast<std::size_t>(reinterpret_cast<char*>(zlib.next_out) - out.data());
  if (status == Z_STREAM_END) {
    part = Part::trailer;
  } else if (status == Z_MEM_ERROR) {
    throw std::bad_alloc();
  } else if (status != Z_OK && status != Z_BUF_ERROR) {
    offset += taken;
    return damaged(fmt::format("the gzip stream is damaged ({})",
                               zlib.msg == nullptr ? "no details" : zlib.msg));
  }
  crc = libdeflate_crc32(crc, out.data(), made);
  member_size += static_cast<std::uint32_t>(made);
  return taken;
}

Result<Inflater::Step> Inflater::State::gunzip(std::string_view in, std::span<char> out) {
  Step step;
  while (step.taken < in.size() || part == Part::deflate) {
    if (part == Part::deflate) {
      std::size_t made = 0;
      const auto taken = take_deflate(in.substr(step.taken), out.subspan(step.made), made);
      if (!taken) return taken.error();
      step.taken += *taken;
      step.made += made;
      offset += *taken;
      if (step.made == out.size() || (*taken == 0 && made == 0)) break;
      continue;
    }
    const unsigned byte = byte_at(in, step.taken);
    if (part == Part::magic && held_count == 0 && byte == 0 && offset > 0) part = Part::padding;
    if (auto taken = take_header_byte(byte); !taken) return taken.error();
    ++step.taken;
    ++offset;
  }
  return step;
}

Result<Inflater::Step> Inflater::State::unzstd(std::string_view in, std::span<char> out) {
  Step step;
  while (step.taken < in.size() || (begun && step.made < out.size())) {
    // The magic number goes byte by byte: libzstd may also accept the formats of its first
    // releases, and then its result depends on how many bytes it is given at once.
    auto end = in.size();
    if (held_count < zstd_magic.size() && step.taken < in.size()) {
      held[held_count++] = static_cast<unsigned char>(byte_at(in, step.taken));
      const std::string_view first(reinterpret_cast<const char*>(held.data()), held_count);
      if (!begins_zstd(first)) return damaged("no zstd frame begins here");
      end = step.taken + 1;
    }
    ZSTD_inBuffer from{in.data(), end, step.taken};
    ZSTD_outBuffer to{out.data(), out.size(), step.made};
    const std::size_t status = ZSTD_decompressStream(zstd, &to, &from);
    offset += from.pos - step.taken;
    if (ZSTD_isError(status) != 0) {
      if (ZSTD_getErrorCode(status) == ZSTD_error_memory_allocation) throw std::bad_alloc();
      if (ZSTD_getErrorCode(status) == ZSTD_error_frameParameter_windowTooLarge) {
        return Error{Errc::input,
                     fmt::format("byte {}: the zstd window is larger than 16 MiB: pipe the file "
                                 "through zstd -dc --long=31",
                                 offset)};
      }
      return damaged(fmt::format("the zstd stream is damaged ({})", ZSTD_getErrorName(status)));
    }
    const bool stuck = from.pos == step.taken && to.pos == step.made;
    step = {from.pos, to.pos};
    begun = status != 0;
    if (!begun) held_count = 0;
    if (stuck || step.made == out.size()) break;
  }
  return step;
}

Inflater::Inflater(Compression compression) : state_(std::make_unique<State>(compression)) {
  IDMERGE_CHECK(compression != Compression::none);
}
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater& Inflater::operator=(Inflater&&) noexcept = default;
Inflater::~Inflater() = default;

Result<Inflater::Step> Inflater::inflate(std::string_view in, std::span<char> out) {
  if (state_->compression == Compression::gzip) return state_->gunzip(in, out);
  return state_->unzstd(in, out);
}

Result<void> Inflater::finish() const {
  if (!state_->begun) return {};
  return state_->damaged(
      fmt::format("the {} stream ends in the middle", name(state_->compression)));
}

}  // namespace idmerge::io
