// SPDX-License-Identifier: MIT
#include "input/row_reader.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "input/columns.hpp"
#include "input/csv.hpp"
#include "input/ndjson.hpp"
#include "io/chunk_reader.hpp"
#include "io/input_list.hpp"
#include "util/check.hpp"

namespace idmerge::input {
namespace {

constexpr std::size_t head_bytes = 64 << 10;  // from which format and keys are detected
constexpr std::size_t chunk_bytes = 256 << 10;

Error prefixed(std::string_view path, const Error& error) {
  return {error.code, fmt::format("{}: {}", path, error.what), error.subject};
}

/// How to read the rows of one file, determined from its first bytes.
struct Plan {
  Format format = Format::automatic;
  std::variant<std::monostate, CsvReader, NdjsonReader> reader;  // none: the file has no row
  std::size_t start = 0;                                         // offset of the first row
  std::vector<std::string> numbered{};   // header names of the columns selected as #N
  std::size_t columns = 0;               // CSV
  std::vector<std::string> first_row{};  // CSV without a header, or with columns selected as #N
  std::array<std::string, 2> side_names{};
  bool undecided = false;          // more bytes are needed
  bool wants_keys_behind = false;  // NDJSON: the first row is too long to show its keys
};

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
    {"\x1f\x8b"sv, "this was compressed twice: within it is gzip", "unpack it once with: gzip -dc"},
    {"\x28\xb5\x2f\xfd"sv, "this was compressed twice: within it is zstd",
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
  return Error{Errc::input, fmt::format("byte {}: a zero byte in the first row, so this is no "
                                        "text: export CSV or NDJSON",
                                        nul)};
}

Format detect_format(std::string_view head) {
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  const auto first = head.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (head[first] == '{' || head[first] == '[')
             ? Format::ndjson
             : Format::csv;
}

FieldNames field_names(const RowReaderOptions& options) {
  return {.op = options.op,
          .anon = options.anon_field,
          .user = options.user_field,
          .alias = options.alias_field,
          .distinct_id = options.distinct_id_field,
          .ids = options.id_fields,
          .op_field = options.op_field,
          .order_field = options.order_field,
          .mask = options.mask};
}

Result<Plan> examine_csv(std::string_view head, bool whole, bool pipe,
                         const RowReaderOptions& options, Format format) {
  Plan plan;
  plan.format = format;
  const auto separator = named_separator(head);
  if (separator && options.delimiter && *separator != *options.delimiter) {
    return Error{
        Errc::usage,
        fmt::format("line 1: names the separator \"{}\", as Excel does, and --delimiter is "
                    "another: leave --delimiter out, or remove the line: tail -n +2",
                    util::printable(std::string_view(&*separator, 1)))};
  }
  const CsvOptions csv{.delimiter = options.delimiter.value_or(
                           separator.value_or(format == Format::tsv ? '\t' : ',')),
                       .row_max = options.row_max,
                       .allow_ragged = options.allow_ragged,
                       .allow_lazy_quotes = options.allow_lazy_quotes,
                       .pipe = pipe,
                       .take_last_row = options.take_last_row,
                       .null_words = options.null_words};
  const bool enough = whole || head.size() >= options.row_max + 5;
  const auto read = read_header(head, whole, csv);
  plan.undecided = !enough && (!read || !*read);
  if (plan.undecided) return plan;
  if (!read) return read.error();
  if (!*read) return plan;
  const CsvHeader& first = **read;
  const bool is_row = options.no_header;
  if (auto right = check_delimiter(first.names, csv.delimiter, !is_row, options.mask); !right)
    return right.error();
  const auto names = field_names(options);
  const auto count = static_cast<std::uint32_t>(first.names.size());
  auto columns = is_row ? choose_columns(names, count) : choose_columns(names, first.names);
  if (!columns) return columns.error();
  columns->verbs = options.verbs;
  plan.columns = count;
  if (const auto& sides = columns->sides[static_cast<std::size_t>(Op::create)]) {
    plan.side_names = {names.anon.empty() ? first.names[sides->first] : names.anon,
                       names.user.empty() ? first.names[sides->second] : names.user};
  }
  if (!is_row) plan.numbered = numbered_columns(names, first.names);
  if (is_row || !plan.numbered.empty()) plan.first_row = first.names;
  plan.start = is_row ? first.start : first.bytes;
  plan.reader.emplace<CsvReader>(
      csv, *columns, is_row ? std::vector<std::string>() : first.names,
      CsvStart{.offset = plan.start, .line = (is_row ? first.lines_before : first.lines) + 1});
  return plan;
}

Error no_header_in_ndjson() {
  return {Errc::usage, "--no-header: NDJSON has no header: leave it out"};
}

/// Returns: the keys found in the first rows that are not too long. Errors: those of reading.
Result<std::vector<std::string>> keys_behind_long_rows(const std::string& path,
                                                       std::uint64_t row_max) {
  auto source = io::ChunkReader::open(path, {});
  if (!source) return source.error();
  std::string row;
  bool too_long = false;
  io::Chunk chunk;
  do {
    if (auto read = source->next(chunk); !read) return read.error();
    for (std::string_view rest(chunk.bytes.data() + chunk.begin, chunk.end - chunk.begin);
         !rest.empty();) {
      const auto newline = rest.find('\n');
      const auto part = rest.substr(0, newline);
      too_long = too_long || row.size() + part.size() > row_max;
      if (too_long) {
        row.clear();
      } else {
        row += part;
      }
      if (newline == std::string_view::npos) break;
      if (auto keys = first_keys(row, true); !keys.empty()) return keys;
      row.clear();
      too_long = false;
      rest.remove_prefix(newline + 1);
    }
  } while (!chunk.last);
  return first_keys(row, true);
}

/// `keys_behind`: keys from the rows after a first row that is too long; null if not yet known.
Result<Plan> examine_ndjson(std::string_view head, bool whole, bool pipe,
                            const RowReaderOptions& options,
                            const std::vector<std::string>* keys_behind) {
  Plan plan;
  plan.format = Format::ndjson;
  plan.start = head.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  const auto text = head.substr(plan.start);
  const auto first = text.find_first_not_of(" \t\r\n");
  const bool enough = whole || head.size() >= options.row_max + 5;
  if (first == std::string_view::npos || (!whole && text.find('\n', first) == text.npos)) {
    plan.undecided = !enough;
    if (plan.undecided || first == std::string_view::npos) return plan;
  }
  if (options.no_header) return no_header_in_ndjson();
  if (text[first] == '[') {
    return Error{Errc::usage,
                 "this is one JSON array: write one object a line, for example with: "
                 "jq -c '.[]'"};
  }
  auto keys = first_keys(text, whole);
  if (keys.empty() && !whole && text.substr(first).find('\n') == text.npos) {
    plan.wants_keys_behind = keys_behind == nullptr;
    if (plan.wants_keys_behind) return plan;
    keys = *keys_behind;
  }
  auto fields = choose_fields(field_names(options), keys);
  if (!fields && keys.empty()) {
    return Error{Errc::usage,
                 fmt::format("line {}: is no JSON object, nor are those behind it: "
                             "write one a line, as jq -c . does",
                             1 + std::count(text.begin(), text.begin() + first, '\n'))};
  }
  if (!fields) return fields.error();
  fields->columns.verbs = options.verbs;
  if (const auto& sides = fields->columns.sides[static_cast<std::size_t>(Op::create)]) {
    const auto names = field_names(options);
    plan.side_names = {names.anon.empty() ? fields->pointers[sides->first].front() : names.anon,
                       names.user.empty() ? fields->pointers[sides->second].front() : names.user};
  }
  plan.reader.emplace<NdjsonReader>(NdjsonOptions{.row_max = options.row_max,
                                                  .pipe = pipe && !options.take_last_row,
                                                  .null_words = options.null_words},
                                    *fields, plan.start);
  return plan;
}

/// `whole`: `head` is the complete input.
Result<Plan> examine(std::string_view head, bool whole, bool pipe, const RowReaderOptions& options,
                     const std::vector<std::string>* keys_behind = nullptr) {
  if (auto text = check_text(head); !text) return text.error();
  auto format = options.format;
  if (format == Format::automatic) format = detect_format(head);
  return format == Format::ndjson ? examine_ndjson(head, whole, pipe, options, keys_behind)
                                  : examine_csv(head, whole, pipe, options, format);
}

/// Returns: the option that selects the ids of one side, as it was given.
std::string side_option(const RowReaderOptions& options, std::size_t side) {
  if (!options.id_fields.empty()) return "--id-fields " + options.id_fields;
  if (options.op == Op::alias) {
    return side == 0 ? "--alias-field " + options.alias_field
                     : "--distinct-id-field " + options.distinct_id_field;
  }
  return side == 0 ? "--anon-field " + options.anon_field : "--user-field " + options.user_field;
}

Result<void> check_options(const RowReaderOptions& options) {
  if (options.row_max < 64 || options.row_max > (1U << 30U)) {
    return Error{Errc::usage, "--row-max: out of range: use 64 B to 1 GiB"};
  }
  const char delimiter = options.delimiter.value_or(',');
  if (delimiter == '"' || delimiter == '\n' || delimiter == '\r' || delimiter == '\0') {
    return Error{Errc::usage,
                 "--delimiter: this character has another meaning in CSV: use one "
                 "such as ',' ';' '|' or a tab"};
  }
  if (options.no_header && options.format == Format::ndjson) {
    return no_header_in_ndjson();
  }
  return {};
}

}  // namespace

std::string_view name(Format format) {
  static constexpr std::string_view names[]{"auto", "csv", "tsv", "ndjson"};
  return names[static_cast<std::size_t>(format)];
}

struct RowReader::State {
  explicit State(RowReaderOptions given)
      : options(std::move(given)), order_kind(options.order_kind) {}

  Result<void> look_at_heads();
  Result<Plan> examine_head(const std::string& path, std::size_t bytes);
  Result<Plan> examine_or_read_on(std::string_view head, bool whole, const std::string& path,
                                  bool pipe) const;
  Result<void> open_next();
  Result<std::string_view> load(RowBlock& block);
  Result<std::size_t> feed(std::string_view bytes, RowBlock& block);
  void note_long_rows(const RowBlock& block);
  Result<bool> next(RowBlock& block);
  Result<void> close_file();
  Result<void> check_alike(const std::string& path, const Plan& found);
  Result<void> check_unchanged() const;
  Result<void> check_counts() const;
  InputFile& file() { return files[index]; }
  io::ChunkReaderOptions source_options() const {
    return {.chunk_bytes = std::max<std::size_t>(chunk_bytes, options.row_max / 4)};
  }

  RowReaderOptions options;
  std::vector<InputFile> files;
  std::vector<std::string> passed_over;
  std::uint64_t bytes_total = 0;
  std::uint64_t bytes_before = 0;  // raw bytes of the files already read

  std::map<std::size_t, io::ChunkReader> pipes;  // kept open: a writer is waiting
  std::size_t index = 0;                         // of the current file
  std::optional<io::ChunkReader> source;
  Plan plan;
  bool last = false;      // the source has no more chunks
  bool use_left = false;  // feed `left` before reading more
  std::string left;       // bytes that the reader has not consumed
  io::Chunk chunk;
  OrderKind order_kind;
  std::uint64_t rows = 0;
  bool readable = false;       // at least one NDJSON row is an object
  std::array<bool, 2> seen{};  // sides for which an NDJSON row had a key
  std::string empty_path;      // of a file without even a header
  struct Table {
    std::string path;
    std::vector<std::string> numbered;
    std::size_t columns = 0;
  };
  std::optional<Table> model;  // the first table, if columns are selected by number
  std::optional<Error> failed;
};

/// Checks everything that can be checked before the first row is read.
Result<void> RowReader::State::look_at_heads() {
  std::vector<std::array<std::uint64_t, 2>> known;
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto& input = files[i];
    auto opened = io::ChunkReader::open(input.path, {.head_bytes = head_bytes});
    if (!opened) return opened.error();
    if (opened->is_pipe()) {
      input.is_pipe = true;
      opened->set_options(source_options());
      pipes.emplace(i, std::move(*opened));
      continue;
    }
    if (std::find(known.begin(), known.end(), opened->identity()) != known.end()) {
      return Error{Errc::usage,
                   fmt::format("{}: the same file is named twice: name it once", input.path)};
    }
    known.push_back(opened->identity());
    input.size = opened->size();
    input.mtime_ns = opened->mtime_ns();
    bytes_total += input.size;
    io::Chunk head;
    if (auto read = opened->next(head); !read) return read.error();
    auto found =
        examine({head.bytes.data() + head.begin, head.end - head.begin}, head.last, false, options);
    if (found && found->undecided) found = examine_head(input.path, options.row_max + 5);
    if (!found) return prefixed(input.path, found.error());
    if (auto alike = check_alike(input.path, *found); !alike) return alike;
    input.first_row = found->first_row;
    input.side_names = found->side_names;
  }
  if (!pipes.empty()) bytes_total = 0;
  return {};
}

Result<Plan> RowReader::State::examine_head(const std::string& path, std::size_t bytes) {
  auto opened = io::ChunkReader::open(path, {.chunk_bytes = bytes, .head_bytes = bytes});
  if (!opened) return opened.error();
  io::Chunk head;
  if (auto read = opened->next(head); !read) return read.error();
  return examine_or_read_on({head.bytes.data() + head.begin, head.end - head.begin}, head.last,
                            path, false);
}

/// A first row that is too long costs only that row, like any other: the keys are taken from the
/// rows after it.
Result<Plan> RowReader::State::examine_or_read_on(std::string_view head, bool whole,
                                                  const std::string& path, bool pipe) const {
  auto found = examine(head, whole, pipe, options);
  if (!found || !found->wants_keys_behind) return found;
  if (pipe) {
    return Error{
        Errc::usage,
        "line 1: is longer than --row-max, and a pipe cannot be looked at behind it: raise "
        "--row-max, or write a file"};
  }
  const auto keys = keys_behind_long_rows(path, options.row_max);
  if (!keys) return keys.error();
  return examine(head, whole, pipe, options, &*keys);
}

/// Columns selected by number must be the same in all tables. If the headers differ, or tables
/// without a header differ in their number of columns, one of them would be misread.
Result<void> RowReader::State::check_alike(const std::string& path, const Plan& found) {
  if (found.columns == 0 || (found.numbered.empty() && !options.no_header)) return {};
  if (!model) {
    model = Table{path, found.numbered, found.columns};
    return {};
  }
  if (options.no_header) {
    if (found.columns == model->columns) return {};
    return Error{Errc::usage,
                 fmt::format("{}: the first row has {} columns, and {} in {}: tables of "
                             "different shape want a run each",
                             path, found.columns, model->columns, model->path)};
  }
  if (found.numbered == model->numbered) return {};
  return Error{Errc::usage,
               fmt::format("{}: the header names the numbered columns {}, and in {} they are {}: "
                           "name the columns instead, or use --no-header if there is none",
                           path, list_names(found.numbered, options.mask), model->path,
                           list_names(model->numbered, options.mask))};
}

/// Opens the file at `index` and reads until its plan is known.
Result<void> RowReader::State::open_next() {
  const auto pipe = pipes.find(index);
  auto opened = pipe == pipes.end() ? io::ChunkReader::open(file().path, source_options())
                                    : Result<io::ChunkReader>(std::move(pipe->second));
  if (!opened) return opened.error();
  if (!opened->is_pipe() &&
      (opened->size() != file().size || opened->mtime_ns() != file().mtime_ns)) {
    return Error{Errc::input, fmt::format("{}: the file changed since it was first looked at: wait "
                                          "until its writer is done, then plan again",
                                          file().path)};
  }
  source = std::move(*opened);
  last = false;
  left.clear();
  for (const auto wanted : {head_bytes, static_cast<std::size_t>(options.row_max + 5)}) {
    while (!last && left.size() < wanted) {
      if (auto read = source->next(chunk); !read) return read.error();
      left.append(chunk.bytes.data() + chunk.begin, chunk.end - chunk.begin);
      last = chunk.last;
    }
    const auto head = std::string_view(left).substr(0, wanted);
    const bool whole = last && head.size() == left.size();
    auto found = examine_or_read_on(head, whole, file().path, source->is_pipe());
    if (!found) return prefixed(file().path, found.error());
    plan = std::move(*found);
    if (!plan.undecided && !whole && plan.reader.index() == 0) {
      return Error{Errc::input,
                   fmt::format("{}: the first {} bytes are blank lines: check the file",
                               file().path, wanted)};
    }
    if (!plan.undecided) break;
  }
  IDMERGE_CHECK(!plan.undecided);
  if (auto alike = check_alike(file().path, plan); !alike) return alike;
  left.erase(0, plan.start);
  use_left = true;
  std::visit(
      [&](auto& reader) {
        if constexpr (requires { reader.set_order_kind(order_kind); }) {
          reader.set_order_kind(order_kind);
        }
      },
      plan.reader);
  file().format = plan.format;
  file().first_row = plan.first_row;
  return {};
}

/// Loads the next bytes into the block, after the bytes left over from the last call.
Result<std::string_view> RowReader::State::load(RowBlock& block) {
  if (use_left) {
    block.bytes.assign(left.begin(), left.end());
    return std::string_view(block.bytes.data(), block.bytes.size());
  }
  chunk.bytes = std::move(block.bytes);
  if (auto read = source->next(chunk); !read) return read.error();
  last = chunk.last;
  const auto fresh = chunk.end - chunk.begin;
  if (left.size() > chunk.begin) {  // a long row: no room before the chunk
    block.bytes.clear();
    block.bytes.reserve(left.size() + fresh);
    block.bytes.assign(left.begin(), left.end());
    block.bytes.insert(block.bytes.end(), chunk.bytes.data() + chunk.begin,
                       chunk.bytes.data() + chunk.end);
    return std::string_view(block.bytes.data(), block.bytes.size());
  }
  block.bytes = std::move(chunk.bytes);
  const auto begin = chunk.begin - left.size();
  std::copy(left.begin(), left.end(), block.bytes.data() + begin);
  return std::string_view(block.bytes.data() + begin, left.size() + fresh);
}

void RowReader::State::note_long_rows(const RowBlock& block) {
  for (const Row& row : block.rows) {
    if (row.fault != Fault::none) continue;
    const auto breaks = std::count(row.text.begin(), row.text.end(), '\n');
    if (breaks == 0) continue;
    ++file().long_rows;
    const auto lines = 1 + static_cast<std::uint64_t>(breaks);
    if (lines <= file().longest_lines) continue;
    file().longest_lines = lines;
    file().longest_at = row.line;
  }
}

Result<std::size_t> RowReader::State::feed(std::string_view bytes, RowBlock& block) {
  block.rows.clear();
  block.scratch.clear();
  block.blank_lines = 0;
  block.file = static_cast<std::uint32_t>(index);
  const auto* const csv = std::get_if<CsvReader>(&plan.reader);
  const auto line = csv != nullptr ? csv->line() : 0;
  auto taken = std::visit(
      [&](auto& reader) -> Result<std::size_t> {
        if constexpr (requires { reader.feed(bytes, last, block); }) {
          return reader.feed(bytes, last, block);
        } else {
          return bytes.size();  // only blank lines
        }
      },
      plan.reader);
  if (!taken) return prefixed(file().path, taken.error());
  if (csv != nullptr && csv->line() - line > block.rows.size() + block.blank_lines) {
    note_long_rows(block);
  }
  return taken;
}

Result<bool> RowReader::State::next(RowBlock& block) {
  for (;;) {
    if (!source) {
      if (index == files.size()) {
        if (auto checked = check_counts(); !checked) return checked.error();
        if (auto same = check_unchanged(); !same) return same.error();
        return false;
      }
      if (auto opened = open_next(); !opened) return opened.error();
    }
    const auto bytes = load(block);
    if (!bytes) return bytes.error();
    const auto taken = feed(*bytes, block);
    if (!taken) return taken.error();
    left.assign(bytes->substr(*taken));
    use_left = !left.empty() && (last || block.rows.size() >= CsvReader::rows_max);
    IDMERGE_CHECK(!last || left.empty() || *taken > 0);
    file().rows += block.rows.size();
    file().blank_lines += block.blank_lines;
    rows += block.rows.size();
    const bool any = !block.rows.empty() || block.blank_lines > 0;
    if (last && left.empty()) {
      if (auto closed = close_file(); !closed) return closed.error();
    }
    if (any) return true;
  }
}

/// Records the facts of the file after all of it was read.
Result<void> RowReader::State::close_file() {
  const auto& facts = source->facts();
  file().size = facts.size;
  file().mtime_ns = facts.mtime_ns;
  file().digest = facts.digest;
  file().compression = name(facts.compression);
  if (plan.reader.index() == 0) empty_path = file().path;
  if (const auto* csv = std::get_if<CsvReader>(&plan.reader)) order_kind = csv->order_kind();
  if (const auto* ndjson = std::get_if<NdjsonReader>(&plan.reader)) {
    order_kind = ndjson->order_kind();
    readable = readable || ndjson->readable();
    for (std::size_t side = 0; side < 2; ++side)
      seen[side] = seen[side] || ndjson->seen()[side];
  }
  bytes_before += facts.size;
  source.reset();
  ++index;
  return {};
}

/// A file that was read to its end may have grown while others were read.
Result<void> RowReader::State::check_unchanged() const {
  for (const auto& input : files) {
    if (input.is_pipe) continue;
    const auto again = io::ChunkReader::open(input.path, {.head_bytes = 1});
    if (!again) return again.error();
    if (again->size() == input.size && again->mtime_ns() == input.mtime_ns) continue;
    return Error{Errc::input, fmt::format("{}: the file changed after it was read: wait until its "
                                          "writer is done, then plan again",
                                          input.path)};
  }
  return {};
}

Result<void> RowReader::State::check_counts() const {
  if (rows == 0 && !empty_path.empty()) {
    return Error{Errc::input,
                 fmt::format("{}: the file is empty: check that the export has run", empty_path)};
  }
  for (std::size_t side = 0; side < seen.size(); ++side) {
    if (!readable || seen[side]) continue;
    return Error{Errc::usage, fmt::format("{}: no row has this field: check how it is spelled, and "
                                          "its path from the top of the object",
                                          side_option(options, side))};
  }
  if (options.expect_rows && rows != *options.expect_rows) {
    return Error{Errc::input,
                 fmt::format("--expect-rows: the inputs have {} rows, not {}: "
                             "check that the export is complete, or correct the number",
                             rows, *options.expect_rows),
                 "expect-rows"};
  }
  if (rows < options.min_rows) {
    return Error{Errc::input,
                 fmt::format("--min-rows: the inputs have {} rows, less than {}: "
                             "check that the export is complete, or lower the number",
                             rows, options.min_rows),
                 "min-rows"};
  }
  return {};
}

RowReader::RowReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
RowReader::RowReader(RowReader&&) noexcept = default;
RowReader& RowReader::operator=(RowReader&&) noexcept = default;
RowReader::~RowReader() = default;

Result<RowReader> RowReader::open(RowReaderOptions options) {
  if (auto good = check_options(options); !good) return good.error();
  auto inputs = io::list_inputs(options.inputs);
  if (!inputs) return inputs.error();
  if (options.expect_files && inputs->paths.size() != *options.expect_files) {
    return Error{Errc::input,
                 fmt::format("--expect-files: there are {} input files, not {}: "
                             "check that the export is complete, or correct the number",
                             inputs->paths.size(), *options.expect_files),
                 "expect-files"};
  }
  auto state = std::make_unique<State>(std::move(options));
  state->passed_over = std::move(inputs->passed_over);
  for (auto& path : inputs->paths)
    state->files.emplace_back().path = std::move(path);
  if (auto good = state->look_at_heads(); !good) return good.error();
  return RowReader(std::move(state));
}

Result<bool> RowReader::next(RowBlock& block) {
  if (state_->failed) return *state_->failed;
  auto more = state_->next(block);
  if (!more) {
    block.rows.clear();
    state_->source.reset();
    state_->failed = more.error();
  }
  return more;
}

const std::vector<InputFile>& RowReader::files() const {
  return state_->files;
}

const std::vector<std::string>& RowReader::passed_over() const {
  return state_->passed_over;
}

OrderKind RowReader::order_kind() const {
  return state_->order_kind;
}

std::uint64_t RowReader::bytes_total() const {
  return state_->bytes_total;
}

std::uint64_t RowReader::bytes_read() const {
  return state_->bytes_before + (state_->source ? state_->source->bytes_read() : 0);
}

}  // namespace idmerge::input
