// SPDX-License-Identifier: MIT
#include "plan/explain.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <sys/stat.h>

#include "input/formats.hpp"
#include "input/row_reader.hpp"
#include "plan/project_mode.hpp"
#include "plan/row_validator.hpp"
#include "util/check.hpp"

namespace idmerge::plan {
namespace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

template <class Value>
using ByText = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

/// The wanted ids. Most other ids are excluded by their length alone.
class Wanted {
 public:
  explicit Wanted(const std::vector<std::string>& ids) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (index_.try_emplace(ids[i], i).second) lengths_[length_of(ids[i])] = true;
    }
  }

  /// Returns: the index of a wanted id; nullopt for any other id.
  std::optional<std::size_t> find(std::string_view id) const {
    if (!lengths_[length_of(id)]) return std::nullopt;
    const auto found = index_.find(id);
    return found == index_.end() ? std::nullopt : std::optional(found->second);
  }

  const ByText<std::size_t>& all() const { return index_; }

 private:
  static std::size_t length_of(std::string_view id) {
    return std::min<std::size_t>(id.size(), 255);
  }

  ByText<std::size_t> index_;
  std::array<bool, 256> lengths_{};
};

KeptLink keep(const input::Link& link, const PlanBlock& block, std::size_t i) {
  return {.ordinal = block.first + i,
          .anon = std::string(link.anon),
          .user = std::string(link.user),
          .op = link.op,
          .sided = link.sided,
          .verdict = block.verdicts[i],
          .component = block.components[i],
          .file = link.file,
          .line = link.line};
}

bool is_sent(Verdict verdict) {
  return verdict == Verdict::send || verdict == Verdict::spare;
}

/// Identifies the pair that a row or link names. The order of an unsided pair does not matter.
std::string pair_key(input::Op op, bool sided, std::string_view a, std::string_view b) {
  if (!sided && b < a) std::swap(a, b);
  return fmt::format("{}{}{}:{}{}", static_cast<int>(op), sided ? 's' : 'u', a.size(), a, b);
}

/// Visits the links of every block that has at least one link whose columns satisfy `look`.
template <class Look, class Visit>
Result<void> each_link(const PlanReader& plan, Look look, Visit visit) {
  PlanBlock block;
  for (std::size_t n = 0; n < plan.blocks(); ++n) {
    if (auto read = plan.read_columns(n, block); !read) return read;
    bool any = false;
    for (std::size_t i = 0; i < block.verdicts.size() && !any; ++i)
      any = look(block.verdicts[i], block.components[i]);
    if (!any) continue;
    if (auto read = plan.read_block(n, block); !read) return read;
    for (std::size_t i = 0; i < block.links.size(); ++i)
      visit(block.links[i], block, i);
  }
  return {};
}

constexpr auto everywhere = [](Verdict, std::uint32_t) { return true; };

Result<void> find_links(const PlanReader& plan, const Wanted& wanted, Explanation& out) {
  return each_link(plan, everywhere,
                   [&](const input::Link& link, const PlanBlock& block, std::size_t i) {
                     const auto anon = wanted.find(link.anon);
                     const auto user = wanted.find(link.user);
                     if (anon) out.ids[*anon].links.push_back(keep(link, block, i));
                     if (user && user != anon) out.ids[*user].links.push_back(keep(link, block, i));
                   });
}

/// The distinct ids of links, in order of appearance.
class Members {
 public:
  void add(std::string_view id) {
    if (seen_.find(id) != seen_.end()) return;
    seen_.emplace(id);
    ids.emplace_back(id);
  }
  std::vector<std::string> ids;

 private:
  std::unordered_set<std::string, TextHash, std::equal_to<>> seen_;
};

Result<void> find_clusters(const PlanReader& plan, Explanation& out) {
  std::unordered_map<std::uint32_t, Members> clusters;
  for (const auto& id : out.ids) {
    for (const auto& link : id.links) {
      if (is_sent(link.verdict)) clusters.try_emplace(link.component);
    }
  }
  if (clusters.empty()) return {};
  const auto look = [&](Verdict verdict, std::uint32_t component) {
    return is_sent(verdict) && clusters.contains(component);
  };
  auto read =
      each_link(plan, look, [&](const input::Link& link, const PlanBlock& block, std::size_t i) {
        if (!is_sent(block.verdicts[i])) return;
        const auto found = clusters.find(block.components[i]);
        if (found == clusters.end()) return;
        found->second.add(link.anon);
        found->second.add(link.user);
      });
  if (!read) return read;
  for (auto& id : out.ids) {
    for (const auto& link : id.links) {
      if (!is_sent(link.verdict)) continue;
      id.cluster = clusters.at(link.component).ids;  // an id is in one cluster only
      break;
    }
  }
  return {};
}

/// Clusters of held links, which have no component because they are not sent. Union-find over ids.
class HeldClusters {
 public:
  void add(const input::Link& link) {
    const auto a = root(number(link.anon));
    const auto b = root(number(link.user));
    parents_[std::max(a, b)] = std::min(a, b);
  }

  std::vector<std::string> members(std::string_view id) {
    std::vector<std::string> found;
    const auto known = numbers_.find(id);
    if (known == numbers_.end()) return found;
    const auto wanted = root(known->second);
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      if (root(i) == wanted) found.push_back(ids_[i]);
    }
    return found;
  }

 private:
  std::size_t number(std::string_view id) {
    if (const auto known = numbers_.find(id); known != numbers_.end()) return known->second;
    numbers_.emplace(id, ids_.size());
    ids_.emplace_back(id);
    parents_.push_back(parents_.size());
    return ids_.size() - 1;
  }

  std::size_t root(std::size_t i) {
    while (parents_[i] != i)
      i = parents_[i] = parents_[parents_[i]];
    return i;
  }

  ByText<std::size_t> numbers_;
  std::vector<std::string> ids_;
  std::vector<std::size_t> parents_;
};

/// Finds what held links conflict with: other claims on the anonymous id, and links that name it as
/// their user.
Result<void> find_clashes(const PlanReader& plan, Explanation& out) {
  ByText<std::vector<std::size_t>> claimed;     // by anonymous id: indices of the explained ids
  ByText<std::vector<std::size_t>> both_sides;  // by id that is a user elsewhere: the same
  bool too_large = false;
  for (std::size_t n = 0; n < out.ids.size(); ++n) {
    for (const auto& link : out.ids[n].links) {
      if (link.verdict == Verdict::oversize) {
        too_large = true;
      } else if (is_held(link.verdict)) {
        auto& whom = (link.verdict == Verdict::both_sides ? both_sides : claimed)[link.anon];
        if (whom.empty() || whom.back() != n) whom.push_back(n);
      }
    }
  }
  if (claimed.empty() && both_sides.empty() && !too_large) return {};
  HeldClusters held;
  const auto add = [&](const ByText<std::vector<std::size_t>>& where, std::string_view id,
                       const KeptLink& link) {
    const auto found = where.find(id);
    if (found == where.end()) return;
    for (const auto n : found->second) {
      auto& explained = out.ids[n];
      const auto same = [&](const KeptLink& other) { return other.ordinal == link.ordinal; };
      const auto known = [&](const auto& links) {
        return std::any_of(links.begin(), links.end(), same);
      };
      if (!known(explained.links) && !known(explained.clashes)) explained.clashes.push_back(link);
    }
  };
  auto read = each_link(plan, everywhere,
                        [&](const input::Link& link, const PlanBlock& block, std::size_t i) {
                          if (block.verdicts[i] == Verdict::oversize && too_large) held.add(link);
                          if (!link.sided || (claimed.empty() && both_sides.empty())) return;
                          if (claimed.find(link.anon) == claimed.end() &&
                              both_sides.find(link.user) == both_sides.end()) {
                            return;
                          }
                          const auto kept = keep(link, block, i);
                          add(claimed, link.anon, kept);
                          add(both_sides, link.user, kept);
                        });
  if (!read) return read;
  for (auto& id : out.ids) {
    const bool any = std::any_of(id.links.begin(), id.links.end(), [](const KeptLink& link) {
      return link.verdict == Verdict::oversize;
    });
    if (any) id.too_large = held.members(id.id);
  }
  return {};
}

/// Returns: why an input cannot be read again; empty if it may be readable.
std::string why_unread(const PlanInput& input) {
  if (input.path == "-") return "it was standard input";
  struct stat now {};
  if (::stat(input.path.c_str(), &now) != 0) return "it no longer exists";
  if (!S_ISREG(now.st_mode)) return "it cannot be read twice";
  if (static_cast<std::uint64_t>(now.st_size) != input.size_bytes) return "it was changed";
  return {};
}

bool was_with_deny_list(const util::KeyValues& planned) {
  const auto* const digest = planned.find("deny_file");
  return digest != nullptr && !digest->empty();
}

/// Finds the rows of the inputs that name a wanted id.
class Rereading {
 public:
  Rereading(const PlanReader& plan, const PlanOptions& options, const Wanted& wanted,
            Explanation& out)
      : inputs_(plan.facts().inputs),
        options_(options),
        wanted_(wanted),
        out_(out),
        has_deny_list_(was_with_deny_list(plan.facts().options)) {
    for (const auto& id : out.ids) {
      auto& links = links_.emplace_back();
      for (std::size_t i = 0; i < id.links.size(); ++i) {
        const auto& link = id.links[i];
        links.emplace(pair_key(link.op, link.sided, link.anon, link.user), i);
      }
    }
  }

  void read_all() {
    for (std::uint32_t file = 0; file < inputs_.size(); ++file) {
      auto why = why_unread(inputs_[file]);
      if (why.empty()) {
        const auto counts = row_counts();
        why = read(file);
        if (!why.empty()) forget(counts);  // not the rows that were planned
      }
      if (!why.empty()) out_.unread.push_back({file, std::move(why)});
    }
  }

 private:
  std::vector<std::size_t> row_counts() const {
    std::vector<std::size_t> counts;
    for (const auto& id : out_.ids)
      counts.push_back(id.rows.size());
    return counts;
  }

  void forget(const std::vector<std::size_t>& counts) {
    for (std::size_t i = 0; i < counts.size(); ++i)
      out_.ids[i].rows.resize(counts[i]);
  }

  /// Returns: why the rows of this input do not count; empty if they count.
  std::string read(std::uint32_t file) {
    auto options = options_.row_reader;
    options.inputs = {inputs_[file].path};
    options.order_kind = order_kind_;
    auto row_reader = input::RowReader::open(std::move(options));
    if (!row_reader) return "it was changed: " + row_reader.error().what;
    input::RowBlock block;
    for (;;) {
      const auto more = row_reader->next(block);
      // An error at the end, such as a field that no row has, may concern this file alone. The file
      // counts if its digest shows that all of it was read.
      if (!more && row_reader->files().front().digest != inputs_[file].content) {
        return "it was changed: " + more.error().what;
      }
      if (!more || !*more) break;
      for (auto& row : block.rows)
        take(row, file);
    }
    order_kind_ = row_reader->order_kind();
    return row_reader->files().front().digest == inputs_[file].content ? "" : "it was changed";
  }

  void take(input::Row& row, std::uint32_t file) {
    const bool unreadable = row.fault != input::Fault::none;
    if (unreadable) {
      for (const auto& [id, n] : wanted_.all()) {
        if (row.text.find(id) == std::string_view::npos) continue;
        out_.ids[n].rows.push_back(
            {.file = file, .line = row.line, .offset = row.offset, .fault = row.fault});
      }
      return;
    }
    const auto wire = input::wire_anon(row.anon, options_.validate.simplified);
    const auto anon = wanted_.find(wire);
    const auto user = wanted_.find(row.user);
    if (!anon && !user) return;
    const KeptRow kept{.file = file,
                       .line = row.line,
                       .offset = row.offset,
                       .anon = std::string(wire),
                       .user = std::string(row.user)};
    const auto checked = validate(row, options_.validate);
    if (anon) classify(*anon, kept, row, checked);
    if (user && user != anon) classify(*user, kept, row, checked);
  }

  void classify(std::size_t n, KeptRow kept, const input::Row& row, RowCheck checked) {
    if (checked == RowCheck::faulty) {
      kept.fault = row.fault;
    } else if (checked != RowCheck::pair) {
      kept.is = RowIs::skipped;
    } else {
      const auto found = links_[n].find(pair_key(row.op, row.sided, row.anon, row.user));
      if (found != links_[n].end()) {
        const auto& link = out_.ids[n].links[found->second];
        kept.link = found->second;
        kept.is =
            link.file == kept.file && link.line == kept.line ? RowIs::first : RowIs::duplicate;
      } else if (has_deny_list_) {
        kept.fault = input::Fault::denied;
      }
    }
    out_.ids[n].rows.push_back(std::move(kept));
  }

  const std::vector<PlanInput>& inputs_;
  const PlanOptions& options_;
  const Wanted& wanted_;
  Explanation& out_;
  bool has_deny_list_;
  std::vector<std::unordered_map<std::string, std::size_t>> links_;  // of each id, by pair_key()
  input::OrderKind order_kind_ = input::OrderKind::unknown;
};

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && stop == text.data() + text.size();
}

}  // namespace

Result<PlanOptions> reading_options(const util::KeyValues& planned) {
  PlanOptions options;
  auto& row_reader = options.row_reader;
  const auto word = [&](std::string_view key) {
    const auto* const found = planned.find(key);
    return found == nullptr ? std::string() : *found;
  };
  bool known = false;
  for (const auto op : {input::Op::create, input::Op::alias, input::Op::merge}) {
    if (word("op") != name(op)) continue;
    row_reader.op = op;
    known = true;
  }
  const auto format = input::parse_format(word("format"));
  row_reader.format = format.value_or(row_reader.format);
  row_reader.anon_field = word("anon_field");
  row_reader.user_field = word("user_field");
  row_reader.alias_field = word("alias_field");
  row_reader.distinct_id_field = word("distinct_id_field");
  row_reader.id_fields = word("id_fields");
  row_reader.op_field = word("op_field");
  row_reader.order_field = word("order_field");
  if (const auto delimiter = word("delimiter"); !delimiter.empty()) {
    row_reader.delimiter = delimiter.front();
  }
  row_reader.no_header = word("header") == "no";
  const auto words = word("null_words");
  for (std::string_view rest = words; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    row_reader.null_words.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  known = known && format && read_number(word("row_max"), row_reader.row_max);
  row_reader.allow_ragged = word("allow_ragged") == "yes";
  row_reader.allow_lazy_quotes = word("allow_lazy_quotes") == "yes";
  options.validate.reject_blank = word("blank") == "reject";
  const auto mode = parse_project_mode(word("project_mode")).value_or(ProjectMode::none);
  options.validate.simplified = mode == ProjectMode::simplified;
  options.row_reader.verbs = verbs_of(mode);
  if (!known) {
    return Error{Errc::input,
                 "the plan does not say how its inputs were read: use the idmerge that made it"};
  }
  return options;
}

Result<Explanation> explain(const PlanReader& plan, const std::vector<std::string>& ids) {
  const auto options = reading_options(plan.facts().options);
  if (!options) return options.error();
  Explanation out;
  std::vector<std::string> wire_ids;
  std::unordered_set<std::string_view> known;  // wire forms of the `ids` seen so far
  for (const std::string_view id : ids) {
    const auto wire = input::wire_anon(id, options->validate.simplified);
    if (!known.insert(wire).second) continue;
    wire_ids.emplace_back(wire);
    out.ids.push_back({.id = wire_ids.back()});
  }
  const Wanted wanted(wire_ids);
  IDMERGE_CHECK(wanted.all().size() == wire_ids.size());
  if (auto found = find_links(plan, wanted, out); !found) return found.error();
  if (auto found = find_clusters(plan, out); !found) return found.error();
  if (auto found = find_clashes(plan, out); !found) return found.error();
  Rereading(plan, *options, wanted, out).read_all();
  return out;
}

}  // namespace idmerge::plan
