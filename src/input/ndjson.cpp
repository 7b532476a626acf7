// SPDX-License-Identifier: MIT
#include "input/ndjson.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "util/check.hpp"
#include "util/utf8.hpp"

namespace idmerge::input {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::size_t batch_bytes = 32 << 10;  // a batch and its structure stay in the L2 cache
constexpr std::size_t text_shown_max = 4 << 10;

using Kind = JsonToken::Kind;

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == npos;
}

std::string_view without_cr(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

/// Returns the fault and its offset for a line that simdjson's first stage rejects.
std::pair<Fault, std::size_t> find_bad_byte(std::string_view line) {
  std::size_t open = npos;
  for (std::size_t at = 0; at < line.size();) {
    const auto length = util::read_utf8(line.substr(at)).bytes;
    if (length == 0) return {Fault::bad_utf8, at};
    const char c = line[at];
    if (open != npos && static_cast<unsigned char>(c) < 0x20) return {Fault::not_json, at};
    if (c == '"') open = open == npos ? at : npos;
    at += length;
    if (c == '\\' && at < line.size()) ++at;
  }
  return {Fault::not_json, open == npos ? 0 : open};
}

/// The keys as the names of columns. One of digits alone is the place in an array, or hardly a
/// name.
std::vector<std::string> key_names(const std::vector<Pointer>& pointers) {
  std::vector<std::string> names;
  for (const auto& pointer : pointers) {
    const bool is_name = !pointer.empty() && pointer.back().find_first_not_of("0123456789") != npos;
    names.push_back(is_name ? pointer.back() : std::string());
  }
  return names;
}

bool is_id_or_op(const Columns& columns, std::uint32_t pointer) {
  return columns.op == pointer ||
         std::any_of(columns.sides.begin(), columns.sides.end(), [&](const auto& sides) {
           return sides && (sides->first == pointer || sides->second == pointer);
         });
}

}  // namespace

std::vector<std::string> first_keys(std::string_view head, bool last) {
  constexpr std::size_t keys_max = 1000;
  std::vector<std::string> keys;
  simdjson::ondemand::parser parser;
  while (!head.empty() && keys.size() < keys_max) {
    const auto newline = head.find('\n');
    if (newline == npos && !last) break;
    const auto line = head.substr(0, newline);
    head.remove_prefix(newline == npos ? head.size() : newline + 1);
    const simdjson::padded_string padded(line);
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
        document.get_object().get(object) != simdjson::SUCCESS) {
      continue;
    }
    for (auto field : object) {
      std::string_view key;
      if (field.unescaped_key().get(key) != simdjson::SUCCESS) break;
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.emplace_back(key);
    }
  }
  return keys;
}

/// Finds structural positions with simdjson's first stage alone.
struct NdjsonReader::Structure {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;

  bool find(std::string_view bytes) {
    if (!parser || parser->capacity() < bytes.size()) {
      const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
          std::max(bytes.size(), batch_bytes), 8, parser);
      if (error == simdjson::MEMALLOC) throw std::bad_alloc();
      IDMERGE_CHECK(error == simdjson::SUCCESS);
    }
    return parser->stage1(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
                          simdjson::stage1_mode::regular) == simdjson::SUCCESS;
  }

  const std::uint32_t* positions() const { return parser->structural_indexes.get(); }
};

NdjsonReader::NdjsonReader(NdjsonOptions options, const Fields& fields, std::uint64_t offset)
    : options_(std::move(options)),
      columns_(fields.columns),
      rivals_(fields.rivals),
      null_words_(options_.null_words),
      header_rows_(fields.columns, key_names(fields.pointers)),
      line_reader_(
          fields.pointers,
          [&]() -> std::optional<std::uint32_t> {
            for (const auto& sides : fields.columns.sides) {
              if (sides && sides->array) return sides->first;
            }
            return std::nullopt;
          }(),
          fields.rivals),
      structure_(std::make_unique<Structure>()),
      simple_(!columns_.op && !columns_.order),
      offset_(offset) {
  if (columns_.order && !is_id_or_op(columns_, *columns_.order)) {
    line_reader_.allow_repeated(*columns_.order);
  }
}

NdjsonReader::NdjsonReader(NdjsonReader&&) noexcept = default;
NdjsonReader& NdjsonReader::operator=(NdjsonReader&&) noexcept = default;
NdjsonReader::~NdjsonReader() = default;

inline Row& NdjsonReader::add_row(std::string_view text, RowBlock& out) {
  auto& row = out.rows.emplace_back();
  row.text = text;
  row.line = line_;
  row.offset = offset_;
  row.op = columns_.op_default;
  return row;
}

Result<std::size_t> NdjsonReader::feed(std::string_view bytes, bool last, RowBlock& out) {
  out.rows.clear();
  out.scratch.clear();
  out.blank_lines = 0;
  feed_size_ = bytes.size();
  const auto all = bytes.size();
  const auto take = [&](std::size_t count) {
    bytes.remove_prefix(count);
    offset_ += count;
  };
  while (!bytes.empty() && out.rows.size() < rows_max) {
    // Limits the batch so that its rows fit into `out`: a line has at least two bytes.
    const auto room = std::min(batch_bytes, 2 * (rows_max - out.rows.size()));
    auto end = bytes.substr(0, room).rfind('\n');
    if (end == npos) end = bytes.find('\n');
    if (skipping_) {
      const auto newline = bytes.find('\n');
      skipping_ = newline == npos;
      line_ += newline == npos ? 0 : 1;
      take(newline == npos ? bytes.size() : newline + 1);
    } else if (end != npos) {
      const auto taken = take_lines(bytes.substr(0, end + 1), out);
      if (!taken) return taken.error();
      take(end + 1);
    } else if (bytes.size() > options_.row_max + 1) {
      add_fault(bytes.substr(0, std::min<std::size_t>(text_shown_max, options_.row_max)),
                Fault::row_too_long, 0, out);
      skipping_ = true;
      take(options_.row_max);
    } else if (last) {
      if (options_.pipe && !is_blank(bytes)) {
        add_fault(bytes, Fault::partial_row, bytes.size(), out);
      } else {
        const auto taken = take_lines(bytes, out);
        if (!taken) return taken.error();
      }
      take(bytes.size());
    } else {
      break;
    }
    if (other_columns_) return *other_columns_;
  }
  return all - bytes.size();
}

Result<void> NdjsonReader::take_lines(std::string_view lines, RowBlock& out) {
  const bool whole = lines.size() <= 2 * batch_bytes && structure_->find(lines);
  const bool escapes = std::memchr(lines.data(), '\\', lines.size()) != nullptr;
  const auto* structural = whole ? structure_->positions() : nullptr;
  const auto base = offset_;
  for (std::size_t begin = 0; begin < lines.size();) {
    if (simple_ && whole && *structural == begin) {
      offset_ = base + begin;
      if (const auto taken = take_shaped(lines, structural, escapes, out); taken != 0) {
        begin += taken;
        continue;
      }
    }
    const auto newline = std::min(lines.find('\n', begin), lines.size());
    const auto line = without_cr(lines.substr(begin, newline - begin));
    offset_ = base + begin;
    Result<void> taken;
    if (line.size() > options_.row_max) {
      add_fault(line.substr(0, std::min<std::size_t>(text_shown_max, options_.row_max)),
                Fault::row_too_long, 0, out);
      while (whole && *structural < newline)
        ++structural;
    } else if (whole) {
      const auto end = static_cast<std::uint32_t>(begin + line.size());
      if (*structural >= end) {
        ++out.blank_lines;
      } else {
        taken = take_line(lines, static_cast<std::uint32_t>(begin), end, structural, escapes, out);
      }
    } else if (is_blank(line)) {
      ++out.blank_lines;
    } else if (structure_->find(line)) {
      const auto* positions = structure_->positions();
      taken = take_line(line, 0, static_cast<std::uint32_t>(line.size()), positions, true, out);
    } else {
      take_bad_line(line, out);
    }
    if (!taken) return taken;
    ++line_;
    begin = newline + 1;
  }
  offset_ = base;
  return {};
}

[[gnu::always_inline]] inline Fault NdjsonReader::read_id(std::string_view batch,
                                                          std::uint32_t begin,
                                                          const JsonToken& token,
                                                          std::string_view& id, std::uint32_t& at,
                                                          Row& row, RowBlock& out) {
  if (token.kind == Kind::string && !token.escaped) {
    at = token.start - begin;
    id = {batch.data() + token.start + 1, token.end - token.start - 2};
    if (null_words_.contains(id)) id = {};
    return Fault::none;
  }
  return read_other_id(batch, begin, token, id, at, row, out);
}

[[gnu::always_inline]] inline Fault NdjsonReader::read_sides(std::string_view batch,
                                                             std::uint32_t begin, Row& row,
                                                             RowBlock& out) {
  const auto& sides = columns_.sides[static_cast<std::size_t>(row.op)];
  if (!sides) return Fault::missing_field;
  row.sided = sides->sided;
  const auto* first = &line_reader_.token(sides->first);
  const auto* second = &line_reader_.token(sides->second);
  readable_ = true;
  seen_[0] = seen_[0] || first->kind != Kind::absent;
  seen_[1] = seen_[1] || second->kind != Kind::absent;
  if (sides->array) {
    if (first->kind == Kind::absent || first->kind == Kind::null) return Fault::none;
    if (first->kind != Kind::array || line_reader_.element_count() != 2) {
      row.fault_at = first->start - begin;
      return Fault::not_a_pair;
    }
    first = &line_reader_.elements()[0];
    second = &line_reader_.elements()[1];
  }
  const auto fault = read_id(batch, begin, *first, row.anon, row.anon_at, row, out);
  if (fault != Fault::none) return fault;
  return read_id(batch, begin, *second, row.user, row.user_at, row, out);
}

/// Parses a line that has the shape of the previous lines. Returns its size with the line end, or 0
/// if it has another shape.
std::size_t NdjsonReader::take_shaped(std::string_view lines, const std::uint32_t*& structural,
                                      bool escapes, RowBlock& out) {
  const auto begin = *structural;
  const auto* behind = structural;
  const JsonText text{lines.data(), static_cast<std::uint32_t>(lines.size()), escapes};
  const std::size_t stop = line_reader_.match(text, behind);
  if (stop == 0 || stop - begin > options_.row_max) return 0;
  auto next = stop;
  if (next < lines.size() && lines[next] == '\r') ++next;
  if (next < lines.size() && lines[next] != '\n') return 0;
  next = std::min(next + 1, lines.size());
  auto& row = add_row(lines.substr(begin, stop - begin), out);
  row.fault = read_sides(lines, begin, row, out);
  judge_header(row);
  if (row.fault != Fault::none) row.anon = row.user = {};
  structural = behind;
  ++line_;
  return next - begin;
}

Result<void> NdjsonReader::take_line(std::string_view batch, std::uint32_t begin, std::uint32_t end,
                                     const std::uint32_t*& structural, bool escapes,
                                     RowBlock& out) {
  auto fault = line_reader_.read(batch.data(), begin, end, structural, escapes);
  structural = line_reader_.next_structural();
  auto& row = add_row(batch.substr(begin, end - begin), out);
  row.fault_at = line_reader_.fault_at() - begin;
  if (fault != Fault::not_json) {
    if (const auto rival = line_reader_.rival()) {
      return Error{Errc::usage,
                   fmt::format("line {}: the key {} is another name of an id field: choose one "
                               "with --anon-field, --user-field or the like",
                               line_, rivals_[*rival])};
    }
  }
  if (fault == Fault::none) {
    row.fault_at = 0;
    fault = read_cells(batch, begin, row, out);
  }
  row.fault = fault;
  judge_header(row);
  if (row.fault != Fault::none) row.anon = row.user = {};
  return {};
}

/// A table that was made NDJSON together with its header has the names of the keys as their values.
inline void NdjsonReader::judge_header(Row& row) {
  const auto kind = header_rows_.look(row.op, row.anon, row.user, below_header_);
  below_header_ = kind == RowKind::header;
  if (kind == RowKind::pair) return;
  if (kind == RowKind::other_columns && !other_columns_) {
    other_columns_ = other_columns_at(line_);
  }
  row.fault = Fault::repeated_header;
  row.fault_at = 0;
}

void NdjsonReader::take_bad_line(std::string_view line, RowBlock& out) {
  const auto [fault, at] = find_bad_byte(line);
  add_fault(line, fault, at, out);
}

Fault NdjsonReader::read_cells(std::string_view batch, std::uint32_t begin, Row& row,
                               RowBlock& out) {
  std::string_view text;
  std::uint32_t at = 0;
  std::uint32_t order_at = 0;
  if (columns_.op) {
    const auto& token = line_reader_.token(*columns_.op);
    const auto fault = read_id(batch, begin, token, text, at, row, out);
    // --null-word blanks values, but must not turn one verb into another.
    const bool plain = token.kind == Kind::string && !token.escaped;
    const auto written =
        plain ? parse_op({batch.data() + token.start + 1, token.end - token.start - 2})
              : std::nullopt;
    const auto op = written ? written : text.empty() ? columns_.op_default : parse_op(text);
    row.op = op.value_or(row.op);
    if (fault != Fault::none || !op || !columns_.verbs.contains(row.op)) {
      read_sides(batch, begin, row, out);  // the ids may still say that this is a header
      row.fault_at = at;
      return fault == Fault::none && op ? Fault::verb_not_in_mode : Fault::unknown_op;
    }
  }
  if (columns_.order) {
    const auto& token = line_reader_.token(*columns_.order);
    const auto fault = read_id(batch, begin, token, text, order_at, row, out);
    std::optional<std::int64_t> order;
    if (fault == Fault::none && !line_reader_.is_repeated(*columns_.order)) {
      order = text.empty() ? no_order : parse_order(text, order_kind_);
    }
    row.order = order.value_or(no_order);
    row.has_unreadable_order = !order;
  }
  row.fault_at = 0;
  const auto fault = read_sides(batch, begin, row, out);
  if (fault == Fault::none && row.has_unreadable_order) row.fault_at = order_at;
  return fault;
}

Fault NdjsonReader::read_other_id(std::string_view batch, std::uint32_t begin,
                                  const JsonToken& token, std::string_view& id, std::uint32_t& at,
                                  Row& row, RowBlock& out) {
  id = {};
  at = 0;
  if (token.kind == Kind::absent) return Fault::none;
  at = token.start - begin;
  if (token.kind == Kind::null) return Fault::none;
  if (token.kind == Kind::integer) {
    id = {batch.data() + token.start, token.end - token.start};
    return Fault::none;
  }
  if (token.kind != Kind::string) {
    row.fault_at = at;
    return Fault::not_an_id;
  }
  id = {batch.data() + token.start + 1, token.end - token.start - 2};
  if (token.escaped) {
    if (out.scratch.capacity() < feed_size_) {
      IDMERGE_CHECK(out.scratch.empty());  // views into it must not move
      out.scratch.reserve(feed_size_);
    }
    const auto start = out.scratch.size();
    if (const auto lone = decode_json_string(id, out.scratch)) {
      row.fault_at = at + 1 + static_cast<std::uint32_t>(*lone);
      return Fault::lone_surrogate;
    }
    id = {out.scratch.data() + start, out.scratch.size() - start};
  }
  if (null_words_.contains(id)) id = {};
  return Fault::none;
}

void NdjsonReader::add_fault(std::string_view text, Fault fault, std::size_t fault_at,
                             RowBlock& out) {
  auto& row = add_row(text, out);
  row.fault = fault;
  row.fault_at = static_cast<std::uint32_t>(fault_at);
}

}  // namespace idmerge::input
