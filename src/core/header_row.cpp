// SPDX-License-Identifier: MIT
#include "idmerge/core/header_row.hpp"

#include <algorithm>
#include <span>

namespace idmerge {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::string_view dress = " \t\"'`";
constexpr std::size_t dress_bytes_max = 16;  // more of it around a name is not looked through

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// A cell without byte order mark, quotes and blanks around it.
std::string_view undressed(std::string_view cell) {
  const auto strip = [&] {
    const auto begin = std::min(cell.find_first_not_of(dress), cell.size());
    cell.remove_prefix(begin);
    cell = cell.substr(0, cell.find_last_not_of(dress) + 1);
  };
  strip();
  if (cell.starts_with(byte_order_mark)) {
    cell.remove_prefix(byte_order_mark.size());
    strip();
  }
  return cell;
}

std::string in_lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

void add_name(std::vector<std::string>& names, std::string_view name) {
  auto text = in_lower_case(undressed(name));
  if (text.empty() || std::find(names.begin(), names.end(), text) != names.end()) return;
  names.push_back(std::move(text));
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
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
    "byteint",
    "bytes",
    "bytea",
    "char",
    "character",
    "character varying",
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
    "float64",
    "image",
    "int",
    "int128",
    "int16",
    "int32",
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
  for (const char c : dress)
    may_begin_name_[static_cast<unsigned char>(c)] = true;
  may_begin_name_[static_cast<unsigned char>(byte_order_mark.front())] = true;
  for (const auto& name : all_) {
    const auto first = static_cast<unsigned char>(name.front());
    may_begin_name_[first] = true;
    if (name.front() >= 'a' && name.front() <= 'z') may_begin_name_[first - 32U] = true;
    longest_ = std::max(longest_, name.size() + dress_bytes_max);
  }
}

RowKind HeaderRows::look_closely(Op op, std::string_view first, std::string_view second) const {
  const auto a = in_lower_case(undressed(first));
  const auto b = in_lower_case(undressed(second));
  const auto& [firsts, seconds] = sides_[static_cast<std::size_t>(op)];
  if (contains(firsts, a) && contains(seconds, b)) return RowKind::header;
  const bool names_two = a != b && contains(all_, a) && contains(all_, b);
  return names_two ? RowKind::other_columns : RowKind::pair;
}

bool HeaderRows::names_type(std::string_view cell) {
  const auto text = in_lower_case(undressed(cell));
  const auto name = undressed(std::string_view(text).substr(0, text.find_first_of("(<")));
  return std::find(types.begin(), types.end(), name) != types.end();
}

}  // namespace idmerge
