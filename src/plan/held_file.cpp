// SPDX-License-Identifier: MIT
#include "plan/held_file.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <future>
#include <memory_resource>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/container/small_vector.hpp>
#include <fmt/format.h>

#include "plan/plan_block.hpp"
#include "plan/row_report.hpp"
#include "plan/verdict.hpp"
#include "util/json_writer.hpp"

namespace idmerge::plan {
namespace {

/// These limits bound what a line repeats of other lines, so that the file grows with the input and
/// not with the number of claims on an id; each claim has its own line. In a small conflict every
/// line names all other claims. In a larger one the first line names the first ten, the other lines
/// name the first, and the remaining claims are counted.
constexpr std::size_t small_conflict_max = 3;  // claims
constexpr std::size_t clashes_named_max = 10;

/// A longer id of another line is not repeated; its file and line are given. Units: bytes.
constexpr std::size_t id_repeated_max = 128;

/// Memory for a held link with a new anonymous id, besides the ids. Units: bytes.
constexpr std::uint64_t bytes_a_held_link = 380;

constexpr std::size_t parts_max = 64;
constexpr std::size_t part_buffer_bytes = 64U << 10U;
constexpr std::size_t line_buffer_bytes = 64U << 10U;

/// Returns whether several users claim the anonymous id.
constexpr bool is_disputed(Verdict verdict) {
  return verdict == Verdict::conflict || verdict == Verdict::outranked;
}

struct Words {
  std::string_view message, hint;
};

/// JSON members that explain a verdict, built once; indexed by verdict.
using Reasons = std::array<std::string, static_cast<std::size_t>(Verdict::count)>;

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
      return {"another user's claim on the anonymous id precedes this one by --on-conflict",
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

std::string reason(Verdict verdict, const Words& words) {
  std::string reason;
  util::append_json_member(reason, "reason", name(verdict));
  util::append_json_member(reason, "message", words.message);
  util::append_json_member(reason, "hint", words.hint);
  return reason;
}

Reasons reasons() {
  Reasons reasons;
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    const auto verdict = static_cast<Verdict>(i);
    reasons[i] = reason(verdict, words(verdict));
  }
  return reasons;
}

/// For a conflict without a second user, which only a decision can cause.
constexpr Words decided_words{
    "the decision about the anonymous id is later, or names a user that does not claim it",
    "decide anew in the list of show --held, then plan --decisions"};

/// Stores ids beyond the lifetime of the block or buffer that they were read from.
class Texts {
 public:
  Texts() = default;
  Texts(const Texts&) = delete;  // views would still point into the original
  Texts(Texts&&) = default;
  Texts& operator=(const Texts&) = delete;
  Texts& operator=(Texts&&) = default;
  ~Texts() = default;

  std::string_view keep(std::string_view id) {
    if (texts_.empty() || texts_.back().capacity() - texts_.back().size() < id.size()) {
      texts_.emplace_back().reserve(std::max(text_bytes, id.size()));
    }
    auto& text = texts_.back();
    text += id;
    return std::string_view(text).substr(text.size() - id.size());
  }

 private:
  static constexpr std::size_t text_bytes = 64U << 10U;

  std::deque<std::string> texts_;  // none grows beyond its reserved capacity, so views stay valid
};

/// Held links that own their ids, in order.
struct HeldLinks {
  struct Held {
    input::Link link;
    Verdict verdict = Verdict::send;
  };
  std::vector<Held> links;
  Texts texts;

  void keep(const input::Link& link, Verdict verdict) {
    auto& kept = links.emplace_back(Held{link, verdict}).link;
    kept.anon = texts.keep(link.anon);
    kept.user = texts.keep(link.user);
  }
};

/// The links that held links conflict with, by anonymous id.
class ConflictingLinks {
 public:
  /// `are_kept`: the ids of held links outlive this object. Units: `held_expected` in links.
  explicit ConflictingLinks(bool are_kept, std::size_t held_expected = 0) : are_kept_(are_kept) {
    known_.reserve(held_expected);
  }

  /// A conflicting link as it is named in a line, by the id that differs; an empty id means none.
  struct Other {
    std::string_view id;
    std::uint64_t line = 0;
    std::uint32_t file = 0;
  };

  struct Known {
    boost::container::small_vector<Other, 2> claims;  // the first held claims
    std::uint64_t claims_count = 0;
    Other winner;  // the claim that outranks the held ones
    Other side;    // the first link that names the id as its user
    bool has_winner = false;
    bool has_side = false;
  };

  /// Step 1: every held link in order. Returns: what is known of its id; null if its line needs
  /// nothing.
  const Known* note_held(const input::Link& link, Verdict verdict) {
    if (!is_disputed(verdict) && verdict != Verdict::both_sides) return nullptr;
    auto found = known_.find(link.anon);
    if (found == known_.end()) found = known_.emplace(keep_held(link.anon), Known{}).first;
    Known& known = found->second;
    if (is_disputed(verdict)) {
      if (known.claims.size() < clashes_named_max) {
        known.claims.push_back({keep_held(link.user), link.line, link.file});
      }
      ++known.claims_count;
    }
    known.has_side = known.has_side || verdict == Verdict::both_sides;
    known.has_winner = known.has_winner || verdict == Verdict::outranked;
    wants_others_ = wants_others_ || verdict != Verdict::conflict;
    return &known;
  }

  const Known* find(const input::Link& link) const {
    const auto found = known_.find(link.anon);
    return found == known_.end() ? nullptr : &found->second;
  }

  /// Returns whether step 2 is needed.
  bool wants_others() const { return wants_others_; }

  /// Step 2: every link in order, or at least those that name one of the ids.
  void note_other(const input::Link& link, Verdict verdict) {
    if (!link.sided) return;
    const auto won = known_.find(link.anon);
    if (won != known_.end() && won->second.has_winner && verdict != Verdict::outranked &&
        won->second.winner.id.empty()) {
      won->second.winner = {texts_.keep(link.user), link.line, link.file};
    }
    const auto side = known_.find(link.user);
    if (side != known_.end() && side->second.has_side && side->second.side.id.empty()) {
      side->second.side = {texts_.keep(link.anon), link.line, link.file};
    }
  }

  /// Step 3: appends the line about a held link. `known`: null if it conflicts with nothing.
  void append_line(std::string& out, const input::Link& link, Verdict verdict, const Known* known,
                   const std::vector<PlanInput>& inputs) const {
    out += '{';
    append_link(out, link, inputs);
    out += ',';
    const bool is_decided =
        verdict == Verdict::conflict && known != nullptr && !has_rival(*known, link);
    out += is_decided ? decided_reason_ : reasons_[static_cast<std::size_t>(verdict)];
    if (known != nullptr) append_clashes(out, *known, link, verdict, inputs);
    out += "}\n";
  }

 private:
  static void append_other(std::string& out, std::string_view key, const Other& other,
                           const std::vector<PlanInput>& inputs) {
    out += '{';
    if (other.id.size() <= id_repeated_max) {
      util::append_json_member(out, key, other.id);
    } else {
      util::append_json_member(out, "id_bytes", other.id.size());
    }
    util::append_json_member(out, "file", inputs[other.file].path);
    util::append_json_member(out, "line", other.line);
    out += '}';
  }

  // A user makes at most one claim per operation on an id, which is fewer than are kept.
  static bool has_rival(const Known& known, const input::Link& link) {
    return std::any_of(known.claims.begin(), known.claims.end(),
                       [&](const Other& claim) { return claim.id != link.user; });
  }

  /// Returns: how many other claims the line about a link names.
  static std::size_t named_max(const Known& known, const input::Link& link) {
    if (known.claims_count <= small_conflict_max) return small_conflict_max;
    const auto& first = known.claims.front();
    const bool is_first =
        first.line == link.line && first.file == link.file && first.id == link.user;
    return is_first ? clashes_named_max : 1;
  }

  static void append_rivals(std::string& out, const Known& known, const input::Link& link,
                            std::string_view key, const std::vector<PlanInput>& inputs) {
    util::append_json_key(out, "clashes_with");
    out += '[';
    const auto max = named_max(known, link);
    std::uint64_t own = 0;
    std::uint64_t named = 0;
    for (const auto& claim : known.claims) {
      if (claim.id == link.user) {
        ++own;
      } else if (named < max) {
        if (named++ > 0) out += ',';
        append_other(out, key, claim, inputs);
      }
    }
    out += ']';
    // At least one claim is this user's, even if it is not among those kept.
    const auto others = known.claims_count - std::max<std::uint64_t>(own, 1);
    if (others > named) util::append_json_member(out, "more_clashes", others - named);
  }

  static void append_clashes(std::string& out, const Known& known, const input::Link& link,
                             Verdict verdict, const std::vector<PlanInput>& inputs) {
    const auto keys = id_keys(link);
    if (verdict == Verdict::outranked && !known.winner.id.empty()) {
      util::append_json_key(out, "won_by");
      append_other(out, keys.user, known.winner, inputs);
    }
    if (is_disputed(verdict)) {
      append_rivals(out, known, link, keys.user, inputs);
    }
    if (verdict == Verdict::both_sides && !known.side.id.empty()) {
      util::append_json_key(out, "clashes_with");
      out += '[';
      append_other(out, keys.anon, known.side, inputs);
      out += ']';
    }
  }

  std::string_view keep_held(std::string_view id) { return are_kept_ ? id : texts_.keep(id); }

  Reasons reasons_ = reasons();
  std::string decided_reason_ = reason(Verdict::conflict, decided_words);
  bool are_kept_;
  // The nodes come from one arena, which is freed as a whole.
  std::pmr::monotonic_buffer_resource memory_;
  std::pmr::unordered_map<std::string_view, Known> known_{&memory_};
  Texts texts_;
  bool wants_others_ = false;
};

/// A range of blocks of a plan.
struct BlockRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

BlockRange all_of(const PlanReader& plan) {
  return {0, plan.blocks()};
}

/// Visits the links of a plan, either all or the held ones.
/// Requires: `visit(ordinal, link, verdict)` returns a Result<void>.
template <class Visit>
Result<void> each_packed(const PlanReader& plan, const BlockRange& blocks, bool only_held,
                         Visit visit) {
  PlanBlock block;
  input::Link link;
  for (auto i = blocks.begin; i < blocks.end; ++i) {
    if (only_held) {
      if (auto read = plan.read_columns(i, block); !read) return read.error();
      if (std::none_of(block.verdicts.begin(), block.verdicts.end(), is_held)) continue;
    }
    const auto packed = plan.read_packed(i, block);
    if (!packed) return packed.error();
    LinkCursor cursor(*packed);
    link = {};
    auto ordinal = block.first;
    for (const auto verdict : block.verdicts) {
      if (!cursor.next(link)) {
        return Error{Errc::input, fmt::format("block {} of the plan is not readable", i)};
      }
      if (!only_held || is_held(verdict)) {
        if (auto done = visit(ordinal, link, verdict); !done) return done;
      }
      ++ordinal;
    }
  }
  return {};
}

/// Returns: the memory needed for the conflicts of all held links. Units: bytes.
Result<std::uint64_t> estimate_bytes(const PlanReader& plan) {
  PlanBlock block;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < plan.blocks(); ++i) {
    if (auto read = plan.read_columns(i, block); !read) return read.error();
    const auto held = static_cast<std::uint64_t>(
        std::count_if(block.verdicts.begin(), block.verdicts.end(), is_held));
    const auto& entry = plan.entry(i);
    sum += held_bytes(held, entry.links.size_bytes / entry.links_count);
  }
  return sum;
}

/// Buffers lines for a file.
class LineFile {
 public:
  explicit LineFile(io::PartFile& part) : part_(part) {}

  std::string& text() { return text_; }

  Result<void> flush_if_full() {
    return text_.size() < line_buffer_bytes ? Result<void>() : flush();
  }
  Result<void> flush() {
    auto written = part_.append(text_);
    text_.clear();
    return written;
  }

 private:
  io::PartFile& part_;
  std::string text_;
};

Result<HeldLinks> gather(const PlanReader& plan, const BlockRange& blocks) {
  HeldLinks held;
  auto read = each_packed(plan, blocks, true, [&](auto, const input::Link& link, Verdict verdict) {
    held.keep(link, verdict);
    return Result<void>();
  });
  if (!read) return read.error();
  return held;
}

using AllHeld = std::vector<HeldLinks>;

std::size_t count_of(const AllHeld& held) {
  std::size_t count = 0;
  for (const auto& range : held)
    count += range.links.size();
  return count;
}

/// Gathers held links from both halves of the range 0..`count` in parallel.
/// Requires: `gather(begin, end)` returns a Result<HeldLinks>.
template <class Gather>
Result<AllHeld> gather_halves(std::uint64_t count, const Gather& gather) {
  const auto middle = count / 2;
  auto other = std::async(std::launch::async, [&] { return gather(middle, count); });
  auto first = gather(std::uint64_t{0}, middle);
  auto second = other.get();
  if (!first) return first.error();
  if (!second) return second.error();
  AllHeld all;
  all.push_back(std::move(*first));
  all.push_back(std::move(*second));
  return all;
}

Result<AllHeld> gather_all(const PlanReader& plan) {
  return gather_halves(plan.blocks(), [&](std::size_t begin, std::size_t end) {
    return gather(plan, {begin, end});
  });
}

/// Appends the lines about links, built by two threads. Requires: `known` has one entry per link.
Result<void> write_lines(const ConflictingLinks& clashes, const std::vector<HeldLinks::Held>& links,
                         std::span<const ConflictingLinks::Known* const> known,
                         const std::vector<PlanInput>& inputs, LineFile& out) {
  constexpr std::size_t lines_a_piece = 4096;
  const auto append = [&](std::size_t begin, std::string& text) {
    const auto end = std::min(begin + lines_a_piece, links.size());
    for (auto i = begin; i < end; ++i)
      clashes.append_line(text, links[i].link, links[i].verdict, known[i], inputs);
  };
  std::string next;
  for (std::size_t begin = 0; begin < links.size(); begin += 2 * lines_a_piece) {
    const auto middle = begin + lines_a_piece;
    next.clear();
    if (middle < links.size()) {
      auto other = std::async(std::launch::async, append, middle, std::ref(next));
      append(begin, out.text());
      other.get();
    } else {
      append(begin, out.text());
    }
    out.text() += next;
    if (auto written = out.flush_if_full(); !written) return written;
  }
  return {};
}

using Visit = std::function<void(const input::Link& link, Verdict verdict)>;

/// Requires: `each_link` visits every link of the plan.
Result<void> write_from_memory(const AllHeld& held, const std::vector<PlanInput>& inputs,
                               const std::function<Result<void>(const Visit&)>& each_link,
                               LineFile& out) {
  const auto count = count_of(held);
  ConflictingLinks clashes(true, count);
  std::vector<const ConflictingLinks::Known*> known;
  known.reserve(count);
  for (const auto& range : held) {
    for (const auto& [link, verdict] : range.links)
      known.push_back(clashes.note_held(link, verdict));
  }
  if (clashes.wants_others()) {
    auto read = each_link(
        [&](const input::Link& link, Verdict verdict) { clashes.note_other(link, verdict); });
    if (!read) return read;
  }
  std::span<const ConflictingLinks::Known* const> rest(known);
  for (const auto& range : held) {
    const auto size = range.links.size();
    auto written = write_lines(clashes, range.links, rest.first(size), inputs, out);
    if (!written) return written;
    rest = rest.subspan(size);
  }
  return {};
}

/// Filter for the ids that are wanted of other links: one bit per hash. Some unwanted ids pass, but
/// no wanted id is missed.
class HashFilter {
 public:
  explicit HashFilter(std::uint64_t bytes) : words_(std::max<std::uint64_t>(bytes / 8, 64)) {}
  void put(std::size_t hash) { words_[word(hash)] |= bit(hash); }
  bool passes(std::size_t hash) const { return (words_[word(hash)] & bit(hash)) != 0; }

 private:
  std::size_t word(std::size_t hash) const { return (hash >> 6U) % words_.size(); }
  static std::uint64_t bit(std::size_t hash) { return std::uint64_t{1} << hash % 64; }

  std::vector<std::uint64_t> words_;
};

/// A link in a partition file. `ordinal` is set for held links only.
struct Record {
  std::uint64_t ordinal = 0;
  input::Link link;
  Verdict verdict = Verdict::send;
  bool held = false;
};

void put(io::Spill& file, const Record& record) {
  const auto& link = record.link;
  const std::uint8_t head[]{
      static_cast<std::uint8_t>(static_cast<unsigned>(record.verdict) << 1U | record.held),
      static_cast<std::uint8_t>(static_cast<unsigned>(link.op) << 1U | link.sided)};
  file.put(head);
  for (const auto number : {record.ordinal, link.line, link.offset, std::uint64_t{link.file},
                            std::uint64_t{link.anon.size()}, std::uint64_t{link.user.size()}}) {
    file.put_varint(number);
  }
  file.append(link.anon);
  file.append(link.user);
}

/// Lifetime: the ids are valid until the next read.
Record get(io::SpillReader& in) {
  Record record;
  const auto head = in.get<std::uint8_t>();
  record.verdict = static_cast<Verdict>(head >> 1U);
  record.held = (head & 1U) != 0;
  const auto kind = in.get<std::uint8_t>();
  auto& link = record.link;
  link.op = static_cast<input::Op>(kind >> 1U);
  link.sided = (kind & 1U) != 0;
  record.ordinal = in.get_varint();
  link.line = in.get_varint();
  link.offset = in.get_varint();
  link.file = static_cast<std::uint32_t>(in.get_varint());
  const auto anon_bytes = in.get_varint();
  const auto user_bytes = in.get_varint();
  const auto ids = in.get_text(anon_bytes + user_bytes);
  if (!in.outcome()) return {};
  link.anon = ids.substr(0, anon_bytes);
  link.user = ids.substr(anon_bytes);
  return record;
}

std::size_t hash(std::string_view id) {
  return std::hash<std::string_view>()(id);
}

Result<std::vector<io::Spill>> make_spills(io::SpillDir& dir, std::size_t count) {
  std::vector<io::Spill> spills;
  for (std::size_t i = 0; i < count; ++i) {
    auto spill = io::Spill::create(dir, part_buffer_bytes);
    if (!spill) return spill.error();
    spills.push_back(std::move(*spill));
  }
  return spills;
}

/// Writes the held links, and after them the links that may conflict with them, each to the
/// partition of the id in question.
Result<void> fill_parts(const PlanReader& plan, std::uint64_t memory_bytes,
                        std::vector<io::Spill>& parts) {
  HashFilter filter(memory_bytes / 8);
  bool wants_others = false;
  const auto send = [&](std::size_t at, const Record& record) {
    auto& part = parts[at % parts.size()];
    put(part, record);
    return part.healthy() ? Result<void>() : part.flush();
  };
  auto read = each_packed(plan, all_of(plan), true,
                          [&](auto ordinal, const input::Link& link, Verdict verdict) {
                            const auto at = hash(link.anon);
                            if (verdict == Verdict::both_sides || verdict == Verdict::outranked) {
                              filter.put(at);
                              wants_others = true;
                            }
                            return send(at, {ordinal, link, verdict, true});
                          });
  if (read && wants_others) {
    read =
        each_packed(plan, all_of(plan), false, [&](auto, const input::Link& link, Verdict verdict) {
          if (!link.sided) return Result<void>();
          for (const auto at : {hash(link.anon), hash(link.user)}) {
            if (!filter.passes(at)) continue;
            if (auto sent = send(at, {0, link, verdict, false}); !sent) return sent;
          }
          return Result<void>();
        });
  }
  for (auto& part : parts) {
    if (read) read = part.flush();
  }
  return read;
}

/// Writes the lines of one partition, each preceded by its ordinal and length.
Result<void> write_part(const io::Spill& part, const std::vector<PlanInput>& inputs,
                        io::Spill& lines) {
  ConflictingLinks clashes(false);
  for (io::SpillReader in(part, 0, part.size_bytes(), part_buffer_bytes); !in.at_end();) {
    const auto record = get(in);
    if (auto read = in.outcome(); !read) return read;
    if (record.held) {
      clashes.note_held(record.link, record.verdict);
    } else {
      clashes.note_other(record.link, record.verdict);
    }
  }
  std::string line;
  for (io::SpillReader in(part, 0, part.size_bytes(), part_buffer_bytes); !in.at_end();) {
    const auto record = get(in);
    if (auto read = in.outcome(); !read) return read;
    if (!record.held) break;
    line.clear();
    clashes.append_line(line, record.link, record.verdict, clashes.find(record.link), inputs);
    lines.put_varint(record.ordinal);
    lines.put_varint(line.size());
    lines.append(line);
  }
  return lines.flush();
}

/// Merges the lines of all partitions by ordinal.
Result<void> merge_lines(const io::Spill& lines, const std::vector<std::uint64_t>& ends,
                         LineFile& out) {
  std::vector<io::SpillReader> readers;
  using Next = std::pair<std::uint64_t, std::size_t>;  // ordinal, partition
  std::priority_queue<Next, std::vector<Next>, std::greater<>> queue;
  const auto step = [&](std::size_t part) -> Result<void> {
    auto& in = readers[part];
    if (!in.at_end()) queue.emplace(in.get_varint(), part);
    return in.outcome();
  };
  std::uint64_t begin = 0;
  for (const auto end : ends) {
    readers.emplace_back(lines, begin, end, part_buffer_bytes);
    if (auto stepped = step(readers.size() - 1); !stepped) return stepped;
    begin = end;
  }
  while (!queue.empty()) {
    const auto part = queue.top().second;
    queue.pop();
    auto& in = readers[part];
    const auto size = in.get_varint();
    out.text() += in.get_text(size);
    if (auto stepped = step(part); !stepped) return stepped;
    if (auto written = out.flush_if_full(); !written) return written;
  }
  return {};
}

Result<void> write_in_parts(const PlanReader& plan, std::size_t parts_count, io::SpillDir& dir,
                            std::uint64_t memory_bytes, LineFile& out) {
  auto parts = make_spills(dir, parts_count);
  if (!parts) return parts.error();
  if (auto filled = fill_parts(plan, memory_bytes, *parts); !filled) return filled;
  auto lines = make_spills(dir, 1);
  if (!lines) return lines.error();
  std::vector<std::uint64_t> ends;
  for (auto& part : *parts) {
    if (auto written = write_part(part, plan.facts().inputs, (*lines)[0]); !written) return written;
    ends.push_back((*lines)[0].size_bytes());
    part = io::Spill();  // frees the disk space
  }
  return merge_lines((*lines)[0], ends, out);
}

}  // namespace

std::uint64_t held_bytes(std::uint64_t held, std::uint64_t bytes_a_link) {
  return held * (bytes_a_held_link + bytes_a_link);
}

Result<HeldPart> write_claimed(io::Files& files, const JobPaths& job, std::string_view rows,
                               const PlanWriter& plan, const std::vector<PlanInput>& inputs,
                               const Resolver& resolver) {
  const auto any_held = [&](std::uint64_t first, std::uint32_t count) {
    for (auto i = first; i < first + count; ++i) {
      if (is_held(resolver.claimed(i))) return true;
    }
    return false;
  };
  // Reads the blocks whose first link is within [begin, end).
  const auto gather = [&](std::uint64_t begin, std::uint64_t end) -> Result<HeldLinks> {
    HeldLinks held;
    const auto read = plan.each_block(
        files,
        [&](std::uint64_t ordinal, LinkCursor& links) {
          for (input::Link link; links.next(link); ++ordinal) {
            const auto verdict = resolver.claimed(ordinal);
            if (is_held(verdict)) held.keep(link, verdict);
          }
        },
        [&](std::uint64_t first, std::uint32_t count) {
          return first >= begin && first < end && any_held(first, count);
        });
    if (!read) return read.error();
    return held;
  };
  const auto held = gather_halves(resolver.links(), gather);
  if (!held) return held.error();
  const auto each_link = [&](const Visit& visit) {
    return plan.each_block(files, [&](std::uint64_t ordinal, LinkCursor& links) {
      for (input::Link link; links.next(link);)
        visit(link, resolver.claimed(ordinal++));
    });
  };
  auto file = io::PartFile::begin(files, job.held());
  if (!file) return file.error();
  LineFile out(*file);
  out.text() = rows;
  auto written = write_from_memory(*held, inputs, each_link, out);
  if (written) written = out.flush();
  if (written) written = file->sync();
  if (!written) return written.error();
  return HeldPart{std::move(*file), count_of(*held)};
}

Result<void> write_held(io::Files& files, const JobPaths& job, std::string_view rows,
                        const PlanReader& plan, io::SpillDir& dir, std::uint64_t memory_bytes) {
  auto part = io::PartFile::begin(files, job.held());
  if (!part) return part.error();
  LineFile out(*part);
  out.text() = rows;
  std::size_t parts = 1;
  if (memory_bytes > 0) {
    const auto need = estimate_bytes(plan);
    if (!need) return need.error();
    parts = std::min<std::uint64_t>(*need / (memory_bytes / 2 + 1) + 1, parts_max);
  }
  const auto each_link = [&](const Visit& visit) {
    return each_packed(plan, all_of(plan), false,
                       [&](auto, const input::Link& link, Verdict verdict) {
                         visit(link, verdict);
                         return Result<void>();
                       });
  };
  Result<void> written;
  if (parts > 1) {
    written = write_in_parts(plan, parts, dir, memory_bytes, out);
  } else {
    const auto held = gather_all(plan);
    if (!held) return held.error();
    written = write_from_memory(*held, plan.facts().inputs, each_link, out);
  }
  if (written) written = out.flush();
  return written ? part->commit() : written;
}

}  // namespace idmerge::plan
