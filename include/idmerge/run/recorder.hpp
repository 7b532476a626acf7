// SPDX-License-Identifier: MIT
//
// What the lanes send and settle, on its way to the disk. Everything that is settled in one turn of
// the event loop is written at its end, with one write(), and what is about to leave before it
// does; once a second a snapshot goes to the disk thread. When the disk fails, nothing is settled
// any more: what is on disk stays true, and the rest is sent again by a later run.
//
// Whose answers turn out to be in doubt (a line gave more of them than it was asked for) loses the
// fates that came by that line since the last snapshot was taken; older ones are durable.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "idmerge/base/result.hpp"
#include "idmerge/core/bucket.hpp"
#include "idmerge/core/link_set.hpp"
#include "idmerge/disk/run_log.hpp"
#include "idmerge/run/disk_thread.hpp"

namespace idmerge {

/// What becomes of the links that were answered on lines which are in doubt.
struct Doubted {
  LinkSet again;               // were settled, and are to be sent again
  std::uint64_t answered = 0;  // links in the answers that were looked at anew
};

class Recorder {
 public:
  /// How a piece of work gets into the event loop, behind what is waiting there; called from the
  /// loop and from the disk thread.
  using Post = std::function<void(std::function<void()>)>;

  /// Shape: `broken` is called once, when the disk fails. `log` must outlive the recorder.
  Recorder(RunLog& log, RunSaver saver, Post post, std::function<void(const Error&)> broken);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  const Ledger& ledger() const { return log_.ledger(); }
  const RunLog& log() const { return log_; }

  /// Settle links, as RunLog; nothing happens when the disk has failed.
  void deliver(std::uint64_t first, std::uint32_t count, std::uint32_t attempts);
  void deliver_ambiguous(std::uint64_t ordinal, std::uint32_t attempts, std::string_view letter);
  void refuse(std::uint64_t ordinal, std::uint32_t attempts, std::string_view letter);
  void park(std::uint64_t ordinal, std::uint32_t attempts);

  /// The request of these links is about to leave, or did not after all: as RunLog. Shape: ordinals
  /// ascending.
  void attempt(std::span<const std::uint64_t> ordinals);
  void withdraw(std::span<const std::uint64_t> ordinals);

  /// An answer to these links came on a line. Shape: called before anything is made of it; `line`
  /// is the number of the connection, ordinals ascending.
  void note_answer(std::uint64_t line, std::span<const std::uint64_t> ordinals);

  /// Lines gave more answers than they were asked for, so that each answer may be another link's:
  /// all that was settled on them since the last snapshot was taken is to be sent again, and what
  /// was answered and not settled is in doubt. Durable when this returns.
  Doubted doubt(std::span<const std::uint64_t> lines);

  /// Write which links are about to leave; false when the disk has failed, and then none may.
  bool write_attempts();

  /// Links settled by this run, and how many of them were refused.
  std::uint64_t settled() const { return settled_; }
  std::uint64_t refused() const { return refused_; }

  /// Is a snapshot due? Then what is on the lines is to be looked at first.
  bool is_due(Instant now, std::chrono::milliseconds every);

  /// Send a snapshot to the disk thread if one is due.
  void save_when_due(Instant now, std::chrono::milliseconds every);

  /// What the service let know about its limit: a snapshot of it is due at once.
  void set_limit(const KnownLimit& limit);

  /// What is known of it and sent meanwhile: to be said by the next snapshot, whenever that is.
  void update_limit(const KnownLimit& limit) { log_.facts().limit = limit; }

  /// Write what was settled, as the end of the turn would do.
  /// Units: bytes of refused.ndjson that count now.
  Result<std::uint64_t> write_letters();

  /// Begin the next round, durably: see RunLog. Nothing may be under way.
  Result<void> begin_round(std::uint64_t round_links, std::uint64_t ceiling);

  /// Make the end of the run durable. Shape: `last_round` when no other one follows.
  Result<void> finish(int exit_code, bool last_round = true);

 private:
  /// Links with consecutive ordinals that were answered on a line.
  struct Answered {
    std::uint64_t line = 0;
    std::uint64_t first = 0;
    std::uint64_t count = 0;
  };

  void schedule_flush();
  void flush();
  void collect();
  bool save_now();
  void break_off(const Error& error);

  RunLog& log_;
  Post post_;
  std::function<void(const Error&)> broken_;
  bool flush_posted_ = false;
  std::uint64_t settled_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t settled_when_saved_ = 0;
  std::uint64_t ceiling_under_way_ = 0;  // of the snapshot at the disk thread
  bool limit_is_new_ = false;
  std::vector<Answered> answered_;  // since the last snapshot was taken
  std::optional<Error> error_;
  Instant saved_at_{};
  DiskThread disk_;  // last: its thread ends before the rest
};

}  // namespace idmerge
