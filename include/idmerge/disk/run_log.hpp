// SPDX-License-Identifier: MIT
//
// The memory of a run: ledger, journal, dead letters and checkpoint as one thing, so that the order
// in which they are written, on which laws 2 and 3 rest, stands in one place.
//
//   io thread    settle ... settle · flush        letters, then journal: one write() each, no sync
//                take a snapshot                  the journal's next generation begins
//   disk thread  save the snapshot                sync letters, replace checkpoint, drop old
//                                                 journals, append to the timeline
//
// After a kill everything flushed is known. After a power loss everything saved is known, and what
// can be read of the rest if it fits together. At most one snapshot is under way at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/ledger.hpp"
#include "idmerge/disk/checkpoint.hpp"
#include "idmerge/disk/dead_letters.hpp"
#include "idmerge/disk/files.hpp"
#include "idmerge/disk/job.hpp"
#include "idmerge/disk/journal.hpp"
#include "idmerge/disk/timeline.hpp"

namespace idmerge {

/// Where a run stands on disk. Shape: `checkpoint` is the saved one with the journals applied; its
/// ledger, letters and nothing else differ from the file.
struct RunState {
  Checkpoint checkpoint;
  std::uint64_t generation_top = 0;  // the highest journal seen
  std::uint64_t replayed = 0;        // journal entries applied
  std::vector<std::string> notes;    // sentences for people: what was cut or ignored, and why
};

/// Apply what a journal says to a ledger; false, with nothing changed, if the two contradict each
/// other.
bool replay(Ledger& ledger, const JournalEntry& entry);

/// Of the links in these ranges, those that are not settled.
std::vector<std::uint64_t> pending_of(const std::vector<LinkRange>& ranges, const Ledger& ledger);

/// Ordinals in any order, some of them perhaps twice, as ranges.
std::vector<LinkRange> ranges_of(std::vector<std::uint64_t> ordinals);

/// Read where a run stands, changing nothing; nullopt if it has not begun. Works beside a running
/// process.
///
/// Errors: Errc::input if checkpoint or dead letters are damaged or of another plan.
Result<std::optional<RunState>> read_run(Files& files, const RunPaths& paths, const Digest& plan);

/// A consistent moment, on its way to the disk. Plain data: made by the io thread, saved by the
/// disk thread.
struct Snapshot {
  Checkpoint checkpoint;
  std::uint64_t journal_before = 0;  // the oldest generation that it makes superfluous
  std::uint64_t handed_out = 0;      // links that had left when it was taken
  std::int64_t taken_s = 0;          // when that was; since 1970, rounded down
};

/// The disk thread's half.
class RunSaver {
 public:
  static Result<RunSaver> open(Files& files, const RunPaths& paths);

  /// Sync the dead letters, replace the checkpoint, remove the journals before it, and note in the
  /// timeline how far the run was.
  ///
  /// Errors: Errc::outage; the checkpoint before stays in force. Stop the run.
  Result<void> save(const Snapshot& snapshot);

 private:
  RunSaver(Files& files, RunPaths paths, File letters);

  Files* files_;
  RunPaths paths_;
  File letters_;  // a handle of its own: the io thread appends through another
  Timeline timeline_;
};

/// The io thread's half.
class RunLog {
 public:
  /// Begin a run: the first checkpoint is durable when this returns, before any link is sent.
  ///
  /// Shape: of `first` the caller fills plan, target, words, pinned time, in_flight_max, ahead_max,
  /// boot and ledger.links. Errors: Errc::usage if the run has begun already.
  static Result<RunLog> begin(Files& files, const RunPaths& paths, Checkpoint first);

  /// Go on from what read_run() found: cut the dead letters, save a checkpoint with what the
  /// journals said, begin a new generation. The run counts as unfinished again; words, boot, the
  /// two limits and the links in doubt are as the caller left them in `state`.
  static Result<RunLog> resume(Files& files, const RunPaths& paths, RunState state);

  const Ledger& ledger() const { return ledger_; }

  /// Where the run stands: the facts, with what was settled up to now.
  Checkpoint now() const;

  /// Links that were settled in all rounds, and how many of them were delivered.
  std::uint64_t settled() const { return delivered() + facts_.refused_before + ledger_.refused(); }
  std::uint64_t delivered() const { return facts_.delivered_before + ledger_.delivered(); }

  /// Links that this process has settled or parked; one that was parked twice counts twice.
  std::uint64_t put_away() const { return put_away_; }

  /// The length of refused.ndjson, once all is flushed.
  std::uint64_t letters_bytes() const { return letters_.end().bytes; }

  /// Facts that the next snapshot takes along; plan, ledger, letters and generation are ours.
  Checkpoint& facts() { return facts_; }
  const Checkpoint& facts() const { return facts_; }

  /// Settle links. Shape: on disk after flush(). Bug: see Ledger.
  void deliver(std::uint64_t first, std::uint32_t count, std::uint32_t attempts,
               bool ambiguous = false);

  /// `letter` is one line of JSON without its newline.
  void refuse(std::uint64_t ordinal, std::uint32_t attempts, std::string_view letter);
  void park(std::uint64_t ordinal, std::uint32_t attempts);

  /// Links that are not to be sent; needs no entry, as the plan says so again.
  void pass(std::uint64_t first, std::uint64_t count = 1) { ledger_.pass(first, count); }

  /// May another link leave now? Not when as many have left since the checkpoint that is durable as
  /// this one foresaw: how many are in doubt after a power loss would not be known.
  bool may_hand_out() const { return handed_out_ < handed_out_max_; }

  /// A link leaves. Bug unless it may.
  void hand_out();
  std::uint64_t handed_out() const { return handed_out_; }

  /// A snapshot is durable, taken when so many had left: as many more may leave as it foresaw.
  void saved(std::uint64_t handed_out, std::uint64_t ahead_max) {
    handed_out_max_ = handed_out + ahead_max;
  }

  /// Write what was settled since: before the next requests leave.
  ///
  /// Errors: Errc::outage. Nothing may be settled, flushed or saved afterwards; a later run
  /// resumes from what is on disk.
  Result<void> flush();

  /// Flush, begin the journal's next generation and say what to save.
  ///
  /// Errors: as flush().
  Result<Snapshot> snapshot();

  /// Begin the next round, of so many links: what was settled so far counts as before, and the
  /// ledger starts anew. The journals do not say to which round they belong, so the snapshot must
  /// be saved before anything of the round is settled.
  ///
  /// Errors: as flush(). Bug unless the round before is settled whole.
  Result<Snapshot> begin_round(std::uint64_t round_links);

  /// A snapshot of the end of a run: nothing is in flight any more, but `unanswered` links were
  /// sent and never answered.
  Result<Snapshot> last_snapshot(bool finished, int exit_code,
                                 const std::vector<std::uint64_t>& unanswered = {});

 private:
  RunLog(Files& files, RunPaths paths, Checkpoint facts, Ledger ledger, DeadLetters letters,
         Journal journal);
  static Result<RunLog> start(Files& files, const RunPaths& paths, Checkpoint checkpoint);
  void note(std::uint64_t first, std::uint32_t count, Fate fate, std::uint32_t attempts,
            bool ambiguous);

  Files* files_;
  RunPaths paths_;
  Checkpoint facts_;
  Ledger ledger_;
  DeadLetters letters_;
  Journal journal_;
  std::uint64_t put_away_ = 0;
  std::uint64_t handed_out_ = 0;      // links that left in this run
  std::uint64_t handed_out_max_ = 0;  // until another snapshot is durable
  bool broken_ = false;
};

}  // namespace idmerge
