// SPDX-License-Identifier: MIT
//
// Tracks which links of a plan are done. Responses arrive out of order, but nearly in order: a
// watermark (every link before it is done) and a ring of bits for the window above it hold the
// state in 128 KiB, whatever the size of the plan. A link that keeps failing while its neighbours
// succeed is parked: it is still pending, but no longer blocks the watermark. The same holds for a
// link whose answer turned out to be in doubt: it is reopened.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "send/link_set.hpp"
#include "send/tally.hpp"
#include "util/result.hpp"

namespace idmerge::send {

/// A link that is retried at the end, and its number of attempts so far.
struct ParkedLink {
  std::uint64_t ordinal = 0;
  std::uint32_t attempts = 0;
  bool operator==(const ParkedLink&) const = default;
};

/// What the service answered about a settled link.
enum class Settled : std::uint8_t { delivered, ambiguous, refused };

/// The state of a ledger in the checkpoint. `above` is ascending, disjoint, not adjacent and past
/// the watermark; `parked` is ascending; `reopened` is as in LinkSet.
struct LedgerState {
  std::uint64_t links = 0;      // of the plan
  std::uint64_t watermark = 0;  // every ordinal below it has a fate, or is parked or reopened
  std::vector<LinkRange> above;
  std::vector<ParkedLink> parked;
  std::uint64_t delivered = 0;
  std::uint64_t refused = 0;
  std::uint64_t ambiguous = 0;  // of the delivered: the service had linked them before
  std::uint64_t passed = 0;     // not to be sent because of their verdict
  std::vector<LinkRange> reopened = {};
  bool operator==(const LedgerState&) const = default;

  /// One past the last ordinal that is done.
  std::uint64_t end() const {
    return above.empty() ? watermark : above.back().first + above.back().count;
  }
};

class Ledger {
 public:
  /// Units: links that may be done past the watermark. Bounds: one bit each.
  static constexpr std::uint64_t window_max = 1 << 20;
  /// Units: links. More parked links indicate another problem than a few bad links.
  static constexpr std::size_t parked_max = 10'000;

  /// Units: links of a plan; far above any real one, and low enough that sums cannot overflow.
  static constexpr std::uint64_t links_max = std::uint64_t{1} << 48;

  explicit Ledger(std::uint64_t links);

  /// Creates a ledger from a saved state.
  ///
  /// Errors: Errc::input when the state is inconsistent.
  static Result<Ledger> restore(const LedgerState& state);

  /// Returns whether this link is close enough to the watermark to be sent now.
  bool admits(std::uint64_t ordinal) const { return ordinal < watermark_ + window_max; }

  /// Returns whether nothing remains to be done for this link. A parked or reopened link is not
  /// settled.
  bool is_settled(std::uint64_t ordinal) const;
  bool is_parked(std::uint64_t ordinal) const { return parked_.contains(ordinal); }

  /// Gives consecutive links the outcome `delivered`, or one link the outcome `refused`.
  ///
  /// Errors: none. Bug if a link is already settled, not admitted, or not in the plan.
  void deliver(std::uint64_t first, std::uint64_t count = 1, bool ambiguous = false);
  void refuse(std::uint64_t ordinal);

  /// Marks links that are not to be sent. Links that are already done are left unchanged, so that a
  /// resumed run may walk the plan from the watermark on. Bug if not admitted.
  void pass(std::uint64_t first, std::uint64_t count = 1);

  /// Parks a link: it stays pending, but the watermark may pass it. For a parked link, sets its
  /// attempts.
  ///
  /// Requires: can_park(), unless the link is parked already.
  void park(std::uint64_t ordinal, std::uint32_t attempts);
  bool can_park() const { return parked_.size() < parked_max; }
  const std::map<std::uint64_t, std::uint32_t>& parked() const { return parked_; }

  /// Reopens a settled link: it is pending again, and like a parked link it does not block the
  /// watermark.
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

  /// Links without an outcome, including the parked and the reopened ones.
  std::uint64_t pending() const { return links_ - delivered_ - refused_ - passed_; }

  /// Returns whether the watermark has reached the end. Parked and reopened links may remain.
  bool at_end() const { return watermark_ == links_; }

  /// Returns whether no link remains to be sent.
  bool is_done() const { return at_end() && parked_.empty() && reopened_.empty(); }

  /// Returns the ranges that are done past the watermark: ascending, disjoint, not adjacent.
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

}  // namespace idmerge::send
