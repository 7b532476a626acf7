// SPDX-License-Identifier: MIT
#include "input/formats.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "input/csv_format.hpp"
#include "input/ndjson_format.hpp"
#include "util/check.hpp"

namespace idmerge::input {
namespace {

struct FormatFacts {
  Format format;
  std::string_view name;   // as in options and plans
  std::string_view title;  // for people
  bool has_header;         // its files begin with the names of columns
  bool has_escapes;        // databases that write it escape with backslashes

  /// Returns whether a file is in this format by its beginning. Null: never by that alone.
  bool (*recognizes)(std::string_view head);

  Result<FileLayout> (*examine)(const FileHead& head, const RowReaderOptions& options);
};

constexpr std::string_view automatic_name = "auto";

// Add new formats here. The first one is that of files which no other recognizes.
constexpr std::array<FormatFacts, 3> all{{
    {Format::csv, "csv", "CSV", true, false, nullptr, examine_csv},
    {Format::tsv, "tsv", "TSV", true, true, nullptr, examine_tsv},
    {Format::ndjson, "ndjson", "NDJSON", false, false, looks_like_json, examine_ndjson},
}};

/// Requires: not automatic.
const FormatFacts& facts_of(Format format) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const auto& facts) { return facts.format == format; });
  IDMERGE_CHECK(found != all.end());
  return *found;
}

const FormatFacts& detect(std::string_view head) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& facts) {
    return facts.recognizes != nullptr && facts.recognizes(head);
  });
  return found == all.end() ? all.front() : *found;
}

Result<void> check_header(const FormatFacts& facts, const RowReaderOptions& options) {
  if (!options.no_header || facts.has_header) return {};
  return Error{Errc::usage,
               fmt::format("--no-header: {} has no header: leave it out", facts.title)};
}

struct Magic {
  std::string_view bytes;
  std::string_view what;
  std::string_view remedy;
};

using namespace std::string_view_literals;

constexpr Magic unreadable[]{
    {"\xff\xfe\0\0"sv, "this is UTF-32", "convert it with: iconv -f UTF-32 -t UTF-8"},
    {"\0\0\xfe\xff"sv, "this is UTF-32", "convert it with: iconv -f UTF-32 -t UTF-8"},
    {"\xff\xfe"sv, "this is UTF-16", "convert it with: iconv -f UTF-16 -t UTF-8"},
    {"\xfe\xff"sv, "this is UTF-16", "convert it with: iconv -f UTF-16 -t UTF-8"},
    {"PAR1"sv, "this is Parquet", "export CSV, or pipe it through DuckDB"},
    {"PK\x03\x04"sv, "this is a zip archive or a spreadsheet", "unpack it, or save it as CSV"},
    {"BZh"sv, "this is bzip2", "pipe it through bzip2 -dc"},
    {"\xfd"
     "7zXZ\0"sv,
     "this is xz", "pipe it through xz -dc"},
    {"\x04\x22\x4d\x18"sv, "this is lz4", "pipe it through lz4 -dc"},
    {"\x1f\x8b"sv, "this was compressed twice: it contains gzip", "unpack it once with: gzip -dc"},
    {"\x28\xb5\x2f\xfd"sv, "this was compressed twice: it contains zstd",
     "unpack it once with: zstd -dc"},
    {"x\x01"sv, "this is zlib (deflate)", "unpack it with: pigz -dc, or export gzip"},
    {"x\x9c"sv, "this is zlib (deflate)", "unpack it with: pigz -dc, or export gzip"},
    {"x\xda"sv, "this is zlib (deflate)", "unpack it with: pigz -dc, or export gzip"},
    {"\xff\x06\0\0sNaPpY"sv, "this is snappy", "export gzip or zstd, or unpack it with: snzip -dc"},
    {"Obj\x01"sv, "this is Avro", "export CSV or NDJSON"},
    {"ORC"sv, "this is ORC", "export CSV or NDJSON"},
};

/// Returns: the encoding of a text with zero bytes, detected from their positions among the first
/// characters; empty if it is neither UTF-16 nor UTF-32.
std::string_view wide_encoding(std::string_view text) {
  constexpr std::size_t looked_at = 16;
  const auto zeros_at = [&](std::size_t begin) {
    unsigned zeros = 0;
    for (const char c : text.substr(begin, 4))
      zeros = zeros << 1U | (c == '\0' ? 1U : 0U);
    return zeros;
  };
  if (text.size() < 4) return {};
  const auto zeros = zeros_at(0);
  for (std::size_t begin = 4; begin + 4 <= std::min(text.size(), looked_at); begin += 4) {
    if (zeros_at(begin) != zeros) return {};
  }
  switch (zeros) {
    case 0b0101:
      return "UTF-16LE";
    case 0b1010:
      return "UTF-16BE";
    case 0b0111:
      return "UTF-32LE";
    case 0b1110:
      return "UTF-32BE";
    default:
      return {};
  }
}

/// Returns whether the text is Snappy in Hadoop's framing. Each block follows its uncompressed and
/// its compressed length, both big-endian, and begins with the uncompressed length again, as Snappy
/// writes it.
///
/// Source: github.com/google/snappy, format_description.txt; hadoop's BlockCompressorStream
bool is_hadoop_snappy(std::string_view head) {
  constexpr std::size_t lengths_bytes = 8;
  if (head.size() < lengths_bytes + 1) return false;
  const auto byte = [&](std::size_t at) {
    return std::uint32_t{static_cast<unsigned char>(head[at])};
  };
  const auto plain = byte(0) << 24U | byte(1) << 16U | byte(2) << 8U | byte(3);
  std::uint32_t again = 0;
  for (std::size_t at = lengths_bytes, shift = 0; at < head.size() && shift < 32;
       ++at, shift += 7) {
    again |= (byte(at) & 0x7FU) << shift;
    if (byte(at) < 0x80U) return plain > 0 && again == plain;
  }
  return false;
}

/// Refuses content that is not text, with a remedy.
Result<void> check_text(std::string_view head) {
  for (const auto& magic : unreadable) {
    if (head.starts_with(magic.bytes)) {
      return Error{Errc::input, fmt::format("{}: {}", magic.what, magic.remedy)};
    }
  }
  constexpr std::size_t tar_magic_at = 257;
  if (head.size() > tar_magic_at && head.substr(tar_magic_at).starts_with("ustar")) {
    return Error{Errc::input, "this is a tar archive: unpack it with tar -x, and name its files"};
  }
  if (is_hadoop_snappy(head)) {
    return Error{Errc::input,
                 "this is snappy, as Hadoop frames it: export gzip or zstd, or read it with Spark"};
  }
  const auto first = head.substr(0, std::min(head.find('\n'), std::size_t{1024}));
  const auto nul = first.find('\0');
  if (nul == std::string_view::npos) return {};
  if (const auto encoding = wide_encoding(first); !encoding.empty()) {
    return Error{Errc::input,
                 fmt::format("this is {0}: convert it with: iconv -f {0} -t UTF-8", encoding)};
  }
  return Error{
      Errc::input,
      fmt::format(
          "byte {}: a zero byte in the first row, so this is not text: export CSV or NDJSON", nul)};
}

}  // namespace

std::string_view name(Format format) {
  return format == Format::automatic ? automatic_name : facts_of(format).name;
}

std::optional<Format> parse_format(std::string_view text) {
  if (text == automatic_name) return Format::automatic;
  for (const auto& facts : all) {
    if (facts.name == text) return facts.format;
  }
  return std::nullopt;
}

std::vector<std::string_view> format_names() {
  std::vector<std::string_view> names{automatic_name};
  for (const auto& facts : all)
    names.push_back(facts.name);
  return names;
}

bool may_have_escapes(const RowReaderOptions& options) {
  if (options.delimiter && *options.delimiter < ' ') return true;
  return options.format != Format::automatic && facts_of(options.format).has_escapes;
}

Result<void> check_format(const RowReaderOptions& options) {
  if (options.format == Format::automatic) return {};
  return check_header(facts_of(options.format), options);
}

Result<FileLayout> examine(const FileHead& head, const RowReaderOptions& options) {
  if (auto text = check_text(head.bytes); !text) return text.error();
  const FormatFacts& facts =
      options.format == Format::automatic ? detect(head.bytes) : facts_of(options.format);
  if (auto good = check_header(facts, options); !good) return good.error();
  return facts.examine(head, options);
}

}  // namespace idmerge::input
