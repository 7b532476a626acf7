// SPDX-License-Identifier: MIT
//
// Which links of a plan are settled. Answers come back out of order, but nearly so: a watermark
// (every link before it is done with) and a ring of bits for the window above it say it all in
// 128 KiB, whatever the size of the plan. A link that keeps failing while its neighbours succeed is
// parked: still pending, but no longer in the way of the watermark. So is a link whose answer is in
// doubt after all: it is reopened.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/link_set.hpp"
#include "idmerge/core/tally.hpp"

namespace idmerge {

/// A link that is tried again at the end, and how often it was tried.
struct ParkedLink {
  std::uint64_t ordinal = 0;
  std::uint32_t attempts = 0;
  bool operator==(const ParkedLink&) const = default;
};

/// What the service said of a link that is settled.
enum class Settled : std::uint8_t { delivered, ambiguous, refused };

/// A ledger as the checkpoint keeps it.
///
/// Shape: `above` ascending, disjoint and not adjacent, all behind the watermark; `parked`
/// ascending; `reopened` as LinkSet.
struct LedgerState {
  std::uint64_t links = 0;      // of the plan
  std::uint64_t watermark = 0;  // every ordinal below it has a fate, or is parked or reopened
  std::vector<LinkRange> above;
  std::vector<ParkedLink> parked;
  std::uint64_t delivered = 0;
  std::uint64_t refused = 0;
  std::uint64_t ambiguous = 0;  // of the delivered: the service said that it was linked before
  std::uint64_t passed = 0;     // not to be sent, as their verdict says
  std::vector<LinkRange> reopened = {};
  bool operator==(const LedgerState&) const = default;

  /// One past the last ordinal that is done with.
  std::uint64_t end() const {
    return above.empty() ? watermark : above.back().first + above.back().count;
  }
};

class Ledger {
 public:
  /// Units: links that may be settled past the watermark. Bounds: one bit each.
  static constexpr std::uint64_t window_max = 1 << 20;
  /// Units: links. Past it something else is wrong than a few bad links.
  static constexpr std::size_t parked_max = 10'000;

  /// Units: links of a plan; far past any real one, and far from where sums would wrap.
  static constexpr std::uint64_t links_max = std::uint64_t{1} << 48;

  explicit Ledger(std::uint64_t links);

  /// Go on from a saved state.
  ///
  /// Errors: Errc::input when the state contradicts itself.
  static Result<Ledger> restore(const LedgerState& state);

  /// May this link be sent now, or is it too far past the watermark?
  bool admits(std::uint64_t ordinal) const { return ordinal < watermark_ + window_max; }

  /// Is nothing left to do about this link? One that is parked or reopened is not settled.
  bool is_settled(std::uint64_t ordinal) const;
  bool is_parked(std::uint64_t ordinal) const { return parked_.contains(ordinal); }

  /// Give consecutive links the fate `delivered`, or one link the fate `refused`.
  ///
  /// Errors: none. Bug if a link is settled already, not admitted, or not in the plan.
  void deliver(std::uint64_t first, std::uint64_t count = 1, bool ambiguous = false);
  void refuse(std::uint64_t ordinal);

  /// Count links as done that are not to be sent at all; those done already stay as they are, so
  /// that a resumed run may simply walk the plan from the watermark on. Bug if not admitted.
  void pass(std::uint64_t first, std::uint64_t count = 1);

  /// Put a link aside: it stays pending, the watermark goes on. Parking it again sets its attempts.
  ///
  /// Bounds: ask can_park() first.
  void park(std::uint64_t ordinal, std::uint32_t attempts);
  bool can_park() const { return parked_.size() < parked_max; }
  const std::map<std::uint64_t, std::uint32_t>& parked() const { return parked_; }

  /// Take the fate of a settled link back: it is pending, to be sent again, and like a parked one
  /// no longer in the way of the watermark.
  ///
  /// Errors: none. Bug unless the link is settled `as` this.
  void reopen(std::uint64_t ordinal, Settled as);
  bool is_reopened(std::uint64_t ordinal) const { return reopened_.contains(ordinal); }
  const LinkSet& reopened() const { return reopened_; }

  std::uint64_t links() const { return links_; }
  std::uint64_t watermark() const { return watermark_; }
  std::uint64_t delivered() const { return delivered_; }
  std::uint64_t refused() const { return refused_; }
  std::uint64_t ambiguous() const { return ambiguous_; }
  std::uint64_t passed() const { return passed_; }

  /// Links without a fate, those that are parked or reopened among them.
  std::uint64_t pending() const { return links_ - delivered_ - refused_ - passed_; }

  /// Has the watermark reached the end? Links that are parked or reopened may still wait.
  bool at_end() const { return watermark_ == links_; }

  /// Has every link a fate, or none to get?
  bool is_done() const { return at_end() && parked_.empty() && reopened_.empty(); }

  /// What is done past the watermark. Shape: ascending, disjoint, not adjacent.
  std::vector<LinkRange> ranges_above() const;

  LedgerState state() const;

 private:
  bool bit(std::uint64_t ordinal) const;
  bool mark(std::uint64_t ordinal);
  bool give_fate(std::uint64_t ordinal);
  void advance();

  std::uint64_t links_;
  std::uint64_t watermark_ = 0;
  std::uint64_t top_ = 0;  // one past the highest marked ordinal
  std::uint64_t delivered_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t ambiguous_ = 0;
  std::uint64_t passed_ = 0;
  std::vector<std::uint64_t> ring_;
  std::map<std::uint64_t, std::uint32_t> parked_;
  LinkSet reopened_;
};

}  // namespace idmerge
