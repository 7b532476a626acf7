// SPDX-License-Identifier: MIT
#include "input/columns.hpp"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace idmerge::input {
namespace {

constexpr std::array<std::string_view, 5> anon_names{"anonymous_id", "anon_id", "$anon_id",
                                                     "device_id", "$device_id"};
constexpr std::array<std::string_view, 4> user_names{"user_id", "identified_id", "$identified_id",
                                                     "$user_id"};
constexpr std::array<std::string_view, 1> alias_names{"alias"};
constexpr std::array<std::string_view, 1> distinct_id_names{"distinct_id"};
constexpr std::string_view ids_name = "$distinct_ids";

/// A field to be found: its description in messages, its option and its default names.
struct Wanted {
  std::string_view what;
  std::string_view flag;
  std::span<const std::string_view> defaults;
};

constexpr Wanted anon_side{"the anonymous id", "--anon-field", anon_names};
constexpr Wanted user_side{"the user id", "--user-field", user_names};
constexpr Wanted alias_side{"the alias", "--alias-field", alias_names};
constexpr Wanted distinct_id_side{"the distinct id", "--distinct-id-field", distinct_id_names};
constexpr Wanted ids_field{"an id", "--id-fields", {}};
constexpr Wanted op_field{"the operation", "--op-field", {}};
constexpr Wanted order_field{"the order", "--order-field", {}};

using Found = Result<std::optional<std::uint32_t>>;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_any_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

/// "#3" is the third column.
std::optional<std::uint32_t> parse_number(std::string_view name) {
  std::uint32_t number = 0;
  if (name.size() < 2 || name.front() != '#') return std::nullopt;
  const auto [stop, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
  if (error != std::errc{} || stop != name.data() + name.size() || number == 0) return std::nullopt;
  return number - 1;
}

/// Returns whether the text is more likely a column name than an id. It may have at most two
/// digits: address_2 is a name, 12345 is not.
bool is_plausible_name(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  constexpr std::size_t name_bytes_max = 40;
  if (text.size() > name_bytes_max || is_digit(text.front())) return false;
  return std::count_if(text.begin(), text.end(), is_digit) <= 2 &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           const char small = lower(c);
           return (small >= 'a' && small <= 'z') || is_digit(c) ||
                  std::string_view("_$ ./-").find(c) != std::string_view::npos;
         });
}

std::string shown(const std::string& name, const util::IdMask& mask) {
  if (name.empty()) return "\"\"";
  return is_plausible_name(name) ? name : mask(name);
}

/// Formats the delimited fields of a text for a message, each masked.
std::string masked_fields(std::string_view row, char delimiter, bool is_header,
                          const util::IdMask& mask) {
  std::string text;
  while (true) {
    const auto cut = std::min(row.find(delimiter), row.size());
    const std::string field(row.substr(0, cut));
    text += is_header ? shown(field, mask) : mask(field);
    if (cut == row.size()) return text;
    text += delimiter;
    row.remove_prefix(cut + 1);
  }
}

/// Finds fields one by one: in a header, by number, or in NDJSON.
class Finder {
 public:
  virtual ~Finder() = default;

  /// Returns the field that the user named, else the only one with a default name; nothing if there
  /// is none.
  virtual Found find(const Wanted& wanted, const std::string& named) = 0;

  /// Returns what a field is called in this format, for messages.
  virtual std::string_view noun() const { return "column"; }

  /// Returns a suffix for messages that lists the available fields.
  virtual std::string choice() const = 0;

  /// Returns the field of an array of two ids (NDJSON).
  virtual Found find_array(const std::string& named) = 0;
};

class HeaderFinder final : public Finder {
 public:
  HeaderFinder(const std::vector<std::string>& header, const util::IdMask& mask)
      : header_(header), mask_(mask) {}

  Found find(const Wanted& wanted, const std::string& named) override {
    if (!named.empty()) return find_named(wanted, named);
    std::vector<std::uint32_t> found;
    for (std::uint32_t i = 0; i < header_.size(); ++i) {
      for (const auto name : wanted.defaults) {
        if (equal_any_case(header_[i], name)) found.push_back(i);
      }
    }
    return only(found, wanted);
  }

  Found find_array(const std::string&) override { return std::optional<std::uint32_t>{}; }

  std::string choice() const override {
    auto text = fmt::format("; the header is: {}", list_names(header_, mask_));
    if (looks_like_data(header_)) {
      text +=
          "; that looks like a row: if there is no header, use --no-header and "
          "--anon-field '#1' --user-field '#2'";
    }
    return text;
  }

 private:
  Found find_named(const Wanted& wanted, const std::string& named) {
    if (const auto number = parse_number(named)) {
      if (*number >= header_.size()) {
        return Error{Errc::usage, fmt::format("{} {}: there are only {} columns{}", wanted.flag,
                                              named, header_.size(), choice())};
      }
      if (looks_like_data(header_)) {
        return Error{Errc::usage,
                     fmt::format("{} {}: the header looks like a row: use --no-header if it is "
                                 "one, else name the column{}",
                                 wanted.flag, named, choice())};
      }
      return std::optional{*number};
    }
    for (const bool exact : {true, false}) {
      std::vector<std::uint32_t> found;
      for (std::uint32_t i = 0; i < header_.size(); ++i) {
        if (exact ? header_[i] == named : equal_any_case(header_[i], named)) found.push_back(i);
      }
      if (!found.empty()) return only(found, wanted);
    }
    return Error{Errc::usage, fmt::format("{} {}: there is no such column: name one that exists{}",
                                          wanted.flag, named, choice())};
  }

  Found only(const std::vector<std::uint32_t>& found, const Wanted& wanted) const {
    if (found.empty()) return std::optional<std::uint32_t>{};
    if (found.size() == 1) return std::optional{found.front()};
    std::vector<std::string> names;
    names.reserve(found.size());
    for (const auto i : found)
      names.push_back(fmt::format("{} (#{})", header_[i], i + 1));
    return Error{Errc::usage, fmt::format("{} could be {}: choose one with {}{}", wanted.what,
                                          fmt::join(names, " or "), wanted.flag, choice())};
  }

  const std::vector<std::string>& header_;
  util::IdMask mask_;
};

class NumberFinder final : public Finder {
 public:
  explicit NumberFinder(std::uint32_t count) : count_(count) {}

  Found find(const Wanted& wanted, const std::string& named) override {
    if (named.empty()) return std::optional<std::uint32_t>{};
    const auto number = parse_number(named);
    if (!number) {
      return Error{Errc::usage, fmt::format("{} {}: there is no header to look it up in: use a "
                                            "number such as '#1', or leave out --no-header",
                                            wanted.flag, named)};
    }
    if (*number >= count_) {
      return Error{Errc::usage, fmt::format("{} {}: the first row has only {} columns: check the "
                                            "number and --delimiter",
                                            wanted.flag, named, count_)};
    }
    return std::optional{*number};
  }

  Found find_array(const std::string&) override { return std::optional<std::uint32_t>{}; }

  std::string choice() const override {
    return fmt::format("; there is no header, the first row has {} columns", count_);
  }

 private:
  std::uint32_t count_;
};

class KeyFinder final : public Finder {
 public:
  KeyFinder(const std::vector<std::string>& keys, const util::IdMask& mask, Fields& fields)
      : keys_(keys), mask_(mask), fields_(fields) {}

  Found find(const Wanted& wanted, const std::string& named) override {
    if (!named.empty()) {
      auto pointer = parse_pointer(wanted, named);
      if (!pointer) return pointer.error();
      return std::optional{add(std::move(*pointer))};
    }
    std::vector<std::string> found;
    for (const auto& key : keys_) {
      for (const auto name : wanted.defaults) {
        if (equal_any_case(key, name)) found.push_back(key);
      }
    }
    if (found.empty()) return std::optional<std::uint32_t>{};
    if (found.size() > 1) {
      return Error{Errc::usage, fmt::format("{} could be {}: choose one with {}{}", wanted.what,
                                            fmt::join(found, " or "), wanted.flag, choice())};
    }
    for (const auto name : wanted.defaults) {
      if (name != found.front()) fields_.rivals.emplace_back(name);
    }
    return std::optional{add({found.front()})};
  }

  Found find_array(const std::string& named) override {
    if (!named.empty()) return find(ids_field, named);
    if (std::find(keys_.begin(), keys_.end(), ids_name) == keys_.end()) {
      return std::optional<std::uint32_t>{};
    }
    return std::optional{add({std::string(ids_name)})};
  }

  std::string_view noun() const override { return "key"; }

  std::string choice() const override {
    return fmt::format("; the keys of the first rows are: {}", list_names(keys_, mask_));
  }

 private:
  static Result<Pointer> parse_pointer(const Wanted& wanted, const std::string& named) {
    if (parse_number(named)) {
      return Error{Errc::usage, fmt::format("{} {}: NDJSON has no numbered columns: name a key, or "
                                            "a JSON pointer such as /properties/user_id",
                                            wanted.flag, named)};
    }
    if (named.front() != '/') return Pointer{named};
    Pointer pointer;
    for (std::size_t i = 0; i < named.size(); ++i) {
      if (named[i] == '/') {
        pointer.emplace_back();
      } else if (named[i] == '~') {
        const char code = i + 1 < named.size() ? named[i + 1] : '\0';
        if (code != '0' && code != '1') {
          return Error{
              Errc::usage,
              fmt::format("{} {}: '~' without 0 or 1 after it: write ~0 for ~ and ~1 for /",
                          wanted.flag, named)};
        }
        pointer.back() += code == '0' ? '~' : '/';
        ++i;
      } else {
        pointer.back() += named[i];
      }
    }
    return pointer;
  }

  std::uint32_t add(Pointer pointer) {
    auto& all = fields_.pointers;
    const auto known = std::find(all.begin(), all.end(), pointer);
    if (known != all.end()) return static_cast<std::uint32_t>(known - all.begin());
    all.push_back(std::move(pointer));
    return static_cast<std::uint32_t>(all.size() - 1);
  }

  const std::vector<std::string>& keys_;
  util::IdMask mask_;
  Fields& fields_;
};

using FoundSides = Result<std::optional<Sides>>;

/// Returns both of two fields, or neither. With `required`, a missing one is an error.
FoundSides find_two(Finder& finder, const Wanted& first, const std::string& first_named,
                    const Wanted& second, const std::string& second_named, bool required) {
  const auto a = finder.find(first, first_named);
  if (!a) return a.error();
  const auto b = finder.find(second, second_named);
  if (!b) return b.error();
  if (!*a || !*b) {
    if (!required) return std::optional<Sides>{};
    const auto& missing = *a ? second : first;
    return Error{Errc::usage,
                 fmt::format("no {} recognized as {}: name it with {}{}", finder.noun(),
                             missing.what, missing.flag, finder.choice())};
  }
  if (**a == **b) {
    return Error{Errc::usage, fmt::format("{} and {} are the same field: name two{}", first.what,
                                          second.what, finder.choice())};
  }
  return std::optional{Sides{.first = **a, .second = **b}};
}

FoundSides find_id_fields(Finder& finder, const FieldNames& names) {
  const auto comma = names.ids.find(',');
  if (comma == std::string::npos) {
    const auto array = finder.find_array(names.ids);
    if (!array) return array.error();
    if (*array) {
      return std::optional{
          Sides{.first = **array, .second = **array, .sided = false, .array = true}};
    }
  }
  if (comma == std::string::npos || names.ids.find(',', comma + 1) != std::string::npos ||
      comma == 0 || comma + 1 == names.ids.size()) {
    return Error{Errc::usage, fmt::format("--id-fields {}: two fields are needed: write A,B{}",
                                          names.ids, finder.choice())};
  }
  auto sides = find_two(finder, ids_field, names.ids.substr(0, comma), ids_field,
                        names.ids.substr(comma + 1), true);
  if (sides && *sides) (*sides)->sided = false;
  return sides;
}

FoundSides find_merge(Finder& finder, const FieldNames& names, bool required) {
  const bool sides_named = !names.anon.empty() || !names.user.empty();
  if (!names.ids.empty()) {
    if (sides_named && names.op_field.empty()) {
      return Error{Errc::usage,
                   "--id-fields: --anon-field or --user-field is given as well: use "
                   "the one or the others"};
    }
    return find_id_fields(finder, names);
  }
  std::optional<std::uint32_t> array;
  if (!sides_named) {
    const auto found = finder.find_array("");
    if (!found) return found.error();
    array = *found;
  }
  auto sides = find_two(finder, anon_side, names.anon, user_side, names.user, required && !array);
  if (!sides) return sides;
  if (array && *sides) {
    return Error{Errc::usage,
                 fmt::format("the ids of a merge could be $distinct_ids or a sided pair: choose "
                             "with --id-fields '$distinct_ids' or --anon-field and --user-field{}",
                             finder.choice())};
  }
  if (array) {
    return std::optional{Sides{.first = *array, .second = *array, .sided = false, .array = true}};
  }
  return sides;
}

FoundSides find_sides(Finder& finder, const FieldNames& names, Op op, bool required) {
  switch (op) {
    case Op::create:
      return find_two(finder, anon_side, names.anon, user_side, names.user, required);
    case Op::alias:
      return find_two(finder, alias_side, names.alias, distinct_id_side, names.distinct_id,
                      required);
    case Op::merge:
      return find_merge(finder, names, required);
  }
  return Error{Errc::internal, "no such verb"};
}

/// Rejects an option that the verb does not use: it indicates a misunderstanding.
Result<void> check_names(const FieldNames& names) {
  if (!names.op_field.empty()) return {};
  const bool alias = names.op == Op::alias;
  const auto refuse = [&](std::string_view flag, std::string_view instead) {
    return Error{Errc::usage,
                 fmt::format("{}: not used by --op {}: {}", flag, name(names.op), instead)};
  };
  if (alias && !names.anon.empty()) return refuse("--anon-field", "use --alias-field");
  if (alias && !names.user.empty()) return refuse("--user-field", "use --distinct-id-field");
  if (!alias && !names.alias.empty()) return refuse("--alias-field", "it needs --op alias");
  if (!alias && !names.distinct_id.empty()) {
    return refuse("--distinct-id-field", "it needs --op alias");
  }
  if (names.op != Op::merge && !names.ids.empty()) {
    return refuse("--id-fields", "it needs --op merge");
  }
  return {};
}

Result<Columns> choose(Finder& finder, const FieldNames& names) {
  if (const auto checked = check_names(names); !checked) return checked.error();
  Columns columns;
  columns.op_default = names.op;
  const bool several = !names.op_field.empty();
  bool any = false;
  for (const auto op : {Op::create, Op::alias, Op::merge}) {
    if (!several && op != names.op) continue;
    auto sides = find_sides(finder, names, op, !several);
    if (!sides) return sides.error();
    columns.sides[static_cast<std::size_t>(op)] = *sides;
    any = any || *sides;
  }
  if (!any) {
    auto missing = find_sides(finder, names, names.op, true);
    return missing.error();
  }
  if (several) {  // verbs without columns of their own use the sided pair
    const auto& sided = columns.sides[static_cast<std::size_t>(Op::create)];
    for (auto& sides : columns.sides) {
      if (!sides) sides = sided;
    }
  }
  const auto op = finder.find(op_field, names.op_field);
  if (!op) return op.error();
  columns.op = *op;
  const auto order = finder.find(order_field, names.order_field);
  if (!order) return order.error();
  columns.order = *order;
  return columns;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = lower(text[i]);
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

}  // namespace

std::span<const std::string_view> default_names_of_first(Op op) {
  if (op == Op::alias) return alias_names;
  return anon_names;
}

std::span<const std::string_view> default_names_of_second(Op op) {
  if (op == Op::alias) return distinct_id_names;
  return user_names;
}

std::string list_names(const std::vector<std::string>& names, const util::IdMask& mask) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (text.size() > 1500) return text + fmt::format(" and {} more", names.size() - i);
    text += fmt::format("{}{}", i == 0 ? "" : ", ", shown(names[i], mask));
  }
  return text;
}

Result<Columns> choose_columns(const FieldNames& names, const std::vector<std::string>& header) {
  HeaderFinder finder(header, names.mask);
  auto columns = choose(finder, names);
  if (columns) columns->count = static_cast<std::uint32_t>(header.size());
  return columns;
}

std::vector<std::string> numbered_columns(const FieldNames& names,
                                          const std::vector<std::string>& header) {
  std::vector<std::string> numbered;
  const auto add = [&](std::string_view named) {
    const auto number = parse_number(named);
    if (number && *number < header.size()) numbered.push_back(header[*number]);
  };
  for (const auto* named : {&names.anon, &names.user, &names.alias, &names.distinct_id,
                            &names.op_field, &names.order_field}) {
    add(*named);
  }
  const auto comma = std::min(names.ids.find(','), names.ids.size());
  add(std::string_view(names.ids).substr(0, comma));
  if (comma < names.ids.size()) add(std::string_view(names.ids).substr(comma + 1));
  return numbered;
}

Result<Columns> choose_columns(const FieldNames& names, std::uint32_t column_count) {
  NumberFinder finder(column_count);
  auto columns = choose(finder, names);
  if (columns) columns->count = column_count;
  return columns;
}

Result<Fields> choose_fields(const FieldNames& names, const std::vector<std::string>& keys) {
  Fields fields;
  KeyFinder finder(keys, names.mask, fields);
  auto columns = choose(finder, names);
  if (!columns) return columns.error();
  fields.columns = *columns;
  return fields;
}

Result<void> check_delimiter(const std::vector<std::string>& first_row, char delimiter,
                             bool is_header, const util::IdMask& mask) {
  if (first_row.size() != 1) return {};
  for (const char other : {'\t', ';', '|', ','}) {
    if (other == delimiter || first_row.front().find(other) == std::string::npos) continue;
    const auto named = [](char c) {
      return c == '\t' ? std::string("tab") : fmt::format("'{}'", util::printable({&c, 1}));
    };
    const auto remedy = other == '\t'  ? std::string("--format tsv")
                        : other == ',' ? std::string("--format csv")
                                       : fmt::format("--delimiter '{}'", other);
    return Error{Errc::usage, fmt::format("the first row has no {} but {}: use {}; the row is: {}",
                                          named(delimiter), named(other), remedy,
                                          masked_fields(first_row.front().substr(0, 1000), other,
                                                        is_header, mask))};
  }
  return {};
}

bool looks_like_data(const std::vector<std::string>& header) {
  return std::any_of(header.begin(), header.end(), [](const std::string& name) {
    const bool number = !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
    return number || is_uuid(name) || name.find('@') != std::string::npos;
  });
}

}  // namespace idmerge::input
