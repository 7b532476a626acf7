// SPDX-License-Identifier: MIT
#include "input/ndjson_format.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "input/columns.hpp"
#include "input/field_options.hpp"
#include "input/ndjson.hpp"
#include "io/chunk_reader.hpp"

namespace idmerge::input {
namespace {

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

}  // namespace

bool looks_like_json(std::string_view head) {
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  const auto first = head.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (head[first] == '{' || head[first] == '[');
}

Result<FileLayout> examine_ndjson(const FileHead& head, const RowReaderOptions& options) {
  FileLayout layout;
  layout.format = Format::ndjson;
  layout.start = head.bytes.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  const auto text = head.bytes.substr(layout.start);
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (!head.whole && text.find('\n', first) == text.npos)) {
    layout.undecided = !head.is_enough(options.row_max);
    if (layout.undecided || first == std::string_view::npos) return layout;
  }
  if (text[first] == '[') {
    return Error{Errc::usage,
                 "this is one JSON array: write one object a line, for example with: "
                 "jq -c '.[]'"};
  }
  auto keys = first_keys(text, head.whole);
  if (keys.empty() && !head.whole && text.substr(first).find('\n') == text.npos) {
    // A first row that is too long costs only that row, like any other: the keys are taken from the
    // rows after it.
    if (head.pipe) {
      return Error{Errc::usage,
                   "line 1: is longer than --row-max, and a pipe cannot be searched beyond it: "
                   "raise --row-max, or write a file"};
    }
    auto behind = keys_behind_long_rows(std::string(head.path), options.row_max);
    if (!behind) return behind.error();
    keys = std::move(*behind);
  }
  auto fields = choose_fields(field_names(options), keys);
  if (!fields && keys.empty()) {
    return Error{Errc::usage,
                 fmt::format("line {}: is not a JSON object, nor are the next lines: write one "
                             "object a line, as jq -c . does",
                             1 + std::count(text.begin(), text.begin() + first, '\n'))};
  }
  if (!fields) return fields.error();
  fields->columns.verbs = options.verbs;
  if (const auto& sides = fields->columns.sides[static_cast<std::size_t>(Op::create)]) {
    const auto names = field_names(options);
    layout.side_names = {names.anon.empty() ? fields->pointers[sides->first].front() : names.anon,
                         names.user.empty() ? fields->pointers[sides->second].front() : names.user};
  }
  layout.reader =
      std::make_unique<NdjsonReader>(NdjsonOptions{.row_max = options.row_max,
                                                   .pipe = head.pipe && !options.take_last_row,
                                                   .null_words = options.null_words},
                                     *fields, layout.start);
  return layout;
}

}  // namespace idmerge::input
