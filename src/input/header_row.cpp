// SPDX-License-Identifier: MIT
#include "input/header_row.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "input/id_text.hpp"
#include "util/utf8.hpp"

namespace idmerge::input {
namespace {

constexpr auto npos = std::string_view::npos;

constexpr bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string in_lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

/// Is this character of a name no more than white space, a quote or a dash in another dress?
/// Source: Unicode 15, blocks General Punctuation, CJK Symbols and Punctuation, Tags.
bool is_sign(char32_t code) {
  return (code >= 0x80 && code <= 0xBF) || code == 0x1680 || code == 0x180E ||
         (code >= 0x2000 && code <= 0x206F) || (code >= 0x3000 && code <= 0x303F) ||
         (code >= 0xFE00 && code <= 0xFE0F) || code == 0xFEFF ||
         (code >= 0xE0000 && code <= 0xE007F);
}

/// The letters and digits of a text alone, in lower case and of usual width: tools write anon_id,
/// "anon id", anonId and [anon-id] for one column.
std::string squeezed(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto [code, length] = util::read_utf8(text);
    const auto bytes = std::max<std::size_t>(length, 1);
    if (code >= 0xFF01 && code <= 0xFF5E) {
      const auto c = static_cast<char>(code - 0xFF00 + ' ');
      if (is_word(c)) out += lower(c);
    } else if (code >= 0x80 || length == 0) {
      if (!is_sign(code)) out += text.substr(0, bytes);
    } else if (is_word(text.front())) {
      out += lower(text.front());
    }
    text.remove_prefix(bytes);
  }
  return out;
}

/// Has a text anything that a number has not?
bool has_letter(std::string_view text) {
  return text.find_first_not_of("0123456789") != npos;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void add_text(std::vector<std::string>& names, std::string text) {
  if (!text.empty() && !contains(names, text)) names.push_back(std::move(text));
}

/// A name of digits alone is compared as it is: as letters and digits, -1 would be one.
void add_name(std::vector<std::string>& names, std::string_view name) {
  auto text = squeezed(name);
  if (!has_letter(text)) {
    add_text(names, in_lower_case(undressed(name)));
    return;
  }
  add_text(names, std::move(text));
  if (const auto dot = name.rfind('.'); dot != npos) {  // pages.anon_id
    if (auto last = squeezed(name.substr(dot)); has_letter(last)) add_text(names, std::move(last));
  }
}

/// Types as databases write them, in lower case and without what stands in parentheses.
/// Sources: the type lists in the manuals of ClickHouse, PostgreSQL, MySQL, SQL Server, Oracle,
/// Snowflake, BigQuery, Redshift, Hive and Spark.
constexpr auto types = std::to_array<std::string_view>({
    "array",
    "bfile",
    "bigint",
    "bignumeric",
    "binary",
    "binary_double",
    "binary_float",
    "bit",
    "blob",
    "bool",
    "boolean",
    "bpchar",
    "byteint",
    "bytes",
    "bytea",
    "char",
    "character",
    "character varying",
    "citext",
    "clob",
    "date",
    "date32",
    "datetime",
    "datetime2",
    "datetime64",
    "datetimeoffset",
    "decimal",
    "double",
    "double precision",
    "enum",
    "enum16",
    "enum8",
    "fixedstring",
    "float",
    "float32",
    "float4",
    "float64",
    "float8",
    "image",
    "int",
    "int128",
    "int16",
    "int2",
    "int32",
    "int4",
    "int64",
    "int8",
    "integer",
    "json",
    "jsonb",
    "long",
    "longtext",
    "lowcardinality",
    "mediumtext",
    "money",
    "nchar",
    "ntext",
    "nullable",
    "number",
    "numeric",
    "nvarchar",
    "nvarchar2",
    "real",
    "serial",
    "smallint",
    "string",
    "super",
    "text",
    "timestamp",
    "timestamp_ntz",
    "timestamp_tz",
    "timestamptz",
    "tinyint",
    "uint128",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "uniqueidentifier",
    "uuid",
    "varchar",
    "varbinary",
    "varchar2",
    "variant",
});

std::span<const std::string_view> default_names(Op op, std::size_t side) {
  return side == 0 ? default_names_of_first(op) : default_names_of_second(op);
}

}  // namespace

HeaderRows::HeaderRows(const Columns& columns, const std::vector<std::string>& header) {
  for (const auto& name : header)
    add_name(all_, name);
  for (const auto op : {Op::create, Op::alias, Op::merge}) {
    const auto& sides = columns.sides[static_cast<std::size_t>(op)];
    if (!sides) continue;
    auto& names = sides_[static_cast<std::size_t>(op)];
    const std::array<std::uint32_t, 2> places{sides->first, sides->second};
    for (std::size_t side = 0; side < 2; ++side) {
      if (places[side] < header.size()) add_name(names[side], header[places[side]]);
      for (const auto any : {Op::create, Op::alias}) {  // merge has the names of create
        for (const auto name : default_names(any, side))
          add_name(names[side], name);
      }
      for (const auto& name : names[side])
        add_name(all_, name);
    }
  }
  for (std::size_t c = 0; c < edges_.size(); ++c) {
    if (c < 0x80 && !is_word(static_cast<char>(c))) edges_[c] = begins | ends;
    if (c >= 0x80 && c < 0xC0) edges_[c] = ends;  // of any character outside ASCII
  }
  for (const std::size_t c :
       {0xC2U, 0xE1U, 0xE2U, 0xE3U, 0xEFU, 0xF3U})  // of signs, and full width
    edges_[c] = begins;
  const auto add_edge = [&](char c, std::uint8_t edge) {
    edges_[static_cast<unsigned char>(c)] |= edge;
    if (c >= 'a' && c <= 'z') edges_[static_cast<unsigned char>(c) - 32U] |= edge;
  };
  for (const auto& name : all_) {
    add_edge(name.front(), begins);
    add_edge(name.back(), ends);
  }
}

/// The names that a cell may be: as it stands, of a column of a table (pages.anon_id), and with its
/// type (anon_id::text, anon_id:STRING).
HeaderRows::Names HeaderRows::names_in(std::string_view cell) const {
  Names found;
  constexpr std::size_t cell_bytes_max = id_bytes_max;  // what is longer is no id anyway
  if (cell.size() > cell_bytes_max) return found;
  const auto edge = [&](char c) { return edges_[static_cast<unsigned char>(c)]; };
  // Without either, a name must begin where the cell does, or end there.
  if ((edge(cell.front()) & begins) == 0 && cell.find('.') == npos) return found;
  const auto colon = cell.find(':', has_device_prefix(cell) ? device_prefix.size() : 0);
  if ((edge(cell.back()) & ends) == 0 && colon == npos) return found;
  if (has_device_prefix(cell)) cell.remove_prefix(device_prefix.size());
  const auto add = [&](std::string_view text) {
    Names texts;
    add_name(texts, text);
    for (auto& name : texts) {
      if (contains(all_, name)) add_text(found, std::move(name));
    }
  };
  add(cell);
  if (const auto end = cell.find(':'); end != npos) {
    const auto type = cell.find_first_not_of(':', end);
    if (type != npos && names_type(cell.substr(type))) add(cell.substr(0, end));
  }
  return found;
}

RowKind HeaderRows::look_closely(Op op, std::string_view first, std::string_view second) const {
  const auto a = names_in(first);
  if (a.empty()) return RowKind::pair;
  const auto b = names_in(second);
  if (b.empty()) return RowKind::pair;
  const auto& [firsts, seconds] = sides_[static_cast<std::size_t>(op)];
  const auto any_of = [](const Names& names, const Names& found) {
    return std::any_of(found.begin(), found.end(),
                       [&](const auto& name) { return contains(names, name); });
  };
  if (any_of(firsts, a) && any_of(seconds, b)) return RowKind::header;
  return first != second ? RowKind::other_columns : RowKind::pair;
}

bool HeaderRows::names_side(Op op, std::size_t side, std::string_view cell) const {
  if (!may_name(cell)) return false;
  const auto found = names_in(cell);
  const auto& names = sides_[static_cast<std::size_t>(op)][side];
  return std::any_of(found.begin(), found.end(),
                     [&](const auto& name) { return contains(names, name); });
}

bool HeaderRows::names_type(std::string_view cell) {
  const auto text = in_lower_case(undressed(cell));
  const auto name = undressed(std::string_view(text).substr(0, text.find_first_of("(<")));
  return std::find(types.begin(), types.end(), name) != types.end();
}

Error other_columns_at(std::uint64_t line) {
  return {Errc::input,
          fmt::format(
              "line {}: the row names columns in another order than the header: another table "
              "seems to begin here, whose ids may be swapped: give the tables as separate files",
              line)};
}

}  // namespace idmerge::input
