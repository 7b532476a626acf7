// SPDX-License-Identifier: MIT
//
// The second judge: what does each row mean beside all the others? One pass over the fingerprints
// of the ids answers it. An anonymous id belongs to one user, so its entry holds the first user
// that claimed it, and that one number says both "duplicate" and "conflict"; only ids that break
// the rule, and pairs without sides, need a set of their pairs. Verdicts are given at the end, on
// all distinct pairs together, so they do not depend on the order in which a conflict came to
// light.
//
// Rules, each once, in this order; none looks back:
//   duplicates -> conflicts and both-sides -> decisions -> clusters of what is left ->
//   --max-cluster
//
// Source: design section 6; mixpanel-facts 2.1 for the cap (499 is the largest cluster that every
// account of the limit allows).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "idmerge/base/bit_array.hpp"
#include "idmerge/base/pages.hpp"
#include "idmerge/core/census_options.hpp"
#include "idmerge/core/census_report.hpp"
#include "idmerge/core/clusters.hpp"
#include "idmerge/core/decisions.hpp"
#include "idmerge/core/fingerprint.hpp"
#include "idmerge/core/index.hpp"
#include "idmerge/core/pair.hpp"
#include "idmerge/core/screen.hpp"
#include "idmerge/core/seniority.hpp"

namespace idmerge {

/// A row after the first judge, with the fingerprints of its ids when it is a pair.
struct Judged {
  Fingerprint anon;
  Fingerprint user;
  Screened screened = Screened::faulty;
  IdForms forms{};
};

/// Links with a doubled prefix that a report names.
inline constexpr std::size_t doubled_named_max = 5;

/// A person's decision, with the fingerprints of its ids.
struct Decided {
  Fingerprint anon;
  Fingerprint user;  // only with Says::user
  Decision::Says says = Decision::Says::later;
};

/// What became of a decision.
enum class Obeyed : std::uint8_t {
  yes,
  unknown_id,     // no row has this anonymous id
  not_anonymous,  // rows have the id, but no pair with sides as its anonymous one
  unclaimed,      // rows have it, but not with this user: they are held
  both_sides,     // it is a user id elsewhere, so its rows are held for this user too
  oversize,       // this user's cluster is too large, so they are held; no census says that, see
                  // run/obedience
};

/// Count a row that is no pair.
void count_unpaired(const Row& row, Screened screened, CensusReport& report);

/// Count a distinct id of a side.
void note_side(SideReport& side, IdForm form);

class Census {
 public:
  explicit Census(const CensusOptions& options);

  /// Count the rows, and append to `new_links` the index of each row that is a distinct pair not
  /// seen before. Their order is that of the link ordinals.
  /// Bounds: 16 bytes a slot of the index, 4 bytes and a bit an id, 9 bytes a link.
  /// Errors: Errc::usage when there are more ids than the census can number.
  Result<void> take(std::span<const Row> rows, std::span<const Judged> judged,
                    std::vector<std::uint32_t>& new_links);

  /// Say how much of the inputs has been taken, so that the index grows to what it will need
  /// instead of to what it might. Units: 0..1; 0 when nobody knows. Bounds: not so far that the
  /// census would need more than `bytes_max`.
  void foresee(double share_read,
               std::uint64_t bytes_max = std::numeric_limits<std::uint64_t>::max());

  /// Take the decisions that judge() will follow. Once, after the last row, before judge().
  /// Shape: an anonymous id at most once; the answer is as long as the question.
  std::vector<Obeyed> obey(std::span<const Decided> decisions);

  void count_blank_lines(std::uint64_t lines) { report_.blank_lines += lines; }
  void count_looks(const RowLooks& rows) { report_.looks.add(rows); }
  void count_unreadable_orders(const UnreadableOrders& rows) {
    report_.unreadable_orders.add(rows);
  }

  /// What judge() says of consecutive links. Shape: both as long as each other.
  using Columns =
      std::function<void(std::span<const Verdict>, std::span<const std::uint32_t> components)>;

  /// Give every link its verdict and component, in order of the ordinals and in pieces. Once,
  /// after the last row. `on_claims` is called between the rules: from then on until the census
  /// ends, also on other threads, link(), claimed() and held_by_claims() say what claims alone came
  /// to.
  void judge(const Columns& columns, const std::function<void()>& on_claims = {});

  /// Complete after judge(); before, the counts of rows so far.
  const CensusReport& report() const { return report_; }

  std::uint64_t links() const { return links_; }

  /// Memory in use; what judge() needs comes in its place. Units: bytes.
  std::size_t bytes() const;

  /// The same after so many more rows, at most.
  std::size_t bytes_after(std::size_t rows) const;

  /// Where the order of rows settles conflicts: the age of the claim that each link makes, by all
  /// rows so far; else nothing. The last thing that may be asked of a census.
  void give_ages(PageArray<std::int64_t>& ages);

  /// The half of judge() that looks at the claims on one id alone, for a census of a part of the
  /// ids (see run/spilled_census): every row of an anonymous id must have been taken here, but
  /// where else an id is a user may be said by sight().
  void judge_claims();

  /// An id that was taken elsewhere, as the user of a sided pair or in an unsided one. Users that
  /// are sighted are counted by the caller.
  struct Sighted {
    IdNumber number = 0;
    bool is_new_user = false;
  };
  Sighted sight(const Fingerprint& id, bool is_user);

  /// Bring what is known of an id that will be sighted soon into the cache.
  void prefetch(const Fingerprint& id) const { index_.prefetch(id); }

  /// Make room for so many ids in all.
  void reserve(std::size_t ids) { index_.reserve(ids); }

  /// Links that claims alone hold, after judge_claims(); clusters may hold others.
  std::uint64_t held_by_claims() const { return held_by_claims_; }

  /// Of the memory that judge() gives back before `on_claims`, what clusters do not take again, at
  /// least. Units: bytes.
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

  bool is_new(IdNumber anon, IdNumber user, const Row& row, IdForm anon_form);
  void hold_ids(std::size_t ids);
  void hold_links(std::uint64_t links);
  void note_order(IdNumber anon, IdNumber user, const Row& row);
  bool is_new_unsided(IdNumber first, IdNumber second);
  void add_link(IdNumber anon, IdNumber user, const Row& row, IdForm user_form);

  bool is_both_sides(std::uint64_t link) const;
  void set_verdict(std::uint64_t link, Verdict verdict);
  std::optional<Verdict> judge_dispute(IdNumber anon, IdNumber user) const;
  std::optional<Verdict> judge_claim(IdNumber anon, IdNumber user) const;

  CensusOptions options_;
  CensusReport report_;
  IdIndex index_;
  PageArray<IdNumber> first_claim_;   // of an anonymous id: its user plus one, with conflict_bit
  BitArray is_user_;                  // ids that a sided link names as user
  BitArray sighted_;                  // those of them that were sighted
  PageArray<std::uint8_t> first_op_;  // of the claim; in use once rows differ in their operation
  std::optional<Op> only_op_;         // of the first sided row
  bool several_ops_ = false;
  std::array<PairSet, 3> claims_;  // by operation: pairs that are not the first claim
  PairSet unsided_;
  std::optional<Seniority> seniority_;  // where the order of rows settles conflicts
  PageArray<IdNumber> link_anon_;
  PageArray<IdNumber> link_user_;
  PageArray<std::uint8_t> link_flags_;  // operation, sided, verdict
  struct Settled {
    Decision::Says says;
    IdNumber user;
    bool claimed;
    bool goes;  // as far as claims say
  };
  std::unordered_map<IdNumber, Settled> decided_;  // by anonymous id

  std::uint64_t links_ = 0;
  std::uint64_t held_by_claims_ = 0;
  std::size_t ids_when_grown_ = 0;
  double share_when_grown_ = 0;
};

}  // namespace idmerge
