// SPDX-License-Identifier: MIT
#include "idmerge/run/letters.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include <fmt/format.h>

#include "idmerge/core/json_text.hpp"
#include "idmerge/disk/plan_block.hpp"

namespace idmerge {
namespace {

/// Clashing links named in one line; the rest are counted.
constexpr std::size_t clashes_named_max = 10;

/// How a letter begins; the link's ordinal follows.
constexpr std::string_view letter_start = "{\"link\":";

constexpr std::size_t piece_bytes = 256 * 1024;

/// The default field names of both sides, so that a line is input again.
struct Names {
  std::string_view anon, user;
};
Names names(const Link& link) {
  if (link.op == Op::alias) return {"alias", "distinct_id"};
  return {"anonymous_id", "user_id"};
}

/// Do several users claim the anonymous id?
constexpr bool is_disputed(Verdict verdict) {
  return verdict == Verdict::conflict || verdict == Verdict::outranked;
}

/// The held links of a plan, with their ids: what a line about any of them needs.
class HeldLinks {
 public:
  /// Links in order of their ordinals; those that claim one anonymous id are chained.
  struct Held {
    Link link;
    Verdict verdict = Verdict::send;
    std::size_t first_claim = 0;  // of a disputed id: index of the first held link of its id
    std::size_t next_claim = 0;   // 0: this is the last
  };

  static Result<HeldLinks> gather(const PlanReader& plan) {
    HeldLinks held;
    if (auto read = held.take_held(plan); !read) return read.error();
    if (held.both_sides_.empty() && held.winners_.empty()) return held;
    if (auto read = held.find_opponents(plan); !read) return read.error();
    return held;
  }

  const std::vector<Held>& links() const { return links_; }

  /// The first link that names the anonymous id of a both-sides link as its user.
  const Link* other_side(const Link& link) const {
    const auto found = both_sides_.find(link.anon);
    return found == both_sides_.end() || !found->second ? nullptr : &*found->second;
  }

  /// The claim that outranks those that are held.
  const Link* winner(const Link& link) const {
    const auto found = winners_.find(link.anon);
    return found == winners_.end() || !found->second ? nullptr : &*found->second;
  }

 private:
  Result<void> take_held(const PlanReader& plan) {
    std::unordered_map<std::string_view, std::array<std::size_t, 2>> claims;  // first and last
    return each_packed(plan, true, [&](const Link& found, Verdict verdict) {
      if (!is_held(verdict)) return;
      const auto at = links_.size();
      links_.push_back({.link = keep(found), .verdict = verdict});
      auto& held = links_.back();
      if (verdict == Verdict::both_sides) both_sides_.try_emplace(held.link.anon);
      if (verdict == Verdict::outranked) winners_.try_emplace(held.link.anon);
      if (!is_disputed(verdict)) return;
      const auto [claim, is_first] = claims.try_emplace(held.link.anon, std::array{at, at});
      if (!is_first) links_[claim->second[1]].next_claim = at;
      claim->second[1] = at;
      held.first_claim = claim->second[0];
    });
  }

  /// What stands against links that are held, but is not one of them itself.
  Result<void> find_opponents(const PlanReader& plan) {
    return each_packed(plan, false, [&](const Link& found, Verdict verdict) {
      if (!found.sided) return;
      const auto won = winners_.find(found.anon);
      if (won != winners_.end() && verdict != Verdict::outranked && !won->second) {
        won->second = keep(found);
      }
      const auto side = both_sides_.find(found.user);
      if (side != both_sides_.end() && !side->second) side->second = keep(found);
    });
  }

  /// Visit the links of all blocks, or of those that hold a held one.
  template <class Visit>
  static Result<void> each_packed(const PlanReader& plan, bool only_held, Visit visit) {
    PlanBlock block;
    Link link;
    for (std::size_t i = 0; i < plan.blocks(); ++i) {
      if (only_held) {
        if (auto read = plan.read_columns(i, block); !read) return read.error();
        if (std::none_of(block.verdicts.begin(), block.verdicts.end(), is_held)) continue;
      }
      const auto packed = plan.read_packed(i, block);
      if (!packed) return packed.error();
      LinkCursor cursor(*packed);
      link = {};
      for (const auto verdict : block.verdicts) {
        if (!cursor.next(link)) {
          return Error{Errc::input, fmt::format("block {} of the plan is not readable", i)};
        }
        visit(link, verdict);
      }
    }
    return {};
  }

  Link keep(Link link) {
    link.anon = keep(link.anon);
    link.user = keep(link.user);
    return link;
  }

  std::string_view keep(std::string_view id) {
    if (texts_.empty() || texts_.back().capacity() - texts_.back().size() < id.size()) {
      texts_.emplace_back().reserve(std::max(text_bytes, id.size()));
    }
    auto& text = texts_.back();
    text += id;
    return std::string_view(text).substr(text.size() - id.size());
  }

  static constexpr std::size_t text_bytes = 1U << 20U;

  std::vector<Held> links_;
  std::unordered_map<std::string_view, std::optional<Link>> both_sides_;
  std::unordered_map<std::string_view, std::optional<Link>> winners_;
  std::deque<std::string> texts_;  // the ids; none ever grows past what was reserved for it
};

struct Words {
  std::string_view message, hint;
};

Words words(Verdict verdict) {
  switch (verdict) {
    case Verdict::conflict:
      return {"the anonymous id is claimed by more than one user",
              "decide which user it belongs to in the list of show --held, then plan --decisions"};
    case Verdict::both_sides:
      return {"the anonymous id of this row is a user id elsewhere",
              "check whether the columns of one of the rows are swapped"};
    case Verdict::oversize:
      return {"the cluster would have more ids than --max-cluster",
              "look for an id that many people share, or raise --max-cluster"};
    case Verdict::outranked:
      return {"another user's claim on the anonymous id comes before this one by --on-conflict",
              "if the other one is wrong, decide so in the list of show --held, then plan "
              "--decisions"};
    case Verdict::send:
    case Verdict::spare:
    case Verdict::voided:
    case Verdict::count:
      break;
  }
  return {"", ""};
}

void append_clash(std::string& out, std::string_view key, std::string_view id, const Link& clash,
                  const std::vector<PlanInput>& inputs) {
  out += '{';
  append_json_member(out, key, id);
  append_json_member(out, "file", inputs[clash.file].path);
  append_json_member(out, "line", clash.line);
  out += '}';
}

/// The other claims on the anonymous id of a held link.
void append_claims(std::string& out, const HeldLinks& all, const HeldLinks::Held& held,
                   const std::vector<PlanInput>& inputs) {
  append_json_key(out, "clashes_with");
  out += '[';
  std::size_t seen = 0;
  bool first = true;
  for (auto at = held.first_claim;; at = all.links()[at].next_claim) {
    const auto& claim = all.links()[at];
    if (seen < clashes_named_max && claim.link.user != held.link.user) {
      if (!first) out += ',';
      first = false;
      append_clash(out, names(held.link).user, claim.link.user, claim.link, inputs);
    }
    ++seen;
    if (claim.next_claim == 0) break;
  }
  out += ']';
  if (seen > clashes_named_max) append_json_member(out, "more_clashes", seen - clashes_named_max);
}

void append_held(std::string& out, const HeldLinks& all, const HeldLinks::Held& held,
                 const std::vector<PlanInput>& inputs) {
  out += '{';
  append_link(out, held.link, inputs);
  append_json_member(out, "reason", name(held.verdict));
  append_json_member(out, "message", words(held.verdict).message);
  append_json_member(out, "hint", words(held.verdict).hint);
  if (const auto* won = all.winner(held.link);
      held.verdict == Verdict::outranked && won != nullptr) {
    append_json_key(out, "won_by");
    append_clash(out, names(held.link).user, won->user, *won, inputs);
  }
  if (is_disputed(held.verdict)) append_claims(out, all, held, inputs);
  if (const auto* other = all.other_side(held.link);
      held.verdict == Verdict::both_sides && other != nullptr) {
    append_json_key(out, "clashes_with");
    out += '[';
    append_clash(out, names(held.link).anon, other->anon, *other, inputs);
    out += ']';
  }
  out += "}\n";
}

}  // namespace

void append_faulty(std::string& out, const Row& row, std::string_view file) {
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

std::string refused_letter(std::uint64_t ordinal, const Link& link,
                           const std::vector<PlanInput>& inputs, unsigned status,
                           std::string_view message, std::uint32_t attempts) {
  std::string out(letter_start);
  out += std::to_string(ordinal);
  append_link(out, link, inputs);
  append_json_member(out, "status", status);
  append_json_member(out, "message", message);
  append_json_member(out, "attempts", attempts);
  out += '}';
  return out;
}

Result<std::vector<std::uint64_t>> read_refused(Files& files, const std::string& path,
                                                std::uint64_t bytes) {
  std::vector<std::uint64_t> ordinals;
  if (bytes == 0) return ordinals;
  const auto file = files.open(path);
  if (!file) return file.error();
  const auto wrong = [&] {
    return Error{Errc::input, fmt::format("{}: is not what the checkpoint counts: restore it (to "
                                          "edit dead letters, work on a copy)",
                                          path)};
  };
  std::string piece;
  std::string letter;  // the start of one that goes on in the next piece
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
          !parse_number(std::string_view(letter).substr(letter_start.size(),
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

Result<void> write_held(Files& files, const JobPaths& job, std::string_view rows,
                        const PlanReader& plan) {
  const auto held = HeldLinks::gather(plan);
  if (!held) return held.error();
  auto part = PartFile::begin(files, job.held());
  if (!part) return part.error();
  std::string out(rows);
  for (const auto& link : held->links()) {
    append_held(out, *held, link, plan.facts().inputs);
    if (out.size() < 1U << 16U) continue;
    if (auto written = part->append(out); !written) return written.error();
    out.clear();
  }
  if (auto written = part->append(out); !written) return written.error();
  return part->commit();
}

}  // namespace idmerge
