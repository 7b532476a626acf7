// SPDX-License-Identifier: MIT
// The resolver: decides the verdict of each row in relation to all other rows, in one pass over the
// fingerprints of their ids. An anonymous id belongs to one user, so its entry stores the first
// user that claimed it; this number is enough to detect duplicates and conflicts. Only ids that
// violate the rule, and pairs without sides, need a set of their pairs. Verdicts are computed at
// the end, on all distinct pairs together, so that they do not depend on the order in which
// conflicts are found.
//
// Each rule is applied once, in this order; no rule depends on a later one:
//   duplicates -> conflicts and both-sides -> decisions -> clusters of the remaining links ->
//   --max-cluster
//
// Source: design section 6; mixpanel-facts 2.1 for the cap (499 is the largest cluster that every
// description of the limit allows).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "input/row.hpp"
#include "plan/claim_order.hpp"
#include "plan/clusters.hpp"
#include "plan/decisions.hpp"
#include "plan/fingerprint.hpp"
#include "plan/id_index.hpp"
#include "plan/plan_summary.hpp"
#include "plan/resolver_options.hpp"
#include "plan/row_validator.hpp"
#include "plan/verdict.hpp"
#include "util/bit_array.hpp"
#include "util/page_array.hpp"

namespace idmerge::plan {

/// A validated row, with the fingerprints of its ids if it is a pair.
struct ValidatedRow {
  Fingerprint anon;
  Fingerprint user;
  RowCheck checked = RowCheck::faulty;
  IdForms forms{};
};

/// Maximum number of links with a doubled prefix that a report names.
inline constexpr std::size_t doubled_named_max = 5;

/// A person's decision, with fingerprints in place of ids.
struct Decided {
  Fingerprint anon;
  Fingerprint user;  // only with Kind::user
  Decision::Kind kind = Decision::Kind::later;
};

/// The effect of a decision.
enum class DecisionEffect : std::uint8_t {
  yes,
  unknown_id,     // no row has this anonymous id
  not_anonymous,  // rows have the id, but no sided pair has it as its anonymous id
  unclaimed,      // rows have the id, but not with this user: they are held
  both_sides,     // the id is a user id elsewhere, so its rows are held for this user too
  oversize,  // the user's cluster is too large, so the rows are held; set by plan/decision_report
             // only
};

/// Counts a row that is not a pair.
void count_unpaired(const input::Row& row, RowCheck checked, PlanSummary& report);

/// Counts a distinct id of a side.
void note_side(SideReport& side, IdForm form);

class Resolver {
 public:
  explicit Resolver(const ResolverOptions& options);

  /// Counts the rows and appends to `new_links` the index of each row that is a distinct pair not
  /// seen before. Their order is that of the link ordinals.
  /// Bounds: 16 bytes per slot of the index, 4 bytes and a bit per id, 9 bytes per link.
  /// Errors: Errc::usage when there are more ids than the resolver can number.
  Result<void> take(std::span<const input::Row> rows, std::span<const ValidatedRow> validated,
                    std::vector<std::uint32_t>& new_links);

  /// Reports the progress through the inputs, so that the index grows to its expected final size
  /// instead of by a fixed factor. Units: `share_read` is 0..1; 0 if unknown. Bounds: never
  /// reserves so much that the resolver would need more than `bytes_max`.
  void expect_share(double share_read,
                    std::uint64_t bytes_max = std::numeric_limits<std::uint64_t>::max());

  /// Takes the decisions that decide_verdicts() will apply. Call it at most once, after the last
  /// row and before decide_verdicts(). Requires: each anonymous id at most once. Returns: one
  /// effect for each decision, in order.
  std::vector<DecisionEffect> apply_decisions(std::span<const Decided> decisions);

  void count_blank_lines(std::uint64_t lines) { report_.blank_lines += lines; }
  void count_warnings(const RowWarnings& rows) { report_.warnings.add(rows); }
  void count_unreadable_orders(const UnreadableOrders& rows) {
    report_.unreadable_orders.add(rows);
  }

  /// Receives the results of decide_verdicts() for consecutive links. Both spans have the same
  /// length.
  using Columns =
      std::function<void(std::span<const Verdict>, std::span<const std::uint32_t> components)>;

  /// Computes the verdict and component of every link and passes them to `columns` in order of the
  /// ordinals, in pieces. Call it once, after the last row. `on_claims` is called between the claim
  /// rules and the cluster rules.
  /// Thread safety: from that call until the resolver is destroyed, link(), claimed() and
  /// held_by_claims() return the results of the claim rules and may be called on other threads.
  void decide_verdicts(const Columns& columns, const std::function<void()>& on_claims = {});

  /// Complete after decide_verdicts(); before that, the counts of the rows so far.
  const PlanSummary& report() const { return report_; }

  std::uint64_t links() const { return links_; }

  /// Memory in use. decide_verdicts() reuses it for its own needs. Units: bytes.
  std::size_t bytes() const;

  /// Upper bound of bytes() after `rows` more rows.
  std::size_t bytes_after(std::size_t rows) const;

  /// If the order of rows resolves conflicts, stores the age of the claim of each link, according
  /// to all rows so far; otherwise does nothing. Requires: no further calls, as the index is
  /// released.
  void export_claim_orders(util::PageArray<std::int64_t>& ages);

  /// The part of decide_verdicts() that considers the claims on each id alone, for a resolver of a
  /// part of the ids (see plan/spilled_resolver). Requires: every row of an anonymous id has been
  /// taken here. Ids that are users in other parts are reported with note_id_elsewhere().
  void decide_claims();

  /// An id of a link in another part: the user of a sided pair, or one of an unsided pair. The
  /// caller counts the users reported this way.
  struct NotedId {
    IdNumber number = 0;
    bool is_new_user = false;
  };
  NotedId note_id_elsewhere(const Fingerprint& id, bool is_user);

  /// Prefetches the entry of an id that will be passed to note_id_elsewhere() soon.
  void prefetch(const Fingerprint& id) const { index_.prefetch(id); }

  /// Makes room for a total of `ids` ids.
  void reserve(std::size_t ids) { index_.reserve(ids); }

  /// Links held by the claim rules, after decide_claims(); the cluster rules may hold others.
  std::uint64_t held_by_claims() const { return held_by_claims_; }

  /// Lower bound of the memory that decide_verdicts() releases before `on_claims` and clusters do
  /// not reuse. Units: bytes.
  std::size_t bytes_left_by_clusters() const;

  std::size_t ids() const { return index_.size(); }
  ClaimedLink link(std::uint64_t ordinal) const;
  Verdict claimed(std::uint64_t ordinal) const {
    return static_cast<Verdict>(link_flags_[ordinal] >> verdict_shift);
  }

  bool only_stars() const;
  bool several_ops() const;

 private:
  // A link's flags: operation in bits 0-1, sided in bit 2, verdict in bits 3-7.
  static constexpr unsigned verdict_shift = 3;

  bool is_new(IdNumber anon, IdNumber user, const input::Row& row, IdForm anon_form);
  void reserve_ids(std::size_t ids);
  void reserve_links(std::uint64_t links);
  void note_order(IdNumber anon, IdNumber user, const input::Row& row);
  bool is_new_unsided(IdNumber first, IdNumber second);
  void add_link(IdNumber anon, IdNumber user, const input::Row& row, IdForm user_form);

  bool is_both_sides(std::uint64_t link) const;
  void set_verdict(std::uint64_t link, Verdict verdict);
  std::optional<Verdict> decide_dispute(IdNumber anon, IdNumber user) const;
  std::optional<Verdict> decide_claim(IdNumber anon, IdNumber user) const;

  ResolverOptions options_;
  PlanSummary report_;
  IdIndex index_;
  util::PageArray<IdNumber>
      first_claim_;                 // by anonymous id: its first user plus one, with conflict_bit
  util::BitArray is_user_;          // ids that a sided link names as user
  util::BitArray noted_elsewhere_;  // those of them that were passed to note_id_elsewhere()
  util::PageArray<std::uint8_t> first_op_;  // of the first claim; used once operations differ
  std::optional<input::Op> only_op_;        // of the first sided row
  bool several_ops_ = false;
  std::array<PairSet, 3> claims_;  // by operation: pairs that are not the first claim
  PairSet unsided_;
  std::optional<ClaimOrder> claim_order_;  // if the order of rows resolves conflicts
  util::PageArray<IdNumber> link_anon_;
  util::PageArray<IdNumber> link_user_;
  util::PageArray<std::uint8_t> link_flags_;  // operation, sided, verdict
  struct Settled {
    Decision::Kind kind;
    IdNumber user;
    bool claimed;
    bool goes;  // according to the claim rules
  };
  std::unordered_map<IdNumber, Settled> decided_;  // by anonymous id

  std::uint64_t links_ = 0;
  std::uint64_t held_by_claims_ = 0;
  std::size_t ids_when_grown_ = 0;
  double share_when_grown_ = 0;
};

}  // namespace idmerge::plan
