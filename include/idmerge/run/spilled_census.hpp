// SPDX-License-Identifier: MIT
//
// The census of inputs whose ids do not fit into memory: the same rules, the same plan, over files.
// It rests on two facts. What is said of a claim (seen before? in conflict? is its anonymous id a
// user elsewhere?) depends on rows that name one id, so ids can be judged apart, in parts chosen by
// their fingerprint, each by a Census of its own. And clusters need a number of each id, not the
// id.
//
//   1. take     every pair goes, in order, to `rows` with its ids, and as fingerprints with its row
//               number to the part of its anonymous id (a claim) and to that of its user (a
//               sighting).
//   2. parts    two at a time, on two threads: the claims to a Census, which says which are new
//               links, and with the sightings what is to be held; ids get numbers. Out come, by
//               row, the new links with their verdict and the number of every user.
//   3. join     rows and what the parts said of them are read side by side, window by window: new
//               links go to the plan in order of first appearance, and as numbers to `links`.
//   4. clusters `links` is read twice, which is what Clusters wants.
//
// In memory at any time: two parts (a 64th of the ids each), or a window of rows, or what Clusters
// keeps of an id: 8 bytes a user where all clusters are stars, 12 an id otherwise. On disk: see
// need_of(). Links that stand in the plan already when memory ran out are taken from there.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/census.hpp"
#include "idmerge/core/fingerprint.hpp"
#include "idmerge/disk/files.hpp"
#include "idmerge/disk/packed_rows.hpp"
#include "idmerge/disk/plan_file.hpp"
#include "idmerge/disk/spill.hpp"

namespace idmerge {

class SpilledCensus {
 public:
  /// Shape: `so_far` counts the rows that were taken before; their links stand in `plan`.
  static Result<SpilledCensus> begin(const CensusOptions& options, const Fingerprinter& print,
                                     bool has_orders, const CensusReport& so_far, SpillDir& dir);

  /// Disk that the rest of a census takes, for the files and for what is yet to come into the plan.
  /// Units: bytes; `row_bytes` of both ids of a row together, `packed_bytes` of a row as packed.
  struct Need {
    std::uint64_t spill_bytes = 0;
    std::uint64_t plan_bytes = 0;
  };
  static Need need_of(std::uint64_t rows, double row_bytes, double packed_bytes, bool has_orders);

  /// Take the links that stand in the plan. Shape: `ages` of their claims, where the order of rows
  /// settles conflicts; else empty.
  Result<void> take_planned(const PlanWriter& plan, Files& files,
                            std::span<const std::int64_t> ages);

  /// Take the rows of a block; where they are not pairs, count them.
  Result<void> take(const RowBlock& block, std::span<const Judged> judged);

  void count_blank_lines(std::uint64_t lines) { report_.blank_lines += lines; }
  void count_looks(const RowLooks& rows) { report_.looks.add(rows); }
  void count_unreadable_orders(const UnreadableOrders& rows) {
    report_.unreadable_orders.add(rows);
  }

  /// Of rows so far, links not counted; complete after judge().
  const CensusReport& report() const { return report_; }

  /// As Census::obey(), but the answers stand in obeyed() after judge().
  void obey(std::span<const Decided> decisions);
  const std::vector<Obeyed>& obeyed() const { return obeyed_; }

  /// After the last row: the rest of the links and all columns into the plan.
  /// Shape: `planned_orders` of the links that stood in the plan; empty if it has none.
  /// Errors: Errc::usage for more ids than can be numbered; Errc::outage when the disk fails.
  Result<void> judge(PlanWriter& plan, std::span<const std::int64_t> planned_orders);

 private:
  SpilledCensus(const CensusOptions& options, const Fingerprinter& print, bool has_orders,
                const CensusReport& so_far, SpillDir& dir);

  void take_pair(const Link& link, const Judged& judged);
  void put_claim(const Fingerprint& id, const Fingerprint& other, const Link& link, IdForm form);
  void put_sighting(const Fingerprint& id, IdForm form, bool is_user);
  void close_rows();
  void obey_in(std::size_t part, Census& census);
  void note_doubled(const Link& link, std::uint64_t ordinal);

  Result<void> judge_parts();
  Result<void> judge_part(std::size_t part);
  Result<void> join(PlanWriter& plan);
  Result<void> hand_out(PlanWriter& plan, std::span<const std::int64_t> planned_orders);
  bool only_stars() const;
  bool several_ops() const;

  /// Visit all links, in order and in pieces. Shape: orders only of those that were not planned
  /// before; empty if the plan has none.
  using Visit =
      std::function<void(std::span<const ClaimedLink>, std::span<const std::int64_t> orders)>;
  Result<void> each_piece(const Visit& visit) const;

  CensusOptions options_;
  Fingerprinter print_;
  bool has_orders_;   // the plan has them, ...
  bool claims_rank_;  // ... and conflicts are settled by them
  CensusReport report_;
  SpillDir* dir_;

  struct Part {
    Spill file;
    std::uint64_t last_row = 0;
    std::vector<std::size_t> decisions{};  // indices of those about its ids

    // When it has been judged:
    struct Said {
      std::uint64_t begin = 0;
      std::uint64_t end = 0;
    };
    Said claims{}, users{};      // where in the files of its judge
    std::uint64_t ids = 0;       // numbered from 0 ...
    IdNumber first_id = 0;       // ... and of all from here on
    std::uint64_t ids_seen = 0;  // with those that need no number
    std::uint64_t links = 0;
    CensusReport report{};
  };
  std::vector<Part> parts_;
  std::vector<Spill> rows_file_;  // one; these three are made when their step begins
  std::vector<Spill> said_;       // by the parts: of claims, and of users; for each judge
  std::vector<Spill> links_file_;
  RowPacker packer_;                  // of the block of rows under way
  std::uint64_t planned_ = 0;         // rows that stand in the plan already, the first ones
  std::uint64_t rows_ = 0;            // pairs
  std::uint64_t ids_ = 0;             // that have a number
  std::vector<std::string> doubled_;  // the ids that the report names
  std::array<bool, 3> sided_ops_{};
  bool is_any_unsided_ = false;
  std::vector<Decided> decisions_;
  std::vector<Obeyed> obeyed_;
};

}  // namespace idmerge
