// SPDX-License-Identifier: MIT
#include "plan/claim_order.hpp"

namespace idmerge::plan {

void ClaimOrder::note_first_user(IdNumber anon, std::int64_t order, bool first_row) {
  first_.grow_to_hold(std::size_t{anon} + 1);
  if (first_row) {
    first_[anon] = order;
  } else {
    improve(first_[anon], order);
  }
}

void ClaimOrder::note_other_user(IdNumber anon, IdNumber user, std::int64_t order) {
  const auto [kept, is_new] = others_.try_emplace(pair_of(anon, user), order);
  if (!is_new) improve(kept->second, order);
}

std::optional<IdNumber> ClaimOrder::winner(IdNumber anon) const {
  const auto found = contests_.find(anon);
  if (found == contests_.end() || found->second.undecided) return {};
  return found->second.user;
}

// A row without an order may be older or newer than all others, so no_order is final.
void ClaimOrder::improve(std::int64_t& kept, std::int64_t order) const {
  if (kept == input::no_order) return;
  if (order == input::no_order || before(order, kept)) kept = order;
}

// The result does not depend on the order of the claims: a tie is dropped when another claim beats
// both.
void ClaimOrder::enter(Contest& contest, IdNumber user, std::int64_t order) const {
  if (contest.order == input::no_order || order == input::no_order) {
    contest = {input::no_order, no_id, true};
  } else if (before(order, contest.order)) {
    contest = {order, user, false};
  } else if (order == contest.order) {
    contest.undecided = true;
  }
}

std::size_t ClaimOrder::bytes() const {
  constexpr std::size_t bytes_a_node = 60;
  return first_.bytes() + (others_.size() + contests_.size()) * bytes_a_node;
}

}  // namespace idmerge::plan
