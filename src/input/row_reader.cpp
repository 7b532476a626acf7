// SPDX-License-Identifier: MIT
#include "input/row_reader.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "input/columns.hpp"
#include "input/file_reader.hpp"
#include "input/formats.hpp"
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
  return check_format(options);
}

}  // namespace

struct RowReader::State {
  explicit State(RowReaderOptions given)
      : options(std::move(given)), order_kind(options.order_kind) {}

  Result<void> look_at_heads();
  Result<FileLayout> examine_head(const std::string& path, std::size_t bytes);
  Result<void> open_next();
  Result<std::string_view> load(RowBlock& block);
  Result<std::size_t> feed(std::string_view bytes, RowBlock& block);
  void note_long_rows(const RowBlock& block);
  Result<bool> next(RowBlock& block);
  Result<void> close_file();
  Result<void> check_alike(const std::string& path, const FileLayout& found);
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
  FileLayout layout;
  bool last = false;      // the source has no more chunks
  bool use_left = false;  // feed `left` before reading more
  std::string left;       // bytes that the reader has not consumed
  io::Chunk chunk;
  OrderKind order_kind;
  std::uint64_t rows = 0;
  bool names_fields = false;   // at least one row names its fields
  std::array<bool, 2> seen{};  // sides whose field such a row had
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
    auto found = examine({.bytes = {head.bytes.data() + head.begin, head.end - head.begin},
                          .whole = head.last,
                          .path = input.path},
                         options);
    if (found && found->undecided) found = examine_head(input.path, options.row_max + 5);
    if (!found) return prefixed(input.path, found.error());
    if (auto alike = check_alike(input.path, *found); !alike) return alike;
    input.first_row = found->first_row;
    input.side_names = found->side_names;
  }
  if (!pipes.empty()) bytes_total = 0;
  return {};
}

Result<FileLayout> RowReader::State::examine_head(const std::string& path, std::size_t bytes) {
  auto opened = io::ChunkReader::open(path, {.chunk_bytes = bytes, .head_bytes = bytes});
  if (!opened) return opened.error();
  io::Chunk head;
  if (auto read = opened->next(head); !read) return read.error();
  return examine({.bytes = {head.bytes.data() + head.begin, head.end - head.begin},
                  .whole = head.last,
                  .path = path},
                 options);
}

/// Columns selected by number must be the same in all tables. If the headers differ, or tables
/// without a header differ in their number of columns, one of them would be misread.
Result<void> RowReader::State::check_alike(const std::string& path, const FileLayout& found) {
  if (found.columns == 0 || (found.numbered.empty() && !options.no_header)) return {};
  if (!model) {
    model = Table{path, found.numbered, found.columns};
    return {};
  }
  if (options.no_header) {
    if (found.columns == model->columns) return {};
    return Error{Errc::usage, fmt::format("{}: the first row has {} columns, and {} in {}: tables "
                                          "of different shape need a run each",
                                          path, found.columns, model->columns, model->path)};
  }
  if (found.numbered == model->numbered) return {};
  return Error{Errc::usage,
               fmt::format("{}: the header names the numbered columns {}, and in {} they are {}: "
                           "name the columns instead, or use --no-header if there is none",
                           path, list_names(found.numbered, options.mask), model->path,
                           list_names(model->numbered, options.mask))};
}

/// Opens the file at `index` and reads until its layout is known.
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
    auto found = examine(
        {.bytes = head, .whole = whole, .pipe = source->is_pipe(), .path = file().path}, options);
    if (!found) return prefixed(file().path, found.error());
    layout = std::move(*found);
    if (!layout.undecided && !whole && !layout.reader) {
      return Error{Errc::input,
                   fmt::format("{}: the first {} bytes are blank lines: check the file",
                               file().path, wanted)};
    }
    if (!layout.undecided) break;
  }
  IDMERGE_CHECK(!layout.undecided);
  if (auto alike = check_alike(file().path, layout); !alike) return alike;
  left.erase(0, layout.start);
  use_left = true;
  if (layout.reader) layout.reader->set_order_kind(order_kind);
  file().format = layout.format;
  file().first_row = layout.first_row;
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
  if (!layout.reader) return bytes.size();  // only blank lines
  FileReader& reader = *layout.reader;
  const auto line = reader.line();
  const auto taken = reader.feed(bytes, last, block);
  if (!taken) return prefixed(file().path, taken.error());
  if (reader.line() - line > block.rows.size() + block.blank_lines) note_long_rows(block);
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
    use_left = !left.empty() && (last || block.rows.size() >= FileReader::rows_max);
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
  if (layout.reader) {
    order_kind = layout.reader->order_kind();
    if (const auto sides = layout.reader->seen_sides()) {
      names_fields = true;
      for (std::size_t side = 0; side < seen.size(); ++side)
        seen[side] = seen[side] || (*sides)[side];
    }
  } else {
    empty_path = file().path;
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
    if (!names_fields || seen[side]) continue;
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
