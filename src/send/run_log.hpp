// SPDX-License-Identifier: MIT
//
// The persistent state of a run: ledger, journal, dead letters and checkpoint behind one interface,
// so that the order of their writes, on which laws 2 and 3 (README.md) rest, is defined in one
// place.
//
//   io thread    attempt · flush · request sent   \ dead letters, then journal: one write() each,
//                settle ... settle · flush        / no sync
//                take a snapshot                  the journal's next generation begins
//   sync thread  save the snapshot                sync dead letters, replace the checkpoint, remove
//                                                 old journals, append to the timeline
//
// After a kill everything that was flushed is known, including the links that were sent but not
// settled. After a power loss everything that was saved is known, and of the rest the longest valid
// beginning that can still be read; links sent since the last save are below the checkpoint's
// ceiling, which sending never passes. At most one snapshot is being saved at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/files.hpp"
#include "plan/job_paths.hpp"
#include "send/checkpoint.hpp"
#include "send/dead_letters.hpp"
#include "send/journal.hpp"
#include "send/ledger.hpp"
#include "send/link_set.hpp"
#include "send/progress_log.hpp"
#include "util/clock.hpp"
#include "util/result.hpp"

namespace idmerge::send {

/// The state of a run on disk. `checkpoint` is the saved one with the journals applied: only its
/// ledger, its letters and its links in doubt differ from the file.
struct RunState {
  Checkpoint checkpoint;
  std::uint64_t generation_top = 0;  // the highest generation found
  std::uint64_t replayed = 0;        // journal entries applied
  bool journal_lost = false;  // journals are missing or incomplete, and their entries are unknown
  std::vector<std::string> notes;  // messages for people: what was cut off or ignored, and why
};

/// Apply a journal entry to a ledger. Returns: false, with nothing changed, if they contradict each
/// other.
bool replay(Ledger& ledger, const JournalEntry& entry);

/// Returns: those of the links that are not settled.
LinkSet pending_of(const LinkSet& links, const Ledger& ledger);

/// Read the state of a run without changing anything. Safe while another process works on the run.
///
/// Returns: nullopt if the run has not begun.
/// Errors: Errc::input if checkpoint or dead letters are damaged or belong to another plan.
Result<std::optional<RunState>> read_run(io::Files& files, const plan::RunPaths& paths,
                                         const util::Digest& plan);

/// Links whose outcomes were taken back.
struct TakenBack {
  LinkSet links;
  std::uint64_t refused = 0;  // of these links
};

/// A consistent state of the run. Thread safety: plain data, created by the io thread and saved by
/// the sync thread.
struct Snapshot {
  Checkpoint checkpoint;
  std::uint64_t journal_before = 0;  // the oldest generation that may be removed once this is saved
  std::int64_t taken_s = 0;          // when it was taken; seconds since 1970, rounded down
};

/// Saves snapshots. Thread safety: used by the sync thread during a run.
class RunSaver {
 public:
  static Result<RunSaver> open(io::Files& files, const plan::RunPaths& paths);

  /// Sync the dead letters, replace the checkpoint, remove the older journals, and append the
  /// progress to the timeline.
  ///
  /// Errors: Errc::outage; the previous checkpoint stays valid, and the run must be stopped.
  Result<void> save(const Snapshot& snapshot);

 private:
  RunSaver(io::Files& files, plan::RunPaths paths, io::File letters, io::File ambiguous);

  io::Files* files_;
  plan::RunPaths paths_;
  io::File letters_;  // separate handles: the io thread appends through its own
  io::File ambiguous_;
  std::uint64_t ambiguous_synced_ = 0;  // length of ambiguous.ndjson at its last sync
  ProgressLog progress_log_;
};

/// Records the progress of a run. Thread safety: used by the io thread only.
class RunLog {
 public:
  /// Begin a run. The first checkpoint is durable when this returns, before any link is sent.
  ///
  /// Requires: `first` has plan, target, words, pinned time, in_flight_max, ceiling, boot and
  /// ledger.links.
  /// Errors: Errc::usage if the run has begun already.
  static Result<RunLog> begin(io::Files& files, const plan::RunPaths& paths, Checkpoint first,
                              const util::Clock& clock = util::machine_clock());

  /// Resume from the state that read_run() returned: cut the dead letters, save a checkpoint with
  /// the journals applied, and begin a new generation. The run counts as unfinished again.
  ///
  /// Requires: the caller has updated words, boot, in_flight_max, ceiling and the links in doubt in
  /// `state`.
  static Result<RunLog> resume(io::Files& files, const plan::RunPaths& paths, RunState state,
                               const util::Clock& clock = util::machine_clock());

  const Ledger& ledger() const { return ledger_; }

  /// Returns: the current state as a checkpoint, with all outcomes so far.
  Checkpoint now() const;

  /// Links settled in all rounds, and those of them that were delivered.
  std::uint64_t settled() const { return delivered() + facts_.refused_before + ledger_.refused(); }
  std::uint64_t delivered() const { return facts_.delivered_before + ledger_.delivered(); }

  /// Number of links that this process has settled or parked; a link that was parked twice counts
  /// twice.
  std::uint64_t put_away() const { return put_away_; }

  /// Returns: the length of refused.ndjson after the next flush().
  std::uint64_t letters_bytes() const { return letters_.end().bytes; }

  /// The facts that the next snapshot will contain. Plan, ledger, letters and generation must not
  /// be changed.
  Checkpoint& facts() { return facts_; }
  const Checkpoint& facts() const { return facts_; }

  /// Announce a request before it is sent. It must not be sent before flush() has succeeded.
  void attempt(std::uint64_t first, std::uint32_t count);

  /// Withdraw an announcement: nothing was written to the connection, or the service answered that
  /// it took nothing. Links that were in doubt before this run remain in doubt.
  void withdraw(std::uint64_t first, std::uint32_t count);

  /// Returns whether an earlier run may have delivered the link.
  bool was_in_doubt(std::uint64_t ordinal) const { return facts_.in_doubt.contains(ordinal); }

  /// Returns whether this run or an earlier one may have delivered the link.
  bool is_in_doubt(std::uint64_t ordinal) const {
    return was_in_doubt(ordinal) || attempted_.contains(ordinal);
  }

  /// Settle links. The outcomes are on disk after flush(). Bug: see Ledger.
  void deliver(std::uint64_t first, std::uint32_t count, std::uint32_t attempts);

  /// Settle a link that was in doubt and is now reported as already linked: most likely by idmerge.
  void deliver_ambiguous(std::uint64_t ordinal, std::uint32_t attempts, std::string_view letter);

  /// Requires: `letter` is one line of JSON without its newline.
  void refuse(std::uint64_t ordinal, std::uint32_t attempts, std::string_view letter);
  void park(std::uint64_t ordinal, std::uint32_t attempts);

  /// Take back the outcomes of answered links, because the answers may have belonged to other
  /// links: settled ones are pending again, their letters are removed, and all of them are in
  /// doubt. The journal does not record this: a snapshot must be saved before anything else is
  /// written.
  ///
  /// Requires: all links were answered since the last snapshot was taken.
  /// Errors: as flush().
  Result<TakenBack> reopen(const LinkSet& answered);

  /// Mark links that are not to be sent. There is no journal entry, because this follows from the
  /// plan.
  void pass(std::uint64_t first, std::uint64_t count = 1) { ledger_.pass(first, count); }

  /// Returns whether this link may be sent: only links below the ceiling of the durable checkpoint
  /// may.
  bool may_hand_out(std::uint64_t ordinal) const { return ordinal < durable_ceiling_; }

  /// Record that a link is taken to be sent. Bug unless may_hand_out().
  void hand_out(std::uint64_t ordinal);

  /// Record that this is the next link to be sent and that it may not be sent yet: all links before
  /// it, including those that are not sent, count as handed out.
  void wait_for_ceiling(std::uint64_t ordinal) {
    handed_out_end_ = std::max(handed_out_end_, ordinal);
  }

  /// Raise the ceiling of the next snapshot; never lowers it.
  void raise_ceiling(std::uint64_t ceiling) { facts_.ceiling = std::max(facts_.ceiling, ceiling); }

  /// Returns whether a snapshot is due so that sending can continue: fewer links remain below the
  /// durable ceiling than half of those that remain below the next one.
  bool needs_ceiling() const;

  /// Record that a snapshot with this ceiling is durable.
  void saved(std::uint64_t ceiling) { durable_ceiling_ = ceiling; }

  /// Write the buffered entries. Must succeed before the next requests are sent.
  ///
  /// Errors: Errc::outage. Nothing may be settled, flushed or saved afterwards; a later run resumes
  /// from the state on disk.
  Result<void> flush();

  /// Flush, begin the journal's next generation, and return the snapshot to save.
  ///
  /// Errors: as flush().
  Result<Snapshot> snapshot();

  /// Begin the next round, of `round_links` links, with this ceiling: the outcomes so far are added
  /// to those of earlier rounds, and the ledger is reset. Journals do not record their round, so
  /// the snapshot must be saved before any link of the round is settled.
  ///
  /// Errors: as flush(). Bug unless the previous round is completely settled.
  Result<Snapshot> begin_round(std::uint64_t round_links, std::uint64_t ceiling);

  /// Return a snapshot for the end of a run. No request is in flight; in doubt are exactly the
  /// links that were attempted and are not settled.
  Result<Snapshot> last_snapshot(bool finished, int exit_code);

 private:
  RunLog(io::Files& files, plan::RunPaths paths, Checkpoint facts, Ledger ledger,
         DeadLetters letters, DeadLetters ambiguous, Journal journal, const util::Clock& clock);
  static Result<RunLog> start(io::Files& files, const plan::RunPaths& paths, Checkpoint checkpoint,
                              const util::Clock& clock);
  void add_entry(JournalEntry entry, LettersEnd end);
  void settle(std::uint64_t first, std::uint32_t count);

  /// A dead letter that was added since the last snapshot was taken.
  struct RecentLetter {
    std::uint64_t ordinal = 0;
    LettersEnd begin;
  };
  std::vector<LettersEnd> reopen_listed(const std::vector<RecentLetter>& letters,
                                        const LinkSet& answered, Settled as, LinkSet& links);

  io::Files* files_;
  const util::Clock* clock_;
  plan::RunPaths paths_;
  Checkpoint facts_;  // its in_doubt has the links in doubt before this run, even if settled since
  Ledger ledger_;
  DeadLetters letters_;
  DeadLetters ambiguous_;
  std::vector<RecentLetter> recent_letters_;
  std::vector<RecentLetter> recent_ambiguous_;
  Journal journal_;
  LinkSet attempted_;  // by this run, and neither settled nor withdrawn
  std::uint64_t put_away_ = 0;
  std::uint64_t handed_out_end_ = 0;  // the next link to be sent is at or past this ordinal
  std::uint64_t durable_ceiling_ = 0;
  bool broken_ = false;
};

}  // namespace idmerge::send
