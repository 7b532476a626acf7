// SPDX-License-Identifier: MIT
#include "input/csv_format.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "input/columns.hpp"
#include "input/csv.hpp"
#include "input/field_options.hpp"

namespace idmerge::input {
namespace {

Result<FileLayout> examine_table(const FileHead& head, const RowReaderOptions& options,
                                 Format format, char default_delimiter) {
  FileLayout layout;
  layout.format = format;
  const auto separator = named_separator(head.bytes);
  if (separator && options.delimiter && *separator != *options.delimiter) {
    return Error{
        Errc::usage,
        fmt::format("line 1: names the separator \"{}\", as Excel does, and --delimiter is "
                    "another: leave --delimiter out, or remove the line: tail -n +2",
                    util::printable(std::string_view(&*separator, 1)))};
  }
  const CsvOptions csv{
      .delimiter = options.delimiter.value_or(separator.value_or(default_delimiter)),
      .row_max = options.row_max,
      .allow_ragged = options.allow_ragged,
      .allow_lazy_quotes = options.allow_lazy_quotes,
      .pipe = head.pipe,
      .take_last_row = options.take_last_row,
      .null_words = options.null_words};
  const auto read = read_header(head.bytes, head.whole, csv);
  layout.undecided = !head.is_enough(options.row_max) && (!read || !*read);
  if (layout.undecided) return layout;
  if (!read) return read.error();
  if (!*read) return layout;
  const CsvHeader& first = **read;
  const bool is_row = options.no_header;
  if (auto right = check_delimiter(first.names, csv.delimiter, !is_row, options.mask); !right)
    return right.error();
  const auto names = field_names(options);
  const auto count = static_cast<std::uint32_t>(first.names.size());
  auto columns = is_row ? choose_columns(names, count) : choose_columns(names, first.names);
  if (!columns) return columns.error();
  columns->verbs = options.verbs;
  layout.columns = count;
  if (const auto& sides = columns->sides[static_cast<std::size_t>(Op::create)]) {
    layout.side_names = {names.anon.empty() ? first.names[sides->first] : names.anon,
                         names.user.empty() ? first.names[sides->second] : names.user};
  }
  if (!is_row) layout.numbered = numbered_columns(names, first.names);
  if (is_row || !layout.numbered.empty()) layout.first_row = first.names;
  layout.start = is_row ? first.start : first.bytes;
  layout.reader = std::make_unique<CsvReader>(
      csv, *columns, is_row ? std::vector<std::string>() : first.names,
      CsvStart{.offset = layout.start, .line = (is_row ? first.lines_before : first.lines) + 1});
  return layout;
}

}  // namespace

Result<FileLayout> examine_csv(const FileHead& head, const RowReaderOptions& options) {
  return examine_table(head, options, Format::csv, ',');
}

Result<FileLayout> examine_tsv(const FileHead& head, const RowReaderOptions& options) {
  return examine_table(head, options, Format::tsv, '\t');
}

}  // namespace idmerge::input
