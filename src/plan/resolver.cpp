// SPDX-License-Identifier: MIT
#include "plan/resolver.hpp"

#include <algorithm>
#include <utility>

#include "util/check.hpp"

namespace idmerge::plan {
namespace {

constexpr std::uint32_t conflict_bit = 0x80000000U;
constexpr std::uint32_t claim_mask = ~conflict_bit;

// Fields of a link's flags.
constexpr std::uint8_t op_bits = 0x03U;
constexpr std::uint8_t sided_bit = 0x04U;
static_assert(static_cast<unsigned>(Verdict::count) <= 32);

/// A claim is a number plus one in 31 bits.
constexpr std::size_t ids_max = claim_mask - 1;

/// Prefetch distance. Measured: below 16 the cache misses of the table show, above 48 the cache
/// lines are evicted before they are used.
constexpr std::size_t slots_ahead = 24;
constexpr std::size_t rows_a_stage = 512;
constexpr std::size_t links_ahead = 32;

/// Links passed to `Columns` at once.
constexpr std::size_t links_a_piece = 16'384;

/// From this many ids on, reserving by forecast pays off compared with growing by half.
constexpr std::size_t growth_is_known_from_ids = 1U << 18U;

/// Maximum growth by forecast: large enough that the index of ten million ids is stretched only
/// once, small enough that a table whose beginning is not representative does not fill much memory
/// with empty slots.
constexpr std::size_t growth_factor_max = 40;

input::Op op_of(std::uint8_t flags) {
  return static_cast<input::Op>(flags & op_bits);
}
bool is_sided(std::uint8_t flags) {
  return (flags & sided_bit) != 0;
}

}  // namespace

Resolver::Resolver(const ResolverOptions& options) : options_(options) {
  if (options_.on_conflict == OnConflict::earliest)
    claim_order_.emplace(ClaimOrder::Wins::earliest);
  if (options_.on_conflict == OnConflict::latest) claim_order_.emplace(ClaimOrder::Wins::latest);
}

Result<void> Resolver::take(std::span<const input::Row> rows,
                            std::span<const ValidatedRow> validated,
                            std::vector<std::uint32_t>& new_links) {
  IDMERGE_CHECK(rows.size() == validated.size());
  if (index_.size() + 2 * rows.size() > ids_max) {
    return Error{Errc::usage,
                 "the inputs have more than two billion distinct ids: plan them in parts"};
  }
  std::array<IdNumber, rows_a_stage> anons, users;
  for (std::size_t begin = 0; begin < rows.size(); begin += rows_a_stage) {
    const auto end = std::min(begin + rows_a_stage, rows.size());

    reserve_ids(index_.size() + 2 * (end - begin));
    reserve_links(links_ + (end - begin));

    // First the numbers of all ids of the stage, then their entries, so that the cache misses of
    // both tables overlap.
    for (auto i = begin; i < end; ++i) {
      if (i + slots_ahead < rows.size() && validated[i + slots_ahead].checked == RowCheck::pair) {
        index_.prefetch(validated[i + slots_ahead].anon);
        index_.prefetch(validated[i + slots_ahead].user);
      }
      if (validated[i].checked != RowCheck::pair) continue;
      anons[i - begin] = index_.find_or_add(validated[i].anon);
      users[i - begin] = index_.find_or_add(validated[i].user);
      __builtin_prefetch(&first_claim_[anons[i - begin]], 1);
    }

    for (auto i = begin; i < end; ++i) {
      ++report_.read;
      if (validated[i].checked != RowCheck::pair) {
        count_unpaired(rows[i], validated[i].checked, report_);
      } else if (is_new(anons[i - begin], users[i - begin], rows[i], validated[i].forms.anon)) {
        add_link(anons[i - begin], users[i - begin], rows[i], validated[i].forms.user);
        new_links.push_back(static_cast<std::uint32_t>(i));
      } else {
        ++report_.duplicates;
      }
    }
  }
  return {};
}

void count_unpaired(const input::Row& row, RowCheck checked, PlanSummary& report) {
  switch (checked) {
    case RowCheck::pair:
      IDMERGE_CHECK(false);
      break;
    case RowCheck::skipped_anon:
      ++report.skipped_anon;
      break;
    case RowCheck::skipped_user:
      ++report.skipped_user;
      break;
    case RowCheck::skipped_both:
      ++report.skipped_both;
      break;
    case RowCheck::faulty:
      ++report.faults[static_cast<std::size_t>(row.fault)];
      break;
  }
}

void note_side(SideReport& side, IdForm form) {
  ++side.distinct;
  if (form == IdForm::uuid || form == IdForm::uuid_v4) ++side.uuids;
  if (form == IdForm::uuid_v4) ++side.uuid_v4;
}

bool Resolver::is_new(IdNumber anon, IdNumber user, const input::Row& row, IdForm anon_form) {
  if (!row.sided) return is_new_unsided(anon, user);
  if (!only_op_) only_op_ = row.op;
  if (*only_op_ != row.op && !several_ops_) {
    // From here on the operation of a claim matters; all claims so far have the same one.
    first_op_.grow_to_hold(index_.size());
    std::fill_n(first_op_.data(), index_.size(), static_cast<std::uint8_t>(*only_op_));
    several_ops_ = true;
  }
  if (several_ops_) first_op_.grow_to_hold(index_.size());
  if (claim_order_) note_order(anon, user, row);

  auto& first_claim = first_claim_[anon];
  if (first_claim == 0) {
    first_claim = user + 1;
    if (several_ops_) first_op_[anon] = static_cast<std::uint8_t>(row.op);
    note_side(report_.anon, anon_form);
    if (anon_form == IdForm::doubled_prefix) {
      ++report_.doubled_device_prefix;
      if (report_.doubled.size() < doubled_named_max) report_.doubled.push_back(links_);
    }
    return true;
  }
  const bool same_user = (first_claim & claim_mask) == user + 1;
  if (same_user && (!several_ops_ || first_op_[anon] == static_cast<std::uint8_t>(row.op))) {
    return false;
  }
  if (!same_user && (first_claim & conflict_bit) == 0) {
    first_claim |= conflict_bit;
    ++report_.conflicted_anons;
  }
  return claims_[static_cast<std::size_t>(row.op)].insert(anon, user);
}

// Counts every row, including one that repeats a pair.
void Resolver::note_order(IdNumber anon, IdNumber user, const input::Row& row) {
  const auto first_user = first_claim_[anon] & claim_mask;
  if (first_user == 0 || first_user == user + 1) {
    claim_order_->note_first_user(anon, row.order, first_user == 0);
  } else {
    claim_order_->note_other_user(anon, user, row.order);
  }
}

bool Resolver::is_new_unsided(IdNumber first, IdNumber second) {
  return unsided_.insert(std::min(first, second), std::max(first, second));
}

void Resolver::add_link(IdNumber anon, IdNumber user, const input::Row& row, IdForm user_form) {
  if (row.sided) {
    if (is_user_.set(user)) note_side(report_.user, user_form);
  } else {
    ++report_.unsided;
  }
  link_anon_[links_] = anon;
  link_user_[links_] = user;
  link_flags_[links_] =
      static_cast<std::uint8_t>(static_cast<unsigned>(row.op) | (row.sided ? sided_bit : 0U));
  ++links_;
}

bool Resolver::only_stars() const {
  return !several_ops_ && only_op_ == input::Op::create && report_.unsided == 0 &&
         (options_.on_conflict != OnConflict::send || report_.conflicted_anons == 0);
}

bool Resolver::several_ops() const {
  return several_ops_ ||
         (report_.unsided != 0 && only_op_.value_or(input::Op::merge) != input::Op::merge);
}

ClaimedLink Resolver::link(std::uint64_t ordinal) const {
  const auto flags = link_flags_[ordinal];
  return {link_anon_[ordinal], link_user_[ordinal], op_of(flags), is_sided(flags),
          claimed(ordinal)};
}

Resolver::NotedId Resolver::note_id_elsewhere(const Fingerprint& id, bool is_user) {
  const auto number = index_.find_or_add(id);
  reserve_ids(index_.size());
  if (!is_user) return {number, false};
  // Links taken here set `is_user_` too, so only `noted_elsewhere_` tells whether the id is new to
  // note_id_elsewhere().
  is_user_.set(number);
  noted_elsewhere_.grow_to_hold(index_.size());
  return {number, noted_elsewhere_.set(number)};
}

void Resolver::reserve_links(std::uint64_t links) {
  link_anon_.grow_to_hold(links);
  link_user_.grow_to_hold(links);
  link_flags_.grow_to_hold(links);
}

void Resolver::reserve_ids(std::size_t ids) {
  first_claim_.grow_to_hold(ids);
  is_user_.grow_to_hold(ids);
}

void Resolver::set_verdict(std::uint64_t link, Verdict verdict) {
  const unsigned rest = link_flags_[link] & (op_bits | sided_bit);
  link_flags_[link] =
      static_cast<std::uint8_t>(rest | (static_cast<unsigned>(verdict) << verdict_shift));
  held_by_claims_ += is_held(verdict) ? 1 : 0;
}

// Extrapolates the number of ids from those added since the last growth, so that this growth is the
// last one. New ids become rarer as a table repeats itself, so the estimate is rarely too low; if
// it is, the index grows once more.
void Resolver::expect_share(double share_read, std::uint64_t bytes_max) {
  const auto ids = index_.size();
  if (share_read <= share_when_grown_ || ids < growth_is_known_from_ids) return;
  if (index_.room() > ids / 16) return;
  const auto per_share =
      static_cast<double>(ids - ids_when_grown_) / (share_read - share_when_grown_);
  const auto expected = static_cast<double>(ids) + per_share * std::max(0.0, 1 - share_read) * 1.02;
  const auto wanted =
      std::min(static_cast<std::size_t>(expected) + ids / 16, growth_factor_max * ids);
  // Everything else grows in proportion to the ids.
  const auto factor = static_cast<double>(wanted) / static_cast<double>(ids);
  const auto links = static_cast<std::size_t>(static_cast<double>(links_) * factor);
  const auto sets = bytes() - index_.bytes() - first_claim_.bytes() - link_anon_.bytes() -
                    link_user_.bytes() - link_flags_.bytes();
  const auto need = static_cast<double>(sets) * factor +
                    static_cast<double>(IdIndex::bytes_for(wanted) + wanted * sizeof(IdNumber) +
                                        links * (2 * sizeof(IdNumber) + 1));
  if (need <= static_cast<double>(bytes_max)) {
    index_.reserve(wanted);
    first_claim_.reserve(wanted);
    link_anon_.reserve(links);
    link_user_.reserve(links);
    link_flags_.reserve(links);
  }
  ids_when_grown_ = ids;
  share_when_grown_ = share_read;
}

void Resolver::decide_verdicts(const Columns& columns, const std::function<void()>& on_claims) {
  report_.links = links_;
  decide_claims();
  // The cluster rules use the numbers of ids only, and reuse the memory of these arrays.
  index_.release();
  first_claim_.release();
  is_user_.release();
  first_op_.release();
  Clusters clusters(options_, {index_.size(), links_, only_stars(), several_ops()});
  if (on_claims) on_claims();
  for (std::uint64_t i = 0; i < links_; ++i) {
    if (i + links_ahead < links_) clusters.prefetch(link(i + links_ahead));
    clusters.connect(link(i));
  }
  std::array<Verdict, links_a_piece> verdicts;
  std::array<std::uint32_t, links_a_piece> components;
  for (std::uint64_t begin = 0; begin < links_; begin += links_a_piece) {
    const auto end = std::min<std::uint64_t>(begin + links_a_piece, links_);
    for (auto i = begin; i < end; ++i) {
      if (i + links_ahead < links_) clusters.prefetch(link(i + links_ahead));
      const auto place = clusters.place(link(i));
      verdicts[i - begin] = place.verdict;
      components[i - begin] = place.component;
    }
    columns(std::span(verdicts).first(end - begin), std::span(components).first(end - begin));
  }
  clusters.report(report_);
  IDMERGE_CHECK(report_.adds_up());
}

void Resolver::export_claim_orders(util::PageArray<std::int64_t>& ages) {
  if (!claim_order_) return;
  index_.release();  // its memory is reused for the ages
  ages.grow(links_);
  for (std::uint64_t i = 0; i < links_; ++i) {
    if (i + links_ahead < links_) __builtin_prefetch(&first_claim_[link_anon_[i + links_ahead]]);
    const auto first_user = (first_claim_[link_anon_[i]] & claim_mask) - 1;
    ages[i] = is_sided(link_flags_[i])
                  ? claim_order_->age(link_anon_[i], link_user_[i], first_user == link_user_[i])
                  : input::no_order;
  }
}

/// Returns whether the anonymous id of this sided link is a user elsewhere, which is not allowed.
bool Resolver::is_both_sides(std::uint64_t link) const {
  return is_user_.test(link_anon_[link]) && op_of(link_flags_[link]) != input::Op::alias;
}

// Conflicts and both-sides are evaluated on all distinct pairs at once: a row that is itself held
// still counts as a claim and still names its user.
void Resolver::decide_claims() {
  is_user_.each_set([&](std::size_t id) { report_.both_sides_ids += first_claim_[id] != 0; });
  if (claim_order_) {
    claim_order_->settle([&](IdNumber anon) { return (first_claim_[anon] & claim_mask) - 1; });
  }
  for (std::uint64_t i = 0; i < links_; ++i) {
    if (i + links_ahead < links_) __builtin_prefetch(&first_claim_[link_anon_[i + links_ahead]]);
    if (!is_sided(link_flags_[i])) continue;
    const auto anon = link_anon_[i];
    std::optional<Verdict> claim;
    if ((first_claim_[anon] & conflict_bit) != 0) claim = decide_dispute(anon, link_user_[i]);
    if (claim) {
      set_verdict(i, *claim);
    } else if (is_both_sides(i)) {
      set_verdict(i, Verdict::both_sides);
    }
  }
}

// An id with a decision is treated as disputed, like one that two users claim.
std::vector<DecisionEffect> Resolver::apply_decisions(std::span<const Decided> decisions) {
  std::vector<DecisionEffect> answers;
  std::vector<IdNumber> anons;
  for (const auto& decision : decisions) {
    const auto anon = index_.find(decision.anon);
    anons.push_back(anon);
    if (anon == no_id || first_claim_[anon] == 0) continue;
    const auto user = decision.kind == Decision::Kind::user ? index_.find(decision.user) : no_id;
    const bool settled = decision.kind != Decision::Kind::user;
    decided_.emplace(anon, Settled{decision.kind, user, settled, settled});
    first_claim_[anon] |= conflict_bit;
  }
  for (std::uint64_t i = 0; i < links_ && !decided_.empty(); ++i) {
    if (!is_sided(link_flags_[i]) || (first_claim_[link_anon_[i]] & conflict_bit) == 0) continue;
    const auto found = decided_.find(link_anon_[i]);
    if (found == decided_.end() || found->second.user != link_user_[i]) continue;
    found->second.claimed = true;
    if (!is_both_sides(i)) found->second.goes = true;
  }
  for (const auto anon : anons) {
    const auto found = decided_.find(anon);
    if (found == decided_.end()) {
      ++report_.decisions_unknown;
      answers.push_back(anon == no_id ? DecisionEffect::unknown_id : DecisionEffect::not_anonymous);
    } else if (!found->second.claimed) {
      ++report_.decisions_unclaimed;
      answers.push_back(DecisionEffect::unclaimed);
    } else if (!found->second.goes) {
      answers.push_back(DecisionEffect::both_sides);
    } else {
      answers.push_back(DecisionEffect::yes);
    }
  }
  return answers;
}

/// Like decide_claim(), but a person's decision takes precedence over every policy.
std::optional<Verdict> Resolver::decide_dispute(IdNumber anon, IdNumber user) const {
  const auto found = decided_.find(anon);
  if (found == decided_.end()) return decide_claim(anon, user);
  const auto& [kind, owner, claimed, goes] = found->second;
  if (kind == Decision::Kind::never) return Verdict::voided;
  if (kind == Decision::Kind::later || !claimed) return Verdict::conflict;
  if (owner != user) return Verdict::voided;
  return {};
}

/// Returns the reason not to send one of several claims on an anonymous id; nothing if it may be
/// sent.
std::optional<Verdict> Resolver::decide_claim(IdNumber anon, IdNumber user) const {
  switch (options_.on_conflict) {
    case OnConflict::send:
      return {};
    case OnConflict::hold:
      return Verdict::conflict;
    case OnConflict::earliest:
    case OnConflict::latest:
      break;
  }
  const auto winner = claim_order_->winner(anon);
  if (!winner) return Verdict::conflict;
  if (*winner != user) return Verdict::outranked;
  return {};
}

std::size_t Resolver::bytes() const {
  std::size_t sum = index_.bytes() + first_claim_.bytes() + is_user_.bytes() +
                    noted_elsewhere_.bytes() + first_op_.bytes() + unsided_.bytes() +
                    link_anon_.bytes() + link_user_.bytes() + link_flags_.bytes();
  for (const auto& set : claims_)
    sum += set.bytes();
  if (claim_order_) sum += claim_order_->bytes();
  return sum;
}

// Clusters need 8 bytes per id: 4 reuse the memory of `first_claim_`; the others and the trees
// reuse that of the index.
std::size_t Resolver::bytes_left_by_clusters() const {
  const std::size_t trees = only_stars() ? 0U : several_ops() ? 2U : 1U;
  return index_.bytes_used() - (1 + trees) * sizeof(IdNumber) * ids();
}

std::size_t Resolver::bytes_after(std::size_t rows) const {
  const auto now = bytes();
  return index_.room() > 2 * rows ? now : now + index_.bytes() / 2;
}

}  // namespace idmerge::plan
