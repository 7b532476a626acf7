// SPDX-License-Identifier: MIT
//
// Determines which of several users claimed an anonymous id first or last, for `--on-conflict
// earliest|latest`. The age of a claim is that of the oldest (newest) row that makes it, including
// duplicates of the pair, so that the winner does not depend on the order in which rows are read.
// Nobody wins if two users have the same age, or if the age of any row of a claim is unknown.
//
// Bounds: 8 bytes per id for first claims; about 60 bytes for each further claim on an id, and as
// much for each id with further claims.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "input/row.hpp"
#include "plan/id_index.hpp"
#include "util/page_array.hpp"

namespace idmerge::plan {

class ClaimOrder {
 public:
  enum class Wins : std::uint8_t { earliest, latest };

  explicit ClaimOrder(Wins wins) : wins_(wins) {}

  /// Records a row that claims an anonymous id for the first user that claimed it. `first_row`: the
  /// row is the first of this claim.
  void note_first_user(IdNumber anon, std::int64_t order, bool first_row);

  /// Records a row that claims it for another user.
  void note_other_user(IdNumber anon, IdNumber user, std::int64_t order);

  /// Returns the age of a claim, as of the rows recorded so far.
  std::int64_t age(IdNumber anon, IdNumber user, bool is_first_user) const {
    if (is_first_user) return first_[anon];
    const auto found = others_.find(pair_of(anon, user));
    return found == others_.end() ? input::no_order : found->second;
  }

  /// Determines the winners. `first_user(anon)` returns the first user that claimed the id.
  /// Requires: all rows have been recorded.
  template <class FirstUser>
  void settle(FirstUser first_user) {
    for (const auto& [pair, order] : others_) {
      const auto anon = static_cast<IdNumber>(pair >> 32U);
      const auto [contest, is_new] = contests_.try_emplace(anon);
      if (is_new) contest->second = {first_[anon], first_user(anon), false};
      enter(contest->second, static_cast<IdNumber>(pair), order);
    }
  }

  /// Returns the user that wins an anonymous id with several claims; nothing if nobody wins.
  std::optional<IdNumber> winner(IdNumber anon) const;

  std::size_t bytes() const;

 private:
  struct Contest {
    std::int64_t order = 0;
    IdNumber user = no_id;
    bool undecided = false;
  };

  static std::uint64_t pair_of(IdNumber anon, IdNumber user) {
    return (static_cast<std::uint64_t>(anon) << 32U) | user;
  }
  bool before(std::int64_t a, std::int64_t b) const {
    return wins_ == Wins::earliest ? a < b : a > b;
  }
  void improve(std::int64_t& kept, std::int64_t order) const;
  void enter(Contest& contest, IdNumber user, std::int64_t order) const;

  Wins wins_;
  util::PageArray<std::int64_t> first_;  // by anonymous id: the first user's claim
  std::unordered_map<std::uint64_t, std::int64_t> others_;  // by pair
  std::unordered_map<IdNumber, Contest> contests_;
};

}  // namespace idmerge::plan
