// SPDX-License-Identifier: MIT
#include "idmerge/core/census.hpp"

#include <algorithm>
#include <utility>

#include "idmerge/base/check.hpp"
#include "idmerge/core/forest.hpp"

namespace idmerge {
namespace {

constexpr std::uint32_t conflict_bit = 0x80000000U;
constexpr std::uint32_t claim_mask = ~conflict_bit;

// A link's flags: operation in bits 0-1, sided in bit 2, verdict from bit 3 on.
constexpr std::uint8_t op_bits = 0x03U;
constexpr std::uint8_t sided_bit = 0x04U;
constexpr unsigned verdict_shift = 3;
constexpr std::uint8_t verdict_bits = 0x07U << verdict_shift;
static_assert(static_cast<unsigned>(Verdict::count) <= 8);

/// A claim is a number plus one in 31 bits.
constexpr std::size_t ids_max = claim_mask - 1;

/// How far ahead memory is asked for. Measured: below 16 the table's misses show, above 48 the
/// lines are gone again before they are used.
constexpr std::size_t slots_ahead = 24;
constexpr std::size_t rows_a_stage = 512;
constexpr std::size_t links_ahead = 32;

constexpr std::uint64_t hub_anons = 100;
constexpr std::size_t largest_max = 10;
constexpr std::uint64_t examples_max = 5;

/// Links in one piece of the columns.
constexpr std::size_t links_a_piece = 16'384;

/// From this many ids on it pays to look ahead instead of growing by half.
constexpr std::size_t foresee_from_ids = 1U << 18U;

/// And by how much at once: far enough that an index is stretched twice, not so far that a table
/// whose start is no sample of the rest fills memory with empty slots.
constexpr std::size_t foresee_factor = 8;

Op op_of(std::uint8_t flags) {
  return static_cast<Op>(flags & op_bits);
}
bool is_sided(std::uint8_t flags) {
  return (flags & sided_bit) != 0;
}

}  // namespace

Census::Census(const CensusOptions& options) : options_(options) {}

Result<void> Census::take(std::span<const Row> rows, std::span<const Judged> judged,
                          std::vector<std::uint32_t>& new_links) {
  IDMERGE_CHECK(rows.size() == judged.size());
  if (index_.size() + 2 * rows.size() > ids_max) {
    return Error{Errc::usage,
                 "the inputs have more than two billion distinct ids: plan them in parts"};
  }
  std::array<IdNumber, rows_a_stage> anons, users;
  for (std::size_t begin = 0; begin < rows.size(); begin += rows_a_stage) {
    const auto end = std::min(begin + rows_a_stage, rows.size());

    // First the numbers of all ids of the stage, then what is known of them, so that the misses
    // of both tables overlap.
    for (auto i = begin; i < end; ++i) {
      if (i + slots_ahead < rows.size() && judged[i + slots_ahead].screened == Screened::pair) {
        index_.prefetch(judged[i + slots_ahead].anon);
        index_.prefetch(judged[i + slots_ahead].user);
      }
      if (judged[i].screened != Screened::pair) continue;
      anons[i - begin] = index_.find_or_add(judged[i].anon);
      users[i - begin] = index_.find_or_add(judged[i].user);
      if (index_.size() > ids_.size()) ids_.grow_to_hold(index_.size());
      __builtin_prefetch(&ids_[anons[i - begin]], 1);
      __builtin_prefetch(&ids_[users[i - begin]], 1);
    }

    for (auto i = begin; i < end; ++i) {
      ++report_.read;
      switch (judged[i].screened) {
        case Screened::pair:
          if (is_new(anons[i - begin], users[i - begin], rows[i])) {
            add_link(anons[i - begin], users[i - begin], rows[i]);
            new_links.push_back(static_cast<std::uint32_t>(i));
          } else {
            ++report_.duplicates;
          }
          break;
        case Screened::skipped_anon:
          ++report_.skipped_anon;
          break;
        case Screened::skipped_user:
          ++report_.skipped_user;
          break;
        case Screened::skipped_both:
          ++report_.skipped_both;
          break;
        case Screened::faulty:
          ++report_.rejected[static_cast<std::size_t>(rows[i].fault)];
          break;
      }
    }
  }
  return {};
}

void Census::note_side(SideReport& side, std::string_view id) {
  ++side.distinct;
  const auto form = uuid_form(id);
  if (form != UuidForm::none) ++side.uuids;
  if (form == UuidForm::uuid_v4) ++side.uuid_v4;
}

bool Census::is_new(IdNumber anon, IdNumber user, const Row& row) {
  if (!row.sided) return is_new_unsided(anon, user);
  if (!only_op_) only_op_ = row.op;
  if (*only_op_ != row.op && !several_ops_) {
    // From here on the operation of a claim matters; all claims so far have the only one.
    first_op_.grow_to_hold(ids_.size());
    std::fill_n(first_op_.data(), first_op_.size(), static_cast<std::uint8_t>(*only_op_));
    several_ops_ = true;
  }
  if (several_ops_) first_op_.grow_to_hold(ids_.size());

  IdState& state = ids_[anon];
  if (state.claim == 0) {
    state.claim = user + 1;
    if (several_ops_) first_op_[anon] = static_cast<std::uint8_t>(row.op);
    note_side(report_.anon, row.anon);
    if (row.anon.starts_with("$device:$device:")) ++report_.doubled_device_prefix;
    return true;
  }
  const bool same_user = (state.claim & claim_mask) == user + 1;
  if (same_user && (!several_ops_ || first_op_[anon] == static_cast<std::uint8_t>(row.op))) {
    return false;
  }
  if (!same_user && (state.claim & conflict_bit) == 0) {
    state.claim |= conflict_bit;
    ++report_.conflicted_anons;
  }
  return claims_[static_cast<std::size_t>(row.op)].insert(anon, user);
}

bool Census::is_new_unsided(IdNumber first, IdNumber second) {
  return unsided_.insert(std::min(first, second), std::max(first, second));
}

void Census::add_link(IdNumber anon, IdNumber user, const Row& row) {
  if (row.sided) {
    if (ids_[user].anons++ == 0) note_side(report_.user, row.user);
  } else {
    ++report_.unsided;
  }
  link_anon_.grow_to_hold(links_ + 1);
  link_user_.grow_to_hold(links_ + 1);
  link_flags_.grow_to_hold(links_ + 1);
  link_anon_[links_] = anon;
  link_user_[links_] = user;
  link_flags_[links_] =
      static_cast<std::uint8_t>(static_cast<unsigned>(row.op) | (row.sided ? sided_bit : 0U));
  ++links_;
}

bool Census::only_stars() const {
  return !several_ops_ && only_op_ == Op::create && report_.unsided == 0 &&
         (options_.on_conflict == OnConflict::hold || report_.conflicted_anons == 0);
}

Verdict Census::verdict(std::uint64_t link) const {
  return static_cast<Verdict>(link_flags_[link] >> verdict_shift);
}

void Census::set_verdict(std::uint64_t link, Verdict verdict) {
  const unsigned rest = link_flags_[link] & static_cast<unsigned>(~verdict_bits);
  link_flags_[link] =
      static_cast<std::uint8_t>(rest | (static_cast<unsigned>(verdict) << verdict_shift));
}

// The next growth is the last one if it is as large as the ids that came since the one before
// say. New ids become rarer as a table repeats itself, so this rarely falls short, and then the
// index grows once more.
void Census::foresee(double share_read) {
  const auto ids = index_.size();
  if (share_read <= share_when_grown_ || ids < foresee_from_ids) return;
  if (index_.room() > ids / 16) return;
  const auto per_share =
      static_cast<double>(ids - ids_when_grown_) / (share_read - share_when_grown_);
  const auto expected = static_cast<double>(ids) + per_share * std::max(0.0, 1 - share_read) * 1.02;
  index_.reserve(std::min(static_cast<std::size_t>(expected) + ids / 16, foresee_factor * ids));
  ids_when_grown_ = ids;
  share_when_grown_ = share_read;
}

void Census::judge(const Columns& columns) {
  report_.links = links_;
  judge_conflicts();

  // The claims have been read; from here on an id's state is about what will be sent.
  std::fill_n(ids_.data(), ids_.size(), IdState{});
  for (std::uint64_t i = 0; i < links_; ++i) {
    if (i + links_ahead < links_) __builtin_prefetch(&ids_[link_user_[i + links_ahead]], 1);
    if (verdict(i) == Verdict::send && is_sided(link_flags_[i])) ++ids_[link_user_[i]].anons;
  }
  if (only_stars()) {
    judge_stars();
    hand_out(columns, nullptr);
  } else {
    Forest all(index_.size());
    judge_graph(all);
    hand_out(columns, &all);
  }
  count_users();
  choose_examples();
  IDMERGE_CHECK(report_.adds_up());
}

// Conflicts and both-sides are judged on all distinct pairs at once: a row that is itself held
// still counts as a claim and still names its user.
void Census::judge_conflicts() {
  for (std::size_t id = 0; id < index_.size(); ++id) {
    if (ids_[id].claim != 0 && ids_[id].anons != 0) ++report_.both_sides_ids;
  }
  for (std::uint64_t i = 0; i < links_; ++i) {
    if (i + links_ahead < links_) __builtin_prefetch(&ids_[link_anon_[i + links_ahead]]);
    if (!is_sided(link_flags_[i])) continue;
    const IdState& anon = ids_[link_anon_[i]];
    if ((anon.claim & conflict_bit) != 0 && options_.on_conflict == OnConflict::hold) {
      set_verdict(i, Verdict::conflict);
    } else if (anon.anons != 0 && op_of(link_flags_[i]) != Op::alias) {
      set_verdict(i, Verdict::both_sides);
    }
  }
}

// Where every link is a guarded `create`, an anonymous id has one user and no user is an anonymous
// id of a link that is sent: clusters are stars around users, and counting replaces union-find.
void Census::judge_stars() {
  if (options_.max_cluster == 0) return;
  for (std::uint64_t i = 0; i < links_; ++i) {
    if (i + links_ahead < links_) __builtin_prefetch(&ids_[link_user_[i + links_ahead]]);
    if (verdict(i) != Verdict::send) continue;
    if (ids_[link_user_[i]].anons >= options_.max_cluster) set_verdict(i, Verdict::oversize);
  }
}

void Census::judge_graph(Forest& all) {
  // A link of another operation may be refused where a merge is not, so only merges make a merge
  // redundant.
  std::optional<Forest> merges;
  if (several_ops_ || (report_.unsided != 0 && only_op_.value_or(Op::merge) != Op::merge)) {
    merges.emplace(index_.size());
  }
  for (std::uint64_t i = 0; i < links_; ++i) {
    if (verdict(i) != Verdict::send) continue;
    const bool joined = all.connect(link_anon_[i], link_user_[i]);
    if (op_of(link_flags_[i]) != Op::merge || !options_.collapse) continue;
    const bool needed = merges ? merges->connect(link_anon_[i], link_user_[i]) : joined;
    if (!needed) set_verdict(i, Verdict::spare);
  }
  if (options_.max_cluster == 0) return;
  for (std::uint64_t i = 0; i < links_; ++i) {
    if (is_held(verdict(i))) continue;
    if (all.cluster_size(link_anon_[i]) > options_.max_cluster) set_verdict(i, Verdict::oversize);
  }
}

void Census::hand_out(const Columns& columns, Forest* forest) {
  std::vector<Verdict> verdicts;
  std::vector<std::uint32_t> components;
  for (std::uint64_t begin = 0; begin < links_; begin += links_a_piece) {
    const auto end = std::min<std::uint64_t>(begin + links_a_piece, links_);
    verdicts.clear();
    components.clear();
    for (auto i = begin; i < end; ++i) {
      if (i + links_ahead < links_) __builtin_prefetch(&ids_[link_user_[i + links_ahead]], 1);
      const auto said = verdict(i);
      ++report_.verdicts[static_cast<std::size_t>(said)];
      if (said == Verdict::send) {
        ++report_.to_send[static_cast<std::size_t>(op_of(link_flags_[i]))];
      }
      verdicts.push_back(said);
      components.push_back(is_held(said) ? no_component : component_of(i, forest));
    }
    columns(verdicts, components);
  }
  report_.clusters = components_;
}

// Components are numbered in order of their first link, which depends on neither the key of the
// fingerprints nor the shape of the union-find trees.
std::uint32_t Census::component_of(std::uint64_t link, Forest* forest) {
  const auto head = forest != nullptr ? forest->root(link_user_[link]) : link_user_[link];
  auto& component_and_one = ids_[head].claim;
  if (component_and_one == 0) {
    component_and_one = ++components_;
    const std::uint64_t ids =
        forest != nullptr ? forest->cluster_size(head) : std::uint64_t{ids_[head].anons} + 1;
    auto& largest = report_.largest;
    if (largest.size() < largest_max || ids > largest.back().ids) {
      const auto at = std::find_if(largest.begin(), largest.end(),
                                   [&](const ClusterSize& other) { return other.ids < ids; });
      largest.insert(at, {ids, link});
      if (largest.size() > largest_max) largest.pop_back();
    }
  }
  return component_and_one - 1;
}

// Shape: over users that a link to be sent names; sized by a histogram, since most users have few
// anonymous ids and the others are rare.
void Census::count_users() {
  constexpr std::uint32_t common_max = 4096;
  std::vector<std::uint64_t> common(common_max + 1);
  std::vector<std::uint32_t> rare;
  std::uint64_t users = 0;
  for (std::size_t id = 0; id < index_.size(); ++id) {
    const auto anons = ids_[id].anons;
    if (anons == 0) continue;
    if (anons <= common_max) {
      ++common[anons];
    } else {
      rare.push_back(anons);
    }
    ++users;
    if (anons > hub_anons) ++report_.hubs;
  }
  if (users == 0) return;
  std::sort(rare.begin(), rare.end());
  const auto nth = [&](std::uint64_t rank) -> std::uint64_t {
    for (std::uint32_t anons = 1; anons <= common_max; ++anons) {
      if (rank < common[anons]) return anons;
      rank -= common[anons];
    }
    return rare[rank];
  };
  report_.anons_per_user_p50 = nth((users - 1) / 2);
  report_.anons_per_user_p99 = nth((users - 1) * 99 / 100);
  report_.anons_per_user_max = nth(users - 1);
}

void Census::choose_examples() {
  for (std::uint64_t n = 0; n < examples_max; ++n) {
    auto i = n * links_ / examples_max;
    while (i < links_ && verdict(i) != Verdict::send)
      ++i;
    if (i == links_) break;
    if (report_.examples.empty() || report_.examples.back() < i) report_.examples.push_back(i);
  }
}

std::size_t Census::bytes() const {
  std::size_t sum = index_.bytes() + ids_.bytes() + first_op_.bytes() + unsided_.bytes() +
                    link_anon_.bytes() + link_user_.bytes() + link_flags_.bytes();
  for (const auto& set : claims_)
    sum += set.bytes();
  return sum;
}

}  // namespace idmerge
