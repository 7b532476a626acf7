// SPDX-License-Identifier: MIT
//
// Records what the workers send and settle. All outcomes of one turn of the event loop are written
// at its end with one write(), and announced requests are written before they are sent. Once a
// second a snapshot goes to the sync thread. After a disk error nothing is settled any more: the
// data on disk stays valid, and a later run sends the rest again.
//
// If the answers of a connection turn out to be in doubt (it gave more answers than it had
// requests), the outcomes it produced since the last snapshot was taken are taken back; older ones
// are durable and stay.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "send/link_set.hpp"
#include "send/run_log.hpp"
#include "send/snapshot_saver.hpp"
#include "util/clock.hpp"
#include "util/result.hpp"

namespace idmerge::send {

/// Result of taking back the outcomes of connections whose answers are in doubt.
struct Doubted {
  LinkSet again;               // were settled and must be sent again
  std::uint64_t answered = 0;  // links in the recorded answers of these connections
};

class RunRecorder {
 public:
  /// Queues work in the event loop, after the work that is already queued. Thread safety: called
  /// from the io thread and from the sync thread.
  using Post = std::function<void(std::function<void()>)>;

  /// `broken` is called once, at the first disk error. Lifetime: `log` must outlive the recorder.
  RunRecorder(RunLog& log, std::unique_ptr<SnapshotSaver> saver, Post post,
              std::function<void(const Error&)> broken);
  RunRecorder(const RunRecorder&) = delete;
  RunRecorder& operator=(const RunRecorder&) = delete;

  const Ledger& ledger() const { return log_.ledger(); }
  const RunLog& log() const { return log_; }

  /// Record outcomes, as in RunLog; no effect after a disk error.
  void deliver(std::uint64_t first, std::uint32_t count, std::uint32_t attempts);
  void deliver_ambiguous(std::uint64_t ordinal, std::uint32_t attempts, std::string_view letter);
  void refuse(std::uint64_t ordinal, std::uint32_t attempts, std::string_view letter);
  void park(std::uint64_t ordinal, std::uint32_t attempts);

  /// Announce the request of these links before it is sent, or withdraw it, as in RunLog. Requires:
  /// ordinals ascending.
  void attempt(std::span<const std::uint64_t> ordinals);
  void withdraw(std::span<const std::uint64_t> ordinals);

  /// Records that a connection gave an answer to these links. Requires: called before the answer is
  /// evaluated; `line` is the number of the connection; ordinals ascending.
  void note_answer(std::uint64_t line, std::span<const std::uint64_t> ordinals);

  /// Connections gave more answers than they had requests, so each answer may belong to another
  /// link: reopens all links that were settled through them since the last snapshot was taken, and
  /// marks the links that were answered without being settled as in doubt. Durable when this
  /// returns.
  Doubted in_doubt(std::span<const std::uint64_t> lines);

  /// Writes the announced requests. Returns: false after a disk error; then no request may be sent.
  bool write_attempts();

  /// Links settled by this run, and those of them that were refused.
  std::uint64_t settled() const { return settled_; }
  std::uint64_t refused() const { return refused_; }

  /// Returns whether a snapshot is due. If so, check the connections for surplus answers before it
  /// is taken.
  bool is_due(Instant now, std::chrono::milliseconds every);

  /// Passes a snapshot to the sync thread if one is due.
  void save_when_due(Instant now, std::chrono::milliseconds every);

  /// Records a new limit of the service; a snapshot of it is due at once.
  void set_limit(const KnownLimit& limit);

  /// Records the current state of the limit for the next snapshot, without making one due.
  void update_limit(const KnownLimit& limit) { log_.facts().limit = limit; }

  /// Writes the pending outcomes now instead of at the end of the turn.
  /// Returns: the valid length of refused.ndjson. Units: bytes.
  Result<std::uint64_t> write_letters();

  /// Begins the next round durably, as in RunLog. Requires: no request is in flight.
  Result<void> begin_round(std::uint64_t round_links, std::uint64_t ceiling);

  /// Makes the end of the run durable. Requires: `last_round` only if no other round follows.
  Result<void> finish(int exit_code, bool last_round = true);

 private:
  /// Links with consecutive ordinals that were answered on one connection.
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
  std::uint64_t ceiling_under_way_ = 0;  // of the snapshot being saved
  bool limit_is_new_ = false;
  std::vector<Answered> answered_;  // since the last snapshot was taken
  std::optional<Error> error_;
  Instant saved_at_{};
  std::unique_ptr<SnapshotSaver> saver_;  // last member: its thread ends before the others do
};

}  // namespace idmerge::send
