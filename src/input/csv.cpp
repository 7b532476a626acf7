// SPDX-License-Identifier: MIT
#include "input/csv.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "util/check.hpp"

namespace idmerge::input {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::string_view bom = "\xEF\xBB\xBF";
constexpr std::size_t slice_bytes = 16 << 10;  // with its separators it fits into the L1 cache
constexpr std::size_t text_shown_max = 4 << 10;

std::size_t count_newlines(std::string_view bytes) {
  return static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'));
}

std::string_view without_cr(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

/// Parses one row byte by byte. It is strict, but continues after a fault like a lenient reader, to
/// find the end of the row.
class CarefulRow {
 public:
  CarefulRow(std::string_view bytes, bool last, const CsvOptions& options,
             std::vector<CsvField>& fields)
      : fields_(fields),
        bytes_(bytes),
        last_(last),
        delimiter_(options.delimiter),
        lazy_(options.allow_lazy_quotes) {
    fields_.clear();
    read();
  }

  bool complete = false;
  std::size_t text_end = 0;  // the start of the row's line end
  std::size_t next = 0;      // the start of the next row
  Fault fault = Fault::none;
  std::size_t fault_at = 0;
  bool misquoted = false;          // it is unclear which line breaks end rows
  bool in_quote = false;           // incomplete, with an open quote ...
  std::size_t quote_at = 0;        // ... at this position
  std::size_t first_break = npos;  // the first newline within the row
  std::size_t breaking_quote = 0;  // the opening quote of the field with that newline

 private:
  enum class Is : std::uint8_t { end, text, unknown };

  void read() {
    std::size_t at = 0;
    for (;;) {
      const std::size_t start = at;
      if (at < bytes_.size() && bytes_[at] == '"') {
        at = behind_quote(at);
        if (at == npos) return;
      }
      at = field_end(at, start);
      if (at == npos) return;
      fields_.push_back({static_cast<std::uint32_t>(start), static_cast<std::uint32_t>(at)});
      if (at == bytes_.size() || bytes_[at] != delimiter_) break;
      ++at;
    }
    complete = true;
    text_end = at;
    next = at;
    if (next < bytes_.size() && bytes_[next] == '\r') ++next;
    if (next < bytes_.size()) ++next;
  }

  /// Returns the position after the quote that closes the one at `open`; npos if the bytes end
  /// before that is known.
  std::size_t behind_quote(std::size_t open) {
    in_quote = true;
    quote_at = open;
    bool broken = false;
    for (std::size_t at = open + 1;;) {
      const std::size_t quote = bytes_.find('"', at);
      const std::size_t newline = bytes_.substr(0, quote).find('\n', at);
      broken = broken || newline != npos;
      if (newline != npos && first_break == npos) {
        first_break = newline;
        breaking_quote = open;
      }
      if (quote == npos) return npos;
      at = quote + 1;
      if (at < bytes_.size() && bytes_[at] == '"') {
        ++at;
        continue;
      }
      Is what = is_field_end(at);
      if (what == Is::text && lazy_ && !broken && bytes_[at] != '\r') {
        what = find_close_on_line(at);
      }
      if (what == Is::unknown) return npos;
      in_quote = false;
      if (what == Is::text && bytes_[at] != '\r') set_fault(Fault::text_after_quote, at, true);
      return at;
    }
  }

  Is is_field_end(std::size_t at) const {
    if (at == bytes_.size()) return last_ ? Is::end : Is::unknown;
    if (bytes_[at] == delimiter_ || bytes_[at] == '\n') return Is::end;
    if (bytes_[at] != '\r') return Is::text;
    if (at + 1 == bytes_.size()) return last_ ? Is::text : Is::unknown;
    return bytes_[at + 1] == '\n' ? Is::end : Is::text;
  }

  /// Lazy quotes: looks for a quote on this line that closes the field, and moves `at` behind it.
  Is find_close_on_line(std::size_t& at) const {
    const std::size_t newline = bytes_.find('\n', at);
    if (newline == npos && !last_) return Is::unknown;
    const std::size_t end = std::min(newline, bytes_.size());
    for (std::size_t look = at;;) {
      const std::size_t quote = bytes_.find('"', look);
      if (quote >= end) return Is::text;
      look = quote + 1;
      if (look < end && bytes_[look] == '"') {
        ++look;
      } else if (is_field_end(look) == Is::end) {
        at = look;
        return Is::end;
      }
    }
  }

  std::size_t field_end(std::size_t at, std::size_t start) {
    for (;; ++at) {
      if (at == bytes_.size()) return last_ ? at : npos;
      const char c = bytes_[at];
      if (c == delimiter_ || c == '\n') return at;
      if (c == '\r') {
        const Is what = is_field_end(at);
        if (what == Is::end) return at;
        if (what == Is::unknown) return npos;
        set_fault(Fault::lone_cr, at, false);
      } else if (c == '"' && at != start && !lazy_) {
        const bool formula = at == start + 1 && bytes_[start] == '=';
        set_fault(formula ? Fault::spreadsheet : Fault::bare_quote, at, true);
      }
    }
  }

  void set_fault(Fault found, std::size_t at, bool quote) {
    misquoted = misquoted || quote;
    if (fault != Fault::none) return;
    fault = found;
    fault_at = at;
  }

  std::vector<CsvField>& fields_;
  std::string_view bytes_;
  bool last_;
  char delimiter_;
  bool lazy_;
};

/// Returns a field without its enclosing quotes.
std::string_view unquoted(std::string_view raw) {
  if (raw.size() > 1 && raw.front() == '"') raw = raw.substr(1, raw.size() - 2);
  return raw;
}

/// Decodes a quoted field: doubled quotes become one, others stay (lazy quotes).
template <class Out>
void unquote(std::string_view inner, Out& out) {
  for (std::size_t i = 0; i < inner.size(); ++i) {
    out.push_back(inner[i]);
    if (inner[i] == '"' && i + 1 < inner.size() && inner[i + 1] == '"') ++i;
  }
}

}  // namespace

std::optional<char> named_separator(std::string_view bytes) {
  constexpr std::string_view word = "sep=";
  constexpr std::size_t line_bytes_max = 16;
  if (bytes.starts_with(bom)) bytes.remove_prefix(bom.size());
  const auto newline = bytes.substr(0, line_bytes_max).find('\n');
  if (newline == npos) return std::nullopt;
  auto line = unquoted(without_cr(bytes.substr(0, newline)));
  if (!line.starts_with(word) || line.size() != word.size() + 1) return std::nullopt;
  return line.back();
}

Result<std::optional<CsvHeader>> read_header(std::string_view bytes, bool last,
                                             const CsvOptions& options) {
  CsvHeader header;
  if (bytes.starts_with(bom)) header.start = bom.size();
  if (named_separator(bytes)) {
    header.start = bytes.find('\n') + 1;
    header.lines_before = 1;
  }
  while (header.start < bytes.size()) {
    const auto rest = bytes.substr(header.start);
    const std::size_t blank = rest.starts_with("\r\n") ? 2 : rest.front() == '\n' ? 1 : 0;
    if (blank == 0) break;
    header.start += blank;
    ++header.lines_before;
  }
  const auto rest = bytes.substr(header.start);
  if (rest.empty()) return std::optional<CsvHeader>{};
  std::vector<CsvField> fields;
  const CarefulRow row(rest.substr(0, options.row_max), last && rest.size() <= options.row_max,
                       options, fields);
  const auto line = header.lines_before + 1;
  if (!row.complete && row.in_quote) {
    const auto before = rest.substr(0, row.quote_at);
    return Error{Errc::usage,
                 fmt::format("line {}, column {}: {}: {}", line + count_newlines(before),
                             row.quote_at - (before.rfind('\n') + 1) + 1,
                             sentence(Fault::unclosed_quote), hint(Fault::unclosed_quote))};
  }
  if (!row.complete) {
    return Error{Errc::usage,
                 fmt::format("line {}: the first row does not end within {} bytes: is "
                             "this a table of text? see --row-max",
                             line, std::min<std::uint64_t>(rest.size(), options.row_max))};
  }
  if (row.fault != Fault::none) {
    return Error{Errc::usage, fmt::format("line {}, column {}: {}: {}", line, row.fault_at + 1,
                                          sentence(row.fault), hint(row.fault))};
  }
  header.text = rest.substr(0, row.text_end);
  header.bytes = header.start + row.next;
  header.lines = header.lines_before + count_newlines(rest.substr(0, row.next));
  for (const auto& field : fields) {
    auto raw = rest.substr(field.start, field.end - field.start);
    auto& name = header.names.emplace_back();
    if (raw.starts_with('"') && raw.size() > 1) {
      unquote(raw.substr(1, raw.size() - 2), name);
    } else {
      name = raw;
    }
  }
  return std::optional{std::move(header)};
}

CsvReader::CsvReader(CsvOptions options, const Columns& columns,
                     const std::vector<std::string>& header, CsvStart start)
    : options_(std::move(options)),
      columns_(columns),
      null_words_(options_.null_words),
      header_rows_(columns, header),
      below_header_(!header.empty()),
      offset_(start.offset),
      line_(start.line) {}

Result<std::size_t> CsvReader::feed(std::string_view bytes, bool last, RowBlock& out) {
  out.rows.clear();
  out.scratch.clear();
  out.blank_lines = 0;
  feed_size_ = bytes.size();
  std::size_t taken_all = 0;
  while (!bytes.empty() && out.rows.size() < rows_max) {
    std::size_t taken = 0;
    if (skip_ != Skip::none) {
      const auto skipped = skip(bytes);
      if (!skipped) return skipped.error();
      taken = *skipped;
    } else if (offset_ < in_doubt_until_) {
      taken = take_doubtful_line(bytes, out);
    } else {
      taken = take_fast(bytes, out);
      if (taken == 0) {
        const auto careful = take_careful(bytes, last, out);
        if (!careful) return careful.error();
        taken = *careful;
      }
    }
    if (other_columns_) return *other_columns_;
    if (taken == 0) break;
    any_row_ = any_row_ || !out.rows.empty();
    taken_all += taken;
    offset_ += taken;
    bytes.remove_prefix(taken);
  }
  if (last && bytes.empty() && skip_ == Skip::quoted) return open_too_long();
  return taken_all;
}

std::size_t CsvReader::take_fast(std::string_view bytes, RowBlock& out) {
  const auto slice = bytes.substr(0, slice_bytes);
  find_separators(slice, options_.delimiter, separators_);
  const auto room = std::min(separators_.row_count, rows_max - out.rows.size());
  const std::uint32_t* ends = separators_.ends.data();
  const auto base = offset_;
  std::uint32_t first = 0;
  std::uint32_t start = 0;
  decode_ = separators_.doubled;
  for (std::size_t r = 0; r < room; ++r) {
    const std::uint32_t behind = separators_.rows[r];
    const std::uint32_t newline = ends[behind - 1];
    const std::uint32_t end = newline - (newline > start && slice[newline - 1] == '\r' ? 1 : 0);
    const auto text = slice.substr(start, end - start);
    if (text.size() > options_.row_max) break;
    offset_ = base + start;
    add_row(
        text, behind - first,
        [&](std::size_t i) {
          const std::uint32_t from = i == 0 ? start : ends[first + i - 1] + 1;
          return CsvField{from - start, std::min(ends[first + i], end) - start};
        },
        out);
    ++line_;
    if (separators_.spanning) line_ += count_newlines(text);
    first = behind;
    start = newline + 1;
  }
  offset_ = base;
  return start;
}

Result<std::size_t> CsvReader::take_careful(std::string_view bytes, bool last, RowBlock& out) {
  // A row never depends on bytes after these, so that the rows do not depend on how the file is
  // sliced.
  const std::size_t reach = options_.row_max + 2;
  const auto window = bytes.substr(0, reach);
  CarefulRow row(window, last && window.size() == bytes.size(), options_, fields_);
  if (!row.complete) {
    if (window.size() == reach) return take_long(bytes, out);
    if (!last) return std::size_t{0};
    if (window.size() > options_.row_max) return take_long(bytes, out);
    IDMERGE_CHECK(row.in_quote);
    row.text_end = row.next = bytes.size();
    if (row.fault == Fault::none) {
      row.fault = Fault::unclosed_quote;
      row.fault_at = row.quote_at;
    }
    row.misquoted = true;
  }
  if (row.text_end > options_.row_max) return take_long(bytes, out);
  const auto text = bytes.substr(0, row.text_end);
  if (row.misquoted && row.first_break != npos) {
    if (row.fault_at > row.first_break) {
      row.fault = Fault::unclosed_quote;
      row.fault_at = row.breaking_quote;
    }
    add_fault(without_cr(text.substr(0, row.first_break)), row.fault, row.fault_at, out);
    judge_misquoted(out.rows.back());
    in_doubt_until_ = offset_ + row.next;
    ++line_;
    return row.first_break + 1;
  }
  if (row.fault == Fault::none && row.next == row.text_end && may_be_partial(text)) {
    row.fault = Fault::partial_row;
    row.fault_at = row.text_end;
  }
  if (row.fault != Fault::none) {
    add_fault(text, row.fault, row.fault_at, out);
    judge_misquoted(out.rows.back());
  } else {
    decode_ = true;
    add_row(
        text, fields_.size(), [&](std::size_t i) { return fields_[i]; }, out);
  }
  line_ += count_newlines(bytes.substr(0, row.next));
  return row.next;
}

/// Returns whether the last row, which has no line end, may be truncated. It may if the input is a
/// pipe; otherwise if the rows before have line ends, unless a closing quote proves that the last
/// field is complete.
bool CsvReader::may_be_partial(std::string_view text) const {
  if (options_.take_last_row) return false;
  return options_.pipe || (any_row_ && !text.empty() && text.back() != '"');
}

Result<std::size_t> CsvReader::take_long(std::string_view bytes, RowBlock& out) {
  const auto start = bytes.substr(0, options_.row_max);
  const auto line = line_;
  skip_ = Skip::field_start;
  line_offset_ = offset_;
  walk(start, false);
  if (skip_ == Skip::quoted || open_too_long_) return open_too_long();
  add_fault(start.substr(0, text_shown_max), Fault::row_too_long, 0, out);
  out.rows.back().line = line;
  return start.size();
}

std::size_t CsvReader::take_doubtful_line(std::string_view bytes, RowBlock& out) {
  const auto doubtful = bytes.substr(0, in_doubt_until_ - offset_);
  const auto newline = doubtful.find('\n');
  const auto line = without_cr(doubtful.substr(0, newline));
  if (line.empty()) {
    ++out.blank_lines;
  } else {
    add_fault(line, Fault::after_unclosed_quote, 0, out);
  }
  ++line_;
  return newline == npos ? doubtful.size() : newline + 1;
}

Result<std::size_t> CsvReader::skip(std::string_view bytes) {
  const auto taken = walk(bytes, true);
  if (open_too_long_) return open_too_long();
  return taken;
}

/// Follows the quotes of a row that is too long, up to its end or that of `bytes`.
std::size_t CsvReader::walk(std::string_view bytes, bool stop_at_line_end) {
  std::size_t at = 0;
  const auto note_line = [&](std::size_t newline) {
    ++line_;
    line_offset_ = offset_ + newline + 1;
  };
  while (at < bytes.size()) {
    const char c = bytes[at];
    if (skip_ == Skip::quoted) {
      const std::size_t quote = std::min(bytes.find('"', at), bytes.size());
      if (offset_ + quote - open_offset_ > options_.row_max) {
        open_too_long_ = true;
        return at;
      }
      for (auto newline = bytes.find('\n', at); newline < quote;
           newline = bytes.find('\n', newline + 1)) {
        note_line(newline);
      }
      if (quote < bytes.size()) skip_ = Skip::after_quote;
      at = quote + 1;
      continue;
    }
    ++at;
    if (c == '"' && skip_ != Skip::unquoted) {
      if (skip_ == Skip::field_start) {
        open_offset_ = offset_ + at - 1;
        open_line_ = line_;
        open_column_ = open_offset_ - line_offset_ + 1;
      }
      skip_ = Skip::quoted;
    } else if (c == options_.delimiter) {
      skip_ = Skip::field_start;
    } else if (c == '\n') {
      note_line(at - 1);
      skip_ = stop_at_line_end ? Skip::none : Skip::field_start;
      if (stop_at_line_end) return at;
    } else {
      skip_ = Skip::unquoted;
    }
  }
  return bytes.size();
}

Error CsvReader::open_too_long() const {
  return {Errc::input, fmt::format("line {}, column {}: a quote is opened here and not closed "
                                   "within {} bytes, so that all rows after it are uncertain: fix "
                                   "the quote, or raise --row-max if fields of this size are meant",
                                   open_line_, open_column_, options_.row_max)};
}

Row& CsvReader::add_row(std::string_view text, RowBlock& out) {
  auto& row = out.rows.emplace_back();
  row.text = text;
  row.line = line_;
  row.offset = offset_;
  row.op = columns_.op_default;
  return row;
}

void CsvReader::add_fault(std::string_view text, Fault fault, std::size_t fault_at, RowBlock& out) {
  auto& row = add_row(text, out);
  row.fault = fault;
  row.fault_at = static_cast<std::uint32_t>(fault_at);
}

template <class FieldAt>
void CsvReader::add_row(std::string_view text, std::size_t field_count, FieldAt field_at,
                        RowBlock& out) {
  if (text.empty()) {
    ++out.blank_lines;
    return;
  }
  if (field_count != columns_.count && !options_.allow_ragged) {
    const bool surplus = field_count > columns_.count;
    add_fault(text, Fault::ragged_row, surplus ? field_at(columns_.count).start : text.size(), out);
    return;
  }
  auto& row = add_row(text, out);
  row.fault = read_cells(field_count, field_at, row, out);
  if (judge_header(row) ||
      (field_count > columns_.count && names_both_sides(row, field_count, field_at))) {
    row.fault = Fault::repeated_header;
    row.fault_at = 0;
  }
  if (row.fault != Fault::none) row.anon = row.user = {};
}

/// Marks a row that was rejected for its quotes as a header if it is one, since the ids below it
/// may be swapped. Fields are split at every delimiter, because no name contains one.
void CsvReader::judge_misquoted(Row& row) {
  const auto& sides = columns_.sides[static_cast<std::size_t>(row.op)];
  if (!sides || row.text.find('"') == npos) return;
  auto looked_at = row;
  std::string_view rest = row.text;
  for (std::uint32_t column = 0; column <= std::max(sides->first, sides->second); ++column) {
    const auto end = std::min(rest.find(options_.delimiter), rest.size());
    if (column == sides->first) looked_at.anon = rest.substr(0, end);
    if (column == sides->second) looked_at.user = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (!judge_header(looked_at)) return;
  row.fault = Fault::repeated_header;
  row.fault_at = 0;
}

/// Returns whether the row is a header or the types below one. Only the cells of the ids are
/// examined.
bool CsvReader::judge_header(const Row& row) {
  const auto kind = header_rows_.look(row.op, row.anon, row.user, below_header_);
  below_header_ = kind == RowKind::header;
  if (kind == RowKind::pair) return false;
  if (kind == RowKind::other_columns && !other_columns_) {
    other_columns_ = other_columns_at(row.line);
  }
  return true;
}

/// Returns whether a row with more cells than the header names both sides anywhere, so that the ids
/// of the rows below it are in other columns. Ends the reading if so.
template <class FieldAt>
bool CsvReader::names_both_sides(const Row& row, std::size_t field_count, FieldAt field_at) {
  const auto names = [&](std::size_t side) {
    for (std::size_t i = 0; i < field_count; ++i) {
      const auto field = field_at(i);
      const auto raw = row.text.substr(field.start, field.end - field.start);
      if (header_rows_.names_side(row.op, side, unquoted(raw))) return true;
    }
    return false;
  };
  if (!names(0) || !names(1)) return false;
  if (!other_columns_) other_columns_ = other_columns_at(row.line);
  return true;
}

template <class FieldAt>
Fault CsvReader::read_cells(std::size_t field_count, FieldAt field_at, Row& row, RowBlock& out) {
  const auto read = [&](std::uint32_t column, std::uint32_t& at) -> std::string_view {
    const auto end = static_cast<std::uint32_t>(row.text.size());
    const auto field = column < field_count ? field_at(column) : CsvField{end, end};
    at = field.start;
    return cell(row.text.substr(field.start, field.end - field.start), out);
  };
  const auto raw_field = [&](std::uint32_t column) {
    const auto end = static_cast<std::uint32_t>(row.text.size());
    const auto field = column < field_count ? field_at(column) : CsvField{end, end};
    return row.text.substr(field.start, field.end - field.start);
  };
  const auto read_ids = [&](const Sides& sides) {
    row.anon = read(sides.first, row.anon_at);
    row.user = read(sides.second, row.user_at);
  };
  std::uint32_t at = 0;
  std::uint32_t order_at = 0;
  if (columns_.op) {
    const auto text = read(*columns_.op, at);
    // The raw cell is parsed first, so that a --null-word cannot turn a verb into the default one.
    const auto written = parse_op(unquoted(raw_field(*columns_.op)));
    const auto op = written ? written : text.empty() ? columns_.op_default : parse_op(text);
    row.fault_at = at;
    row.op = op.value_or(row.op);
    if (!op || !columns_.verbs.contains(row.op)) {
      // The ids may still show that the row is a header.
      if (const auto& sides = columns_.sides[static_cast<std::size_t>(row.op)]) read_ids(*sides);
      return op ? Fault::verb_not_in_mode : Fault::unknown_op;
    }
  }
  if (columns_.order) {
    const auto text = read(*columns_.order, order_at);
    const auto order = text.empty() ? no_order : parse_order(text, order_kind_);
    row.order = order.value_or(no_order);
    row.has_unreadable_order = !order;
  }
  row.fault_at = 0;
  const auto& sides = columns_.sides[static_cast<std::size_t>(row.op)];
  if (!sides) return Fault::missing_field;
  row.sided = sides->sided;
  read_ids(*sides);
  if (row.has_unreadable_order) row.fault_at = order_at;
  return Fault::none;
}

std::string_view CsvReader::cell(std::string_view raw, RowBlock& out) {
  if (raw.empty()) return raw;
  if (raw.front() == '"' && raw.size() > 1) {
    raw = raw.substr(1, raw.size() - 2);
    if (decode_ && raw.find('"') != npos) {
      if (out.scratch.capacity() < feed_size_) {
        IDMERGE_CHECK(out.scratch.empty());  // views into it must stay valid
        out.scratch.reserve(feed_size_);
      }
      const auto start = out.scratch.size();
      unquote(raw, out.scratch);
      raw = {out.scratch.data() + start, out.scratch.size() - start};
    }
  }
  return null_words_.contains(raw) ? std::string_view{} : raw;
}

}  // namespace idmerge::input
