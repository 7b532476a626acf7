// SPDX-License-Identifier: MIT
//
// Resolver with a memory limit. It works in memory while the ids fit, which is fastest and enough
// for most tables, and continues on disk otherwise; the plan is the same in both cases. The
// required disk space is estimated from the first block and reported before work starts, and a disk
// that is too small is an error at that point. If the number of rows is unknown (a pipe without
// --expect-rows), the disk is checked, and its use reported, when memory runs out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/spill.hpp"
#include "plan/fingerprint.hpp"
#include "plan/plan_file.hpp"
#include "plan/progress.hpp"
#include "plan/resolver.hpp"
#include "plan/spilled_resolver.hpp"
#include "util/page_array.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

class BoundedResolver {
 public:
  struct Bounds {
    std::uint64_t memory_bytes = 0;             // 0: no limit
    std::uint64_t input_bytes = 0;              // 0: unknown
    std::optional<std::uint64_t> input_rows{};  // from --expect-rows
  };

  BoundedResolver(const ResolverOptions& options, const Bounds& bounds, const Fingerprinter& print,
                  bool has_orders, PlanWriter& plan, io::Files& files, io::SpillDir& dir,
                  Progress& progress);

  /// Returns whether one more block would exceed the memory limit. If so, take() reads back the
  /// plan, which must contain all links so far.
  bool is_full(const input::RowBlock& block) const;

  /// Takes the rows of a block. `fresh` receives the rows that are the next links of the plan,
  /// which the caller adds; on disk there are none before decide_verdicts().
  /// Errors: Errc::usage for more ids than can be numbered; Errc::outage when the disk fails or is
  /// too small.
  Result<void> take(const input::RowBlock& block, std::span<const ValidatedRow> validated,
                    std::vector<std::uint32_t>& fresh);

  /// Counts for the rows of the last take().
  void count_warnings(const RowWarnings& rows) {
    spilled_ ? spilled_->count_warnings(rows) : resolver_->count_warnings(rows);
  }

  void count_unreadable_orders(const UnreadableOrders& rows) {
    spilled_ ? spilled_->count_unreadable_orders(rows) : resolver_->count_unreadable_orders(rows);
  }

  /// Reports the share of the inputs taken so far. Units: 0..1; 0 if unknown.
  void expect_share(double share_read);

  /// After the last block: applies the decisions, and writes the columns and the remaining links to
  /// the plan. `on_claims` is called as by Resolver::decide_verdicts(), but only if the resolver is
  /// in memory. Returns: as Resolver::apply_decisions().
  Result<std::vector<DecisionEffect>> decide_verdicts(
      std::span<const Decided> decisions, const std::function<void(const Resolver&)>& on_claims);

  const PlanSummary& report() const { return spilled_ ? spilled_->report() : resolver_->report(); }

  /// Returns: the number of distinct pairs so far, as far as it is known before decide_verdicts().
  std::uint64_t links() const { return spilled_ ? plan_.links() : resolver_->links(); }

 private:
  Result<void> look_ahead(const input::RowBlock& block, std::span<const ValidatedRow> validated);
  Result<void> announce(const SpilledResolver::Need& need, bool is_certain);
  Result<void> begin_spill();

  ResolverOptions options_;
  Bounds bounds_;
  Fingerprinter print_;
  bool has_orders_;
  PlanWriter& plan_;
  io::Files& files_;
  io::SpillDir& dir_;
  Progress& progress_;
  std::uint64_t resolver_bytes_max_;
  double row_bytes_ = 0;     // average size of both ids of a pair
  double packed_bytes_ = 0;  // average size of a pair in the spill files
  std::uint64_t rows_expected_ = 0;
  bool looked_ahead_ = false;
  bool announced_ = false;
  std::unique_ptr<Resolver> resolver_;
  std::optional<SpilledResolver> spilled_;
  util::PageArray<std::int64_t> orders_;
};

}  // namespace idmerge::plan
