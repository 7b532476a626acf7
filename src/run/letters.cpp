// SPDX-License-Identifier: MIT
#include "idmerge/run/letters.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "idmerge/core/json_text.hpp"

namespace idmerge {
namespace {

/// Clashing links named in one line; the rest are counted.
constexpr std::size_t clashes_named_max = 10;

/// The default field names of both sides, so that a line is input again.
struct Names {
  std::string_view anon, user;
};
Names names(const Link& link) {
  if (link.op == Op::alias) return {"alias", "distinct_id"};
  return {"anonymous_id", "user_id"};
}

/// A link that stands against a held one, by the id of its other side.
struct Clash {
  std::string id;
  std::uint32_t file = 0;
  std::uint64_t line = 0;
};

struct Clashes {
  std::vector<Clash> named;
  std::uint64_t others = 0;

  void add(const Link& link) {
    if (named.size() < clashes_named_max) {
      named.push_back({std::string(link.user), link.file, link.line});
    } else {
      ++others;
    }
  }
};

struct HeldIds {
  std::unordered_map<std::string, Clashes> conflicts;  // by anonymous id: all its claims
  std::unordered_map<std::string, std::optional<Clash>> both_sides;  // where it is a user
};

/// Visit the links of all blocks that hold one with a wanted verdict.
template <class Visit>
Result<void> each_link(const PlanReader& plan, bool only_held, Visit visit) {
  PlanBlock block;
  for (std::size_t i = 0; i < plan.blocks(); ++i) {
    if (only_held) {
      if (auto read = plan.read_columns(i, block); !read) return read.error();
      if (std::none_of(block.verdicts.begin(), block.verdicts.end(), is_held)) continue;
    }
    if (auto read = plan.read_block(i, block); !read) return read.error();
    for (std::size_t n = 0; n < block.links.size(); ++n)
      visit(block.links[n], block.verdicts[n]);
  }
  return {};
}

Result<HeldIds> gather(const PlanReader& plan) {
  HeldIds held;
  auto read = each_link(plan, true, [&](const Link& link, Verdict verdict) {
    if (verdict == Verdict::conflict) held.conflicts[std::string(link.anon)].add(link);
    if (verdict == Verdict::both_sides) held.both_sides.try_emplace(std::string(link.anon));
  });
  if (!read) return read.error();
  if (held.both_sides.empty()) return held;
  read = each_link(plan, false, [&](const Link& link, Verdict) {
    if (!link.sided) return;
    const auto found = held.both_sides.find(std::string(link.user));
    if (found == held.both_sides.end() || found->second) return;
    found->second = Clash{std::string(link.anon), link.file, link.line};
  });
  if (!read) return read.error();
  return held;
}

struct Words {
  std::string_view message, hint;
};

Words words(Verdict verdict) {
  switch (verdict) {
    case Verdict::conflict:
      return {"the anonymous id is claimed by more than one user",
              "decide which user it belongs to and plan again without the other rows"};
    case Verdict::both_sides:
      return {"the anonymous id of this row is a user id elsewhere",
              "check whether the columns of one of the rows are swapped"};
    case Verdict::oversize:
      return {"the cluster would have more ids than --max-cluster",
              "look for an id that many people share, or raise --max-cluster"};
    case Verdict::send:
    case Verdict::spare:
    case Verdict::count:
      break;
  }
  return {"", ""};
}

void append_clashes(std::string& out, const Link& link, const Clashes& clashes,
                    const std::vector<PlanInput>& inputs) {
  append_json_key(out, "clashes_with");
  out += '[';
  bool first = true;
  for (const auto& clash : clashes.named) {
    if (clash.id == link.user) continue;
    if (!first) out += ',';
    first = false;
    out += '{';
    append_json_member(out, names(link).user, clash.id);
    append_json_member(out, "file", inputs[clash.file].path);
    append_json_member(out, "line", clash.line);
    out += '}';
  }
  out += ']';
  if (clashes.others > 0) append_json_member(out, "more_clashes", clashes.others);
}

}  // namespace

void append_rejected(std::string& out, const Row& row, std::string_view file) {
  // The fault's own line and column, from its place in the row; bytes, from 1.
  const auto at = std::min<std::size_t>(row.fault_at, row.text.size());
  const auto before = row.text.substr(0, at);
  const auto lines = static_cast<std::uint64_t>(std::count(before.begin(), before.end(), '\n'));
  const auto line_start = before.rfind('\n');
  const auto column = line_start == std::string_view::npos ? row.fault_at + std::uint64_t{1}
                                                           : row.fault_at - line_start;
  out += '{';
  append_json_member(out, "file", file);
  append_json_member(out, "line", row.line + lines);
  append_json_member(out, "column", column);
  append_json_member(out, "byte_offset", row.offset + row.fault_at);
  append_json_member(out, "reason", name(row.fault));
  append_json_member(out, "message", sentence(row.fault));
  append_json_member(out, "hint", hint(row.fault));
  append_json_member(out, "row", row.text);
  out += "}\n";
}

void append_link(std::string& out, const Link& link, const std::vector<PlanInput>& inputs) {
  if (link.sided) {
    append_json_member(out, names(link).anon, link.anon);
    append_json_member(out, names(link).user, link.user);
  } else {
    append_json_key(out, "$distinct_ids");
    out += '[';
    append_json_string(out, link.anon);
    out += ',';
    append_json_string(out, link.user);
    out += ']';
  }
  append_json_member(out, "op", name(link.op));
  append_json_member(out, "file", inputs[link.file].path);
  append_json_member(out, "line", link.line);
  append_json_member(out, "byte_offset", link.offset);
}

std::string refused_letter(const Link& link, const std::vector<PlanInput>& inputs, unsigned status,
                           std::string_view message, std::uint32_t attempts) {
  std::string out = "{";
  append_link(out, link, inputs);
  append_json_member(out, "status", status);
  append_json_member(out, "message", message);
  append_json_member(out, "attempts", attempts);
  out += '}';
  return out;
}

Result<void> write_held(Files& files, const JobPaths& job, const PlanReader& plan) {
  const auto held = gather(plan);
  if (!held) return held.error();
  auto part = PartFile::begin(files, job.held());
  if (!part) return part.error();
  const auto& inputs = plan.facts().inputs;
  std::string out;
  Result<void> written;
  const auto read = each_link(plan, true, [&](const Link& link, Verdict verdict) {
    if (!is_held(verdict)) return;
    out += '{';
    append_link(out, link, inputs);
    append_json_member(out, "reason", name(verdict));
    append_json_member(out, "message", words(verdict).message);
    append_json_member(out, "hint", words(verdict).hint);
    if (verdict == Verdict::conflict) {
      append_clashes(out, link, held->conflicts.at(std::string(link.anon)), inputs);
    } else if (verdict == Verdict::both_sides) {
      if (const auto& where = held->both_sides.at(std::string(link.anon)); where) {
        append_json_key(out, "clashes_with");
        out += "[{";
        append_json_member(out, names(link).anon, where->id);
        append_json_member(out, "file", inputs[where->file].path);
        append_json_member(out, "line", where->line);
        out += "}]";
      }
    }
    out += "}\n";
    if (out.size() >= 1U << 16U && written) {
      written = part->append(out);
      out.clear();
    }
  });
  if (!read) return read.error();
  if (written) written = part->append(out);
  if (!written) return written.error();
  return part->commit();
}

}  // namespace idmerge
