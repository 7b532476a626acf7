// SPDX-License-Identifier: MIT
//
// The census within a budget of memory: in memory as long as it fits, because that is fastest and
// most tables do, then on disk, and nobody sees a difference in the plan. What it will take is
// estimated from the first block and said before work starts; a disk that is too small is refused
// then. Where nobody knows how much is coming (a pipe without --expect-rows), the disk is looked at
// when memory runs out, and that is said instead.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "idmerge/base/pages.hpp"
#include "idmerge/base/result.hpp"
#include "idmerge/core/census.hpp"
#include "idmerge/core/fingerprint.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/disk/spill.hpp"
#include "idmerge/run/progress.hpp"
#include "idmerge/run/spilled_census.hpp"

namespace idmerge {

class BoundedCensus {
 public:
  struct Bounds {
    std::uint64_t memory_bytes = 0;             // 0: without limit
    std::uint64_t input_bytes = 0;              // 0: nobody knows
    std::optional<std::uint64_t> input_rows{};  // as the user expects them
  };

  BoundedCensus(const CensusOptions& options, const Bounds& bounds, const Fingerprinter& print,
                bool has_orders, PlanWriter& plan, Files& files, SpillDir& dir, Progress& progress);

  /// Does what the census knows no longer fit beside one more block? Then take() reads what the
  /// plan has so far, which must be all links.
  bool is_full(const RowBlock& block) const;

  /// Take the rows of a block. Shape: `fresh` are its rows that are the next links of the plan, for
  /// the caller to add; once the census is on disk there are none before judge().
  /// Errors: Errc::outage for the disk.
  Result<void> take(const RowBlock& block, std::span<const Judged> judged,
                    std::vector<std::uint32_t>& fresh);

  /// Of the rows that were taken last.
  void count_looks(const RowLooks& rows) {
    spilled_ ? spilled_->count_looks(rows) : census_->count_looks(rows);
  }

  void count_unreadable_orders(const UnreadableOrders& rows) {
    spilled_ ? spilled_->count_unreadable_orders(rows) : census_->count_unreadable_orders(rows);
  }

  /// How much of the inputs has been taken. Units: 0..1; 0 when nobody knows.
  void foresee(double share_read);

  /// After the last block: the columns of the plan, and what is missing of its links, by the
  /// decisions. `on_claims` is called as Census::judge() does, if the census is in memory. Shape:
  /// the answer as Census::obey() has it.
  Result<std::vector<Obeyed>> judge(std::span<const Decided> decisions,
                                    const std::function<void(const Census&)>& on_claims);

  const CensusReport& report() const { return spilled_ ? spilled_->report() : census_->report(); }

  /// Distinct pairs so far, as far as they are known before judge().
  std::uint64_t links() const { return spilled_ ? plan_.links() : census_->links(); }

 private:
  Result<void> look_ahead(const RowBlock& block, std::span<const Judged> judged);
  Result<void> announce(const SpilledCensus::Need& need, bool is_certain);
  Result<void> begin_spill();

  CensusOptions options_;
  Bounds bounds_;
  Fingerprinter print_;
  bool has_orders_;
  PlanWriter& plan_;
  Files& files_;
  SpillDir& dir_;
  Progress& progress_;
  std::uint64_t census_bytes_max_;
  double row_bytes_ = 0;     // of both ids of a pair
  double packed_bytes_ = 0;  // of a pair as the census on disk keeps it
  std::uint64_t rows_expected_ = 0;
  bool looked_ahead_ = false;
  bool announced_ = false;
  std::unique_ptr<Census> census_;
  std::optional<SpilledCensus> spilled_;
  PageArray<std::int64_t> orders_;
};

}  // namespace idmerge
