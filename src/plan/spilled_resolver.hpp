// SPDX-License-Identifier: MIT
//
// Resolver for inputs whose ids do not fit into memory: the same rules and the same plan, but in
// files. It rests on two facts. The verdict on a claim (duplicate, conflict, anonymous id that is a
// user elsewhere) depends only on rows that name one id, so ids can be resolved separately, in
// partitions chosen by their fingerprint, each by its own Resolver. And clusters need a number for
// each id, not the id itself.
//
//   1. take     Every pair is written, in order and with its ids, to `rows`. Its fingerprints and
//               row number go to the partition of its anonymous id (a claim) and to that of its
//               user (a sighting).
//   2. parts    Two partitions at a time, on two threads: a Resolver finds the new links among the
//               claims and, from the sightings, the links to be held; ids get numbers. The results,
//               by row, are the new links with their verdicts and the number of every user.
//   3. join     Rows and results of the partitions are read side by side, window by window: new
//               links go to the plan in order of first appearance, and as numbers to `links`.
//   4. clusters `links` is read twice, as Clusters requires.
//
// Memory at any time: two partitions (a 64th of the ids each), or a window of rows, or the state of
// Clusters, which is 8 bytes per user if all clusters are stars, otherwise 12 per id. Disk: see
// need_of(). Links that were in the plan when memory ran out are read from it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "io/files.hpp"
#include "io/spill.hpp"
#include "plan/fingerprint.hpp"
#include "plan/packed_rows.hpp"
#include "plan/plan_file.hpp"
#include "plan/resolver.hpp"
#include "util/result.hpp"

namespace idmerge::plan {

class SpilledResolver {
 public:
  /// Requires: `so_far` counts the rows that were taken before, whose links are in the plan.
  static Result<SpilledResolver> begin(const ResolverOptions& options, const Fingerprinter& print,
                                       bool has_orders, const PlanSummary& so_far,
                                       io::SpillDir& dir);

  /// Disk space for the rest of the input: for the spill files, and for the rest of the plan.
  /// Units: bytes; `row_bytes` for both ids of a row together, `packed_bytes` for a packed row.
  struct Need {
    std::uint64_t spill_bytes = 0;
    std::uint64_t plan_bytes = 0;
  };
  static Need need_of(std::uint64_t rows, double row_bytes, double packed_bytes, bool has_orders);

  /// Takes the links that are already in the plan. `ages` are those of their claims if the order of
  /// rows resolves conflicts, otherwise empty.
  Result<void> take_planned(const PlanWriter& plan, io::Files& files,
                            std::span<const std::int64_t> ages);

  /// Takes the rows of a block; rows that are not pairs are only counted.
  Result<void> take(const input::RowBlock& block, std::span<const ValidatedRow> validated);

  void count_blank_lines(std::uint64_t lines) { report_.blank_lines += lines; }
  void count_warnings(const RowWarnings& rows) { report_.warnings.add(rows); }
  void count_unreadable_orders(const UnreadableOrders& rows) {
    report_.unreadable_orders.add(rows);
  }

  /// Returns: the counts of rows so far, without links; complete after decide_verdicts().
  const PlanSummary& report() const { return report_; }

  /// As Resolver::apply_decisions(), but the answers are in effects() after decide_verdicts().
  void apply_decisions(std::span<const Decided> decisions);
  const std::vector<DecisionEffect>& effects() const { return effects_; }

  /// After the last row: writes the remaining links and all columns to the plan. `planned_orders`
  /// are those of the links that were already in the plan; empty if the plan has no orders.
  /// Errors: Errc::usage for more ids than can be numbered; Errc::outage when the disk fails.
  Result<void> decide_verdicts(PlanWriter& plan, std::span<const std::int64_t> planned_orders);

 private:
  SpilledResolver(const ResolverOptions& options, const Fingerprinter& print, bool has_orders,
                  const PlanSummary& so_far, io::SpillDir& dir);

  void take_pair(const input::Link& link, const ValidatedRow& validated);
  void put_claim(const Fingerprint& id, const Fingerprint& other, const input::Link& link,
                 IdForm form);
  void put_sighting(const Fingerprint& id, IdForm form, bool is_user);
  void close_rows();
  void apply_in(std::size_t part, Resolver& resolver);
  void note_doubled(const input::Link& link, std::uint64_t ordinal);

  Result<void> decide_parts();
  Result<void> decide_part(std::size_t part);
  Result<void> join(PlanWriter& plan);
  Result<void> hand_out(PlanWriter& plan, std::span<const std::int64_t> planned_orders);
  bool only_stars() const;
  bool several_ops() const;

  /// Visits all links in order, in pieces. `orders` are those of links that were not in the plan
  /// before; empty if the plan has no orders.
  using Visit =
      std::function<void(std::span<const ClaimedLink>, std::span<const std::int64_t> orders)>;
  Result<void> each_piece(const Visit& visit) const;

  ResolverOptions options_;
  Fingerprinter print_;
  bool has_orders_;   // the plan has an order column
  bool claims_rank_;  // orders resolve conflicts
  PlanSummary report_;
  io::SpillDir* dir_;

  struct Part {
    io::Spill file;
    std::uint64_t last_row = 0;
    std::vector<std::size_t> decisions{};  // indices of the decisions about its ids

    // Set once the partition is resolved:
    struct Range {
      std::uint64_t begin = 0;
      std::uint64_t end = 0;
    };
    Range claims{}, users{};     // ranges in the files of its thread
    std::uint64_t ids = 0;       // ids with a number, counted from 0
    IdNumber first_id = 0;       // added to these numbers to make them unique
    std::uint64_t ids_seen = 0;  // including ids without a number
    std::uint64_t links = 0;
    PlanSummary report{};
  };
  std::vector<Part> parts_;
  std::vector<io::Spill>
      rows_file_;  // one file; these three are created by the step that fills them
  std::vector<io::Spill>
      result_files_;  // results of the partitions; per thread: of claims, of users
  std::vector<io::Spill> links_file_;
  RowPacker packer_;                  // the current block of rows
  std::uint64_t planned_ = 0;         // rows already in the plan, which come first
  std::uint64_t rows_ = 0;            // pairs
  std::uint64_t ids_ = 0;             // with a number
  std::vector<std::string> doubled_;  // ids named in the report
  std::array<bool, 3> sided_ops_{};
  bool is_any_unsided_ = false;
  std::vector<Decided> decisions_;
  std::vector<DecisionEffect> effects_;
};

}  // namespace idmerge::plan
