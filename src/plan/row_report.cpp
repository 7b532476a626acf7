// SPDX-License-Identifier: MIT
#include "plan/row_report.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "util/json_writer.hpp"

namespace idmerge::plan {
namespace {

/// Start of the line about a refused link; the ordinal of the link follows.
constexpr std::string_view letter_start = "{\"link\":";

constexpr std::size_t piece_bytes = 256 * 1024;

}  // namespace

IdKeys id_keys(const input::Link& link) {
  if (link.op == input::Op::alias) return {"alias", "distinct_id"};
  return {"anonymous_id", "user_id"};
}

RowPlace fault_place(const input::Row& row) {
  const auto at = std::min<std::size_t>(row.fault_at, row.text.size());
  const auto before = row.text.substr(0, at);
  const auto lines = static_cast<std::uint64_t>(std::count(before.begin(), before.end(), '\n'));
  const auto line_start = before.rfind('\n');
  return {row.line + lines, line_start == std::string_view::npos ? row.fault_at + std::uint64_t{1}
                                                                 : row.fault_at - line_start};
}

void append_faulty(std::string& out, const input::Row& row, std::string_view file) {
  const auto [line, column] = fault_place(row);
  out += '{';
  util::append_json_member(out, "file", file);
  util::append_json_member(out, "line", line);
  util::append_json_member(out, "column", column);
  util::append_json_member(out, "byte_offset", row.offset + row.fault_at);
  util::append_json_member(out, "reason", name(row.fault));
  util::append_json_member(out, "message", sentence(row.fault));
  util::append_json_member(out, "hint", input::hint(row.fault));
  util::append_json_member(out, "row", row.text);
  out += "}\n";
}

void append_link(std::string& out, const input::Link& link, const std::vector<PlanInput>& inputs) {
  if (link.sided) {
    util::append_json_member(out, id_keys(link).anon, link.anon);
    util::append_json_member(out, id_keys(link).user, link.user);
  } else {
    util::append_json_key(out, "$distinct_ids");
    out += '[';
    util::append_json_string(out, link.anon);
    out += ',';
    util::append_json_string(out, link.user);
    out += ']';
  }
  util::append_json_member(out, "op", name(link.op));
  util::append_json_member(out, "file", inputs[link.file].path);
  util::append_json_member(out, "line", link.line);
  util::append_json_member(out, "byte_offset", link.offset);
}

std::string refused_report(std::uint64_t ordinal, const input::Link& link,
                           const std::vector<PlanInput>& inputs, unsigned status,
                           std::string_view message, std::uint32_t attempts) {
  std::string out(letter_start);
  out += std::to_string(ordinal);
  append_link(out, link, inputs);
  util::append_json_member(out, "status", status);
  util::append_json_member(out, "message", message);
  util::append_json_member(out, "attempts", attempts);
  out += '}';
  return out;
}

Result<std::vector<std::uint64_t>> read_refused(io::Files& files, const std::string& path,
                                                std::uint64_t bytes) {
  std::vector<std::uint64_t> ordinals;
  if (bytes == 0) return ordinals;
  const auto file = files.open(path);
  if (!file) return file.error();
  const auto wrong = [&] {
    return Error{
        Errc::input,
        fmt::format(
            "{}: does not match the checkpoint: restore it (to edit dead letters, work on a copy)",
            path)};
  };
  std::string piece;
  std::string letter;  // the start of a line that continues in the next piece
  for (std::uint64_t at = 0; at < bytes;) {
    piece.resize(std::min<std::uint64_t>(piece_bytes, bytes - at));
    const auto count = file->read_at(at, piece);
    if (!count) return count.error();
    if (*count == 0) return wrong();
    at += *count;
    std::string_view rest(piece.data(), *count);
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      letter += rest.substr(0, end);
      rest.remove_prefix(end + 1);
      std::uint64_t ordinal = 0;
      const auto number_end = letter.find(',');
      if (!letter.starts_with(letter_start) || number_end == std::string::npos ||
          !util::parse_number(std::string_view(letter).substr(letter_start.size(),
                                                              number_end - letter_start.size()),
                              ordinal)) {
        return wrong();
      }
      ordinals.push_back(ordinal);
      letter.clear();
    }
    letter += rest;
  }
  if (!letter.empty()) return wrong();
  std::sort(ordinals.begin(), ordinals.end());
  return ordinals;
}

}  // namespace idmerge::plan
