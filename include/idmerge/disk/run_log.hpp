// SPDX-License-Identifier: MIT
//
// The memory of a run: ledger, journal, dead letters and checkpoint as one thing, so that the order
// in which they are written, on which laws 2 and 3 rest, stands in one place.
//
//   io thread    attempt · flush · request leaves  \ letters, then journal: one write() each, no
//                settle ... settle · flush         / sync
//                take a snapshot                  the journal's next generation begins
//   disk thread  save the snapshot                sync letters, replace checkpoint, drop old
//                                                 journals, append to the timeline
//
// After a kill everything flushed is known, so also which links had left without being settled.
// After a power loss everything saved is known, and what can be read of the rest if it fits
// together; links that left since then are those below the checkpoint's ceiling, which sending
// never passes. At most one snapshot is under way at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/ledger.hpp"
#include "idmerge/core/link_set.hpp"
#include "idmerge/disk/checkpoint.hpp"
#include "idmerge/disk/dead_letters.hpp"
#include "idmerge/disk/files.hpp"
#include "idmerge/disk/job.hpp"
#include "idmerge/disk/journal.hpp"
#include "idmerge/disk/timeline.hpp"

namespace idmerge {

/// Where a run stands on disk. Shape: `checkpoint` is the saved one with the journals applied; its
/// ledger, letters, links in doubt and nothing else differ from the file.
struct RunState {
  Checkpoint checkpoint;
  std::uint64_t generation_top = 0;  // the highest journal seen
  std::uint64_t replayed = 0;        // journal entries applied
  bool journal_lost = false;         // journals are not all there: what they said is not known
  std::vector<std::string> notes;    // sentences for people: what was cut or ignored, and why
};

/// Apply what a journal says to a ledger; false, with nothing changed, if the two contradict each
/// other.
bool replay(Ledger& ledger, const JournalEntry& entry);

/// Of these links those that are not settled.
LinkSet pending_of(const LinkSet& links, const Ledger& ledger);

/// Read where a run stands, changing nothing; nullopt if it has not begun. Works beside a running
/// process.
///
/// Errors: Errc::input if checkpoint or dead letters are damaged or of another plan.
Result<std::optional<RunState>> read_run(Files& files, const RunPaths& paths, const Digest& plan);

/// Fates that were taken back.
struct TakenBack {
  LinkSet links;
  std::uint64_t refused = 0;  // of them
};

/// A consistent moment, on its way to the disk. Plain data: made by the io thread, saved by the
/// disk thread.
struct Snapshot {
  Checkpoint checkpoint;
  std::uint64_t journal_before = 0;  // the oldest generation that it makes superfluous
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
  RunSaver(Files& files, RunPaths paths, File letters, File ambiguous);

  Files* files_;
  RunPaths paths_;
  File letters_;  // handles of its own: the io thread appends through others
  File ambiguous_;
  std::uint64_t ambiguous_synced_ = 0;  // bytes of it
  Timeline timeline_;
};

/// The io thread's half.
class RunLog {
 public:
  /// Begin a run: the first checkpoint is durable when this returns, before any link is sent.
  ///
  /// Shape: of `first` the caller fills plan, target, words, pinned time, in_flight_max, ceiling,
  /// boot and ledger.links. Errors: Errc::usage if the run has begun already.
  static Result<RunLog> begin(Files& files, const RunPaths& paths, Checkpoint first);

  /// Go on from what read_run() found: cut the dead letters, save a checkpoint with what the
  /// journals said, begin a new generation. The run counts as unfinished again; words, boot,
  /// in_flight_max, ceiling and the links in doubt are as the caller left them in `state`.
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

  /// The request of these links is about to leave: not before flush() has written that.
  void attempt(std::uint64_t first, std::uint32_t count);

  /// After all they were not attempted: nothing was written to the connection, or the service
  /// answered that it took nothing. Those in doubt since before this run stay so.
  void withdraw(std::uint64_t first, std::uint32_t count);

  /// May a run before this one have delivered the link?
  bool was_in_doubt(std::uint64_t ordinal) const { return facts_.in_doubt.contains(ordinal); }

  /// May it be delivered, by this run or one before?
  bool is_in_doubt(std::uint64_t ordinal) const {
    return was_in_doubt(ordinal) || attempted_.contains(ordinal);
  }

  /// Settle links. Shape: on disk after flush(). Bug: see Ledger.
  void deliver(std::uint64_t first, std::uint32_t count, std::uint32_t attempts);

  /// The link was in doubt, and now the service says that it is linked already: by us, it seems.
  void deliver_ambiguous(std::uint64_t ordinal, std::uint32_t attempts, std::string_view letter);

  /// `letter` is one line of JSON without its newline.
  void refuse(std::uint64_t ordinal, std::uint32_t attempts, std::string_view letter);
  void park(std::uint64_t ordinal, std::uint32_t attempts);

  /// The answers to these links may have been those of others: what was settled by them is pending
  /// again, its letters are taken out, and all of them are in doubt. The journal does not say so: a
  /// snapshot must be saved before anything else is written.
  ///
  /// Shape: only links that were answered since the last snapshot was taken.
  /// Errors: as flush().
  Result<TakenBack> reopen(const LinkSet& answered);

  /// Links that are not to be sent; needs no entry, as the plan says so again.
  void pass(std::uint64_t first, std::uint64_t count = 1) { ledger_.pass(first, count); }

  /// May this link leave? Not at the ceiling of the checkpoint that is durable, or behind it.
  bool may_hand_out(std::uint64_t ordinal) const { return ordinal < durable_ceiling_; }

  /// A link is taken to be sent. Bug unless it may leave.
  void hand_out(std::uint64_t ordinal);

  /// The next link to be sent is this one, and it may not leave yet: what lies before it, links
  /// that are not sent among them, is used up.
  void wait_for_ceiling(std::uint64_t ordinal) {
    handed_out_end_ = std::max(handed_out_end_, ordinal);
  }

  /// Let the next snapshot promise this ceiling, unless it has a higher one.
  void raise_ceiling(std::uint64_t ceiling) { facts_.ceiling = std::max(facts_.ceiling, ceiling); }

  /// Is a snapshot due so that links can go on leaving: has less than half of what the next one
  /// allows not been used up?
  bool needs_ceiling() const;

  /// A snapshot with this ceiling is durable.
  void saved(std::uint64_t ceiling) { durable_ceiling_ = ceiling; }

  /// Write what was settled since: before the next requests leave.
  ///
  /// Errors: Errc::outage. Nothing may be settled, flushed or saved afterwards; a later run
  /// resumes from what is on disk.
  Result<void> flush();

  /// Flush, begin the journal's next generation and say what to save.
  ///
  /// Errors: as flush().
  Result<Snapshot> snapshot();

  /// Begin the next round, of so many links, with this ceiling: what was settled so far counts as
  /// before, and the ledger starts anew. The journals do not say to which round they belong, so the
  /// snapshot must be saved before anything of the round is settled.
  ///
  /// Errors: as flush(). Bug unless the round before is settled whole.
  Result<Snapshot> begin_round(std::uint64_t round_links, std::uint64_t ceiling);

  /// A snapshot of the end of a run: nothing is in flight any more. In doubt are exactly the links
  /// that were attempted and are not settled.
  Result<Snapshot> last_snapshot(bool finished, int exit_code);

 private:
  RunLog(Files& files, RunPaths paths, Checkpoint facts, Ledger ledger, DeadLetters letters,
         DeadLetters ambiguous, Journal journal);
  static Result<RunLog> start(Files& files, const RunPaths& paths, Checkpoint checkpoint);
  void add_entry(JournalEntry entry, LettersEnd end);
  void settle(std::uint64_t first, std::uint32_t count);

  /// A letter that was written since the last snapshot was taken.
  struct RecentLetter {
    std::uint64_t ordinal = 0;
    LettersEnd begin;
  };
  std::vector<LettersEnd> reopen_listed(const std::vector<RecentLetter>& letters,
                                        const LinkSet& answered, Settled as, LinkSet& links);

  Files* files_;
  RunPaths paths_;
  Checkpoint facts_;  // its links in doubt are those of earlier runs, however they end in this one
  Ledger ledger_;
  DeadLetters letters_;
  DeadLetters ambiguous_;
  std::vector<RecentLetter> recent_letters_;
  std::vector<RecentLetter> recent_ambiguous_;
  Journal journal_;
  LinkSet attempted_;  // by this run, not settled or withdrawn
  std::uint64_t put_away_ = 0;
  std::uint64_t handed_out_end_ = 0;  // before the next link that may be taken to be sent
  std::uint64_t durable_ceiling_ = 0;
  bool broken_ = false;
};

}  // namespace idmerge
